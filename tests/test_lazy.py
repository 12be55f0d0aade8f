"""Names of a package that are loaded when they are asked for."""

from __future__ import annotations

import importlib
import json
import re
import sys
from typing import Any

import pytest

from tests.test_front_door import run
from wsgimw.lazy import lazily

PACKAGES = ["wsgimw", "wsgimw.auth", "wsgimw.errors", "wsgimw.testing"]


def module(**names: Any) -> dict[str, Any]:
    return {"__name__": "shop", "__all__": ["dumps", "loads"], **names}


def test_a_name_is_loaded_once_and_kept() -> None:
    names = module()
    get, _ = lazily(names, {"dumps": "json"})
    assert "dumps" not in names
    assert get("dumps") is json.dumps is names["dumps"]


def test_nothing_is_loaded_before() -> None:
    code = (
        "import sys\nfrom wsgimw.lazy import lazily\n"
        "get, _ = lazily({'__name__': 'shop'}, {'parse': 'xml.dom.minidom'})\n"
        "before = 'xml.dom.minidom' in sys.modules\nget('parse' if not before else '')\n"
        "print(before, 'xml.dom.minidom' in sys.modules)"
    )
    assert run(code) == "False True"


def test_another_name_is_an_attribute_error() -> None:
    get, _ = lazily(module(), {"dumps": "json"})
    with pytest.raises(AttributeError, match=r"^module .shop. has no attribute .dump.$"):
        get("dump")


def test_a_home_without_the_name_says_so_itself() -> None:
    get, _ = lazily(module(), {"dumpz": "json"})
    with pytest.raises(AttributeError, match="module 'json' has no attribute 'dumpz'"):
        get("dumpz")


def test_dir_lists_what_is_there_and_what_is_offered() -> None:
    _, list_names = lazily(module(own=1), {"dumps": "json"})
    assert list_names() == ["__all__", "__name__", "dumps", "loads", "own"]


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_offers_what_it_lists(name: str) -> None:
    importlib.import_module(name)
    package = sys.modules[name]
    homes: dict[str, str] = vars(package)["_LAZY"]
    assert set(homes) <= set(package.__all__) <= set(dir(package))
    for offered, home in homes.items():
        value = getattr(package, offered)
        assert value is getattr(importlib.import_module(home), offered)
        assert vars(package)[offered] is value
    with pytest.raises(AttributeError, match=re.escape(f"{name!r} has no attribute 'Compres'")):
        package.Compres  # noqa: B018


def test_no_package_has_a_mechanism_of_its_own() -> None:
    for name in PACKAGES:
        importlib.import_module(name)
        assert vars(sys.modules[name])["__getattr__"].__module__ == "wsgimw.lazy"
