"""Every layer as a filter of PasteDeploy: its options, its mistakes, its entry point."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import inspect
import logging
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import webtest
from flit_core import buildapi
from paste.deploy import loadapp, loadfilter
from werkzeug.test import Client

import wsgimw
from tests import paste_site as site
from tests.venvs import ROOT
from wsgimw import (
    AccessLog,
    Authenticate,
    CatchErrors,
    Compress,
    Decompress,
    Gzip,
    Portable,
    RequestId,
    Require,
    Router,
    StaticFiles,
    StatusPages,
    compose,
    misuse,
    unless,
    when,
)
from wsgimw.auth import RemoteUser, role
from wsgimw.compress import CODINGS, TYPES
from wsgimw.paste import FILTERS
from wsgimw.paste.values import Scope, accepted, options_of
from wsgimw.testing import lint

if TYPE_CHECKING:
    from wsgimw import Layer

APP = "[app:site]\npaste.app_factory = tests.paste_site:make_app\n"
GROUP = "paste.filter_factory"


@pytest.fixture(scope="session")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make what an installation knows of the package: the entry points as they are now."""
    directory = tmp_path_factory.mktemp("metadata")
    with contextlib.chdir(ROOT):
        buildapi.prepare_metadata_for_build_wheel(str(directory))
    return directory


@pytest.fixture
def directory(metadata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for ini files, with the package installed as far as PasteDeploy looks."""
    monkeypatch.setattr(sys, "path", [str(metadata), *sys.path])
    importlib.invalidate_caches()
    yield tmp_path
    importlib.invalidate_caches()


def write(directory: Path, text: str, name: str = "site.ini") -> str:
    """Write an ini file; return its address for PasteDeploy."""
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return f"config:{path}"


def section(name: str, options: dict[str, str], head: str = "filter:it") -> str:
    lines = "".join(f"{option} = {text}\n" for option, text in options.items())
    return f"[{head}]\nuse = egg:wsgimw#{name}\n{lines}"


def lines(*texts: str) -> str:
    """Write a value of several lines."""
    return "".join(f"\n    {text}" for text in texts)


Expected = Callable[[Path], "Layer"]

# name of the filter, options as they are written, the layer that this is.
TABLE: list[tuple[str, str, dict[str, str], Expected]] = [
    ("nothing", "access_log", {}, lambda here: AccessLog()),
    ("name", "access_log", {"format": "json"}, lambda here: AccessLog(format="json")),
    (
        "template",
        "access_log",
        {"format": '%%h "%%r" %%>s'},
        lambda here: AccessLog(format='%h "%r" %>s'),
    ),
    (
        "path from here",
        "access_log",
        {"sink": "logs/access.log"},
        lambda here: AccessLog(sink=str(here / "logs" / "access.log")),
    ),
    (
        "absolute path",
        "access_log",
        {"sink": "%(here)s/access.log"},
        lambda here: AccessLog(sink=str(here / "access.log")),
    ),
    ("none", "access_log", {"sink": "none"}, lambda here: AccessLog()),
    (
        "call of a name",
        "access_log",
        {"sink": "logging:getLogger('shop')", "level": "logging:DEBUG"},
        lambda here: AccessLog(sink=logging.getLogger("shop"), level=logging.DEBUG),
    ),
    (
        "number or function",
        "access_log",
        {"level": "10", "keep": "tests.paste_site:keep"},
        lambda here: AccessLog(level=10, keep=site.keep),
    ),
    (
        "list by comma",
        "access_log",
        {"redact": "iban, pin"},
        lambda here: AccessLog(redact=("iban", "pin")),
    ),
    ("false for a list", "access_log", {"redact": "false"}, lambda here: AccessLog(redact=False)),
    ("a name like a bool", "access_log", {"redact": "no"}, lambda here: AccessLog(redact=("no",))),
    (
        "scheme",
        "authenticate",
        {"schemes": "tests.paste_site:scheme"},
        lambda here: Authenticate(site.scheme),
    ),
    (
        "schemes and the rest",
        "authenticate",
        {
            "schemes": lines("tests.paste_site:scheme", "wsgimw.auth:RemoteUser()"),
            "realm": "Staff: only",
            "required": "off",
            "forward_credentials": "False",
            "drain": "65_536",
            "on_event": "tests.paste_site:on_event",
        },
        lambda here: Authenticate(
            site.scheme,
            RemoteUser(),
            realm="Staff: only",
            required=False,
            forward_credentials=False,
            drain=65536,
            on_event=site.on_event,
        ),
    ),
    (
        "all",
        "catch_errors",
        {
            "debug": "yes",
            "report": "tests.paste_site:send",
            "handlers": lines(
                "KeyError = 404",
                "tests.paste_site:SoldOut = tests.paste_site:gone",
                "OSError=503",
            ),
            "render": "text/html = tests.paste_site:page",
            "log": "tests.paste_site:logger",
            "debug_hosts": "shop.test",
            "debug_peers": "192.0.2.7 , 10.0.0.0/8",
        },
        lambda here: CatchErrors(
            debug=True,
            report=site.send,
            handlers={KeyError: 404, site.SoldOut: site.gone, OSError: 503},
            render={"text/html": site.page},
            log=site.logger,
            debug_hosts=("shop.test",),
            debug_peers=("192.0.2.7", "10.0.0.0/8"),
        ),
    ),
    (
        "several reporters, no log",
        "catch_errors",
        {"report": "tests.paste_site:send, tests.paste_site:send_too", "log": "f"},
        lambda here: CatchErrors(report=(site.send, site.send_too), log=False),
    ),
    (
        "router of the app's own",
        "compose",
        {"layers": "tests.paste_site:router"},
        lambda here: compose(site.router),
    ),
    (
        "stack and layer",
        "compose",
        {"layers": lines("tests.paste_site:stack", "tests.paste_site:stamped(name='X')")},
        lambda here: compose(site.stack, site.stamped(name="X")),
    ),
    (
        "all",
        "compress",
        {
            "codings": "gzip",
            "levels": "gzip = 9",
            "min_size": "1000",
            "types": lines("text/*", "application/json"),
            "flush": "0",
            "breach_guard": "n",
            "cache_size": "1_048_576",
            "server_timing": "t",
        },
        lambda here: Compress(
            codings=("gzip",),
            levels={"gzip": 9},
            min_size=1000,
            types=("text/*", "application/json"),
            flush=False,
            breach_guard=False,
            cache_size=1048576,
            server_timing=True,
        ),
    ),
    (
        "mapping by name",
        "compress",
        {"codings": "gzip", "levels": "tests.paste_site:levels"},
        lambda here: Compress(codings=("gzip",), levels={"gzip": 3}),
    ),
    (
        "all",
        "decompress",
        {"codings": "gzip,", "max_size": "500"},
        lambda here: Decompress(codings=("gzip",), max_size=500),
    ),
    ("level alone", "gzip", {"level": "9"}, lambda here: Gzip(level=9)),
    (
        "options of Compress",
        "gzip",
        {
            "min_size": "0",
            "types": "*",
            "flush": "true",
            "breach_guard": "on",
            "cache_size": "1",
            "server_timing": "1",
        },
        lambda here: Gzip(min_size=0, types=("*",), cache_size=1, server_timing=True),
    ),
    (
        "all",
        "portable",
        {"buffer_chunked": "65_536", "max_body": "1_000", "guard_exit": "no"},
        lambda here: Portable(buffer_chunked=65536, max_body=1000, guard_exit=False),
    ),
    ("a size or none", "portable", {"buffer_chunked": "none"}, lambda here: Portable()),
    (
        "all",
        "request_id",
        {
            "header": "X-Trace",
            "trust": "10.0.0.0/8, unix, ::1",
            "trace": "TRUE",
            "generate": "tests.paste_site:new_id",
        },
        lambda here: RequestId(
            header="X-Trace", trust=("10.0.0.0/8", "unix", "::1"), trace=True, generate=site.new_id
        ),
    ),
    (
        "one network",
        "request_id",
        {"trust": "127.0.0.1"},
        lambda here: RequestId(trust=("127.0.0.1",)),
    ),
    ("everybody", "request_id", {"trust": "true"}, lambda here: RequestId(trust=True)),
    (
        "a question",
        "request_id",
        {"trust": "tests.paste_site:is_api"},
        lambda here: RequestId(trust=site.is_api),
    ),
    ("a word", "require", {"rules": "authenticated"}, lambda here: Require("authenticated")),
    (
        "a call",
        "require",
        {"rules": "wsgimw.auth:role('admin')"},
        lambda here: Require(role("admin")),
    ),
    (
        "a mapping",
        "require",
        {
            "rules": lines(
                "/ = authenticated",
                "GET /health = anyone",
                "/admin = wsgimw.auth:role('admin', 'root')",
                "/own = tests.paste_site:owner",
            )
        },
        lambda here: Require(
            {
                "/": "authenticated",
                "GET /health": "anyone",
                "/admin": role("admin", "root"),
                "/own": site.owner,
            }
        ),
    ),
    (
        "a list by name",
        "router",
        {"routes": "tests.paste_site:routes"},
        lambda here: Router(site.routes),
    ),
    (
        "all",
        "router",
        {
            "routes": lines("tests.paste_site:routes", "tests.paste_site:redirect"),
            "slashes": "strict",
            "method_mismatch": "next",
            "encoded_slashes": "keep",
            "converters": "hex = tests.paste_site:Hex",
            "compiled": "false",
        },
        lambda here: Router(
            [*site.routes, site.redirect],
            slashes="strict",
            method_mismatch="next",
            encoded_slashes="keep",
            converters={"hex": site.Hex},
            compiled=False,
        ),
    ),
    (
        "root from here",
        "static_files",
        {"root": "public"},
        lambda here: StaticFiles(str(here / "public")),
    ),
    (
        "all",
        "static_files",
        {
            "root": "dist, /srv/old",
            "prefix": "/",
            "mode": "frozen",
            "index": "index.html",
            "spa": "app.html",
            "miss": "404",
            "max_age": "none",
            "immutable": r"-[0-9a-f]{8}\.",
            "precompressed": "no",
            "compress": "no",
            "memory": "0",
            "dotfiles": "yes",
            "hide": lines("*.map", "{a,b}.txt"),
            "follow_symlinks": "yes",
            "types": lines(".glb = model/gltf-binary", ".x = text/plain; charset=utf-8"),
            "cors": "*",
            "headers": "tests.paste_site:edit_head",
            "snapshot": "static.index",
        },
        lambda here: StaticFiles(
            [str(here / "dist"), "/srv/old"],
            prefix="",
            mode="frozen",
            index="index.html",
            spa="app.html",
            miss="404",
            max_age=None,
            immutable=r"-[0-9a-f]{8}\.",
            precompressed=False,
            compress=False,
            memory=0,
            dotfiles=True,
            hide=("*.map", "{a,b}.txt"),
            follow_symlinks=True,
            types={".glb": "model/gltf-binary", ".x": "text/plain; charset=utf-8"},
            cors="*",
            headers=site.edit_head,
            snapshot=str(here / "static.index"),
        ),
    ),
    (
        "words for none, objects for text",
        "static_files",
        {"root": "a", "cors": "none", "index": "NONE", "immutable": "tests.paste_site:hashed"},
        lambda here: StaticFiles(str(here / "a"), cors=None, immutable=site.hashed),
    ),
    ("nothing", "status_pages", {}, lambda here: StatusPages()),
    (
        "all",
        "status_pages",
        {
            "pages": lines(
                '404 = <h1 class="lost">Lost?</h1>',
                "4xx = oops.html",
                "500 = tests.paste_site:page",
            ),
            "force": "on",
        },
        lambda here: StatusPages(
            {404: '<h1 class="lost">Lost?</h1>', "4xx": here / "oops.html", 500: site.page},
            force=True,
        ),
    ),
    (
        "prefix",
        "unless",
        {"condition": "/health", "layers": "tests.paste_site:stamp"},
        lambda here: unless("/health", site.stamp),
    ),
    (
        "question",
        "when",
        {"condition": "tests.paste_site:is_api", "layers": "tests.paste_site:stack"},
        lambda here: when(site.is_api, site.stack),
    ),
]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [pytest.param(*row[1:], id=f"{row[1]}: {row[0]}") for row in TABLE],
)
def test_each_option_is_read_by_its_type(
    name: str, options: dict[str, str], expected: Expected, directory: Path
) -> None:
    text = f"[pipeline:main]\npipeline = it site\n{section(name, options)}{APP}"
    address = write(directory, text)
    wanted = expected(directory)
    assert loadfilter(address, name="it") == wanted
    if name == "static_files":
        return  # its directories are not there
    (directory / "oops.html").write_text("<h1>Oops</h1>")
    (directory / "logs").mkdir()
    bound = loadapp(address)
    outermost = wanted[0] if isinstance(wanted, wsgimw.Stack) else wanted
    assert bound.__wsgimw_layer__ == outermost
    assert inspect.unwrap(bound) is site.app


def test_the_table_has_every_option_of_every_layer() -> None:
    written = {(name, option) for _, name, options, _ in TABLE for option in options}
    there = {(name, option) for name, it in FILTERS.items() for option in options_of(it.maker)}
    assert written == there


def test_everything_public_that_makes_layers_is_a_filter() -> None:
    makers = {
        name
        for name in wsgimw.__all__
        if misuse.is_layer_class(getattr(wsgimw, name)) or name == "compose"
    }
    assert {filter_.makes for filter_ in FILTERS.values()} == makers - {"Hooks"}


def test_pyproject_has_the_same_rows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    points = project["entry-points"][GROUP]
    assert points == {name: f"wsgimw.paste:{name}" for name in FILTERS}
    assert list(points) == sorted(points)


@pytest.mark.parametrize("name", FILTERS)
def test_each_entry_point_loads(name: str, directory: Path) -> None:
    points = importlib.metadata.distribution("wsgimw").entry_points
    (point,) = points.select(group=GROUP, name=name)
    assert point.load() is FILTERS[name]


def test_a_filter_loads_its_own_layer_alone() -> None:
    from tests.test_front_door import run

    code = (
        "import sys\nfrom wsgimw.paste import FILTERS\n"
        "before = {'wsgimw.compress', 'wsgimw.auth', 'wsgimw.routing'} & set(sys.modules)\n"
        "FILTERS['gzip']({})\n"
        "print(before, 'wsgimw.compress' in sys.modules, 'wsgimw.auth' in sys.modules)"
    )
    assert run(code) == "set() True False"


def test_a_filter_may_be_called_without_settings() -> None:
    assert FILTERS["request_id"](None) == RequestId()
    assert FILTERS["static_files"]({}, root="public") == StaticFiles("public")


# Mistakes: the section, the option, what is accepted.

MISTAKES: list[tuple[str, str, dict[str, str], str]] = [
    (
        "unknown, near",
        "gzip",
        {"min-size": "1"},
        "has no option 'min-size'; did you mean min_size?",
    ),
    ("unknown", "decompress", {"zzz": "1"}, "'zzz'; its options are codings, max_size"),
    ("bool", "request_id", {"trace": "perhaps"}, "trace = 'perhaps': it takes true or false"),
    ("bool, empty", "request_id", {"trace": ""}, "trace = '': it takes true or false"),
    ("int", "gzip", {"level": "best"}, "level = 'best': it takes a whole number"),
    ("int with a fraction", "gzip", {"level": "6.5"}, "level = '6.5': it takes a whole number"),
    ("int, odd digits", "gzip", {"level": "٦"}, "it takes a whole number"),
    ("range of the layer", "gzip", {"level": "12"}, "the level of gzip, 12, is out of range; give"),
    ("size of the layer", "gzip", {"min_size": "-1"}, "min_size=-1 is negative; give a number of"),
    (
        "names of the layer",
        "compress",
        {"codings": "gzip, deflate"},
        "codings holds 'deflate', which is not known; there are zstd, br, gzip",
    ),
    (
        "word",
        "static_files",
        {"root": "x", "mode": "froze"},
        "mode = 'froze': it takes check or frozen",
    ),
    (
        "word or none",
        "static_files",
        {"root": "x", "cors": "all"},
        "cors = 'all': it takes fonts, * or none",
    ),
    (
        "word of the layer",
        "router",
        {"routes": "tests.paste_site:routes", "slashes": "maybe"},
        "slashes is 'maybe'; write one of ('redirect', 'strict', 'ignore')",
    ),
    ("int or none", "static_files", {"root": "x", "max_age": "1h"}, "a whole number or none"),
    ("empty root is not all of here", "static_files", {"root": ""}, "root is ''; write the"),
    ("function", "access_log", {"keep": "errors"}, "keep = 'errors': it takes MODULE:ATTR or none"),
    (
        "function that is not there",
        "access_log",
        {"keep": "tests.paste_site:kep"},
        "keep = 'tests.paste_site:kep': tests.paste_site has no 'kep'; did you mean 'keep'?",
    ),
    (
        "module that is not there",
        "authenticate",
        {"schemes": "nowhere:scheme"},
        "schemes = 'nowhere:scheme': 'nowhere:scheme': no module 'nowhere' can be imported",
    ),
    (
        "object of a wrong kind",
        "authenticate",
        {"schemes": "tests.paste_site:app"},
        "Authenticate() item 1 is app, which is no scheme",
    ),
    ("needed", "static_files", {}, "needs root, which takes a path, one or more"),
    ("needed, several", "authenticate", {}, "needs schemes, which takes MODULE:ATTR, one or more"),
    ("empty list", "authenticate", {"schemes": ""}, "Authenticate() needs at least one scheme"),
    (
        "a mapping without =",
        "compress",
        {"codings": "gzip", "levels": "gzip 9"},
        "levels = 'gzip 9': 'gzip 9' is not KEY = VALUE",
    ),
    (
        "a value in a mapping",
        "compress",
        {"codings": "gzip", "levels": "gzip = best"},
        "'best': it takes a whole number",
    ),
    (
        "a key twice",
        "compress",
        {"codings": "gzip", "levels": "gzip = 1, gzip = 2"},
        "'gzip' is there twice",
    ),
    (
        "no exception",
        "catch_errors",
        {"handlers": "KeyErr = 404"},
        "handlers = 'KeyErr = 404': it takes an exception",
    ),
    (
        "one member of a list",
        "compose",
        {"layers": "tests.paste_site:stamp, nothing"},
        "'nothing': it takes MODULE:ATTR or none",
    ),
    (
        "an app for a layer",
        "compose",
        {"layers": "tests.paste_site:app"},
        "compose() item 1 is app, a WSGI app; put the app in the second call",
    ),
    ("rule", "require", {"rules": "authentic"}, "did you mean 'authenticated'?"),
]


@pytest.mark.parametrize(
    ("name", "options", "message"), [pytest.param(*row[1:], id=row[0]) for row in MISTAKES]
)
def test_a_mistake_names_section_option_and_what_is_accepted(
    name: str, options: dict[str, str], message: str, directory: Path
) -> None:
    text = f"[pipeline:main]\npipeline = it site\n{section(name, options)}{APP}"
    with pytest.raises(ValueError) as raised:
        loadapp(write(directory, text))
    assert type(raised.value) is ValueError
    assert str(raised.value).startswith("[filter:it] of site.ini")
    assert message in str(raised.value)


def test_an_absent_extra_is_named(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgimw.codings.CODINGS", ("gzip",))
    address = write(directory, section("compress", {"codings": "br"}))
    with pytest.raises(ImportError) as raised:
        loadfilter(address, name="it")
    assert str(raised.value).startswith("[filter:it] of site.ini: the coding 'br' needs")
    assert 'pip install "wsgimw[compress]"' in str(raised.value)


# Which section it was.

LEVEL = "use = egg:wsgimw#gzip\nlevel = 99\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param(f"[filter:it]\n{LEVEL}", "[filter:it] of site.ini", id="filter"),
        pytest.param(
            f"[filter-app:main]\n{LEVEL}next = site\n",
            "[filter-app:main] of site.ini",
            id="filter-app",
        ),
        pytest.param(
            "[filter:it]\npaste.filter_factory = wsgimw.paste:gzip\nlevel = 99\n",
            "[filter:it] of site.ini",
            id="factory by its name",
        ),
        pytest.param(
            f"[filter:base]\nuse = EGG:WSGIMW#gzip\nmin_size = 1\n{APP}[filter:it]\nuse = base\n"
            "level = 99\n",
            "[filter:it] of site.ini",
            id="a section that uses another",
        ),
        pytest.param(
            f"[filter:other]\nuse = egg:wsgimw#gzip\nlevel = 9\n[filter:it]\n{LEVEL}",
            "[filter:it] of site.ini",
            id="same filter, other values",
        ),
        pytest.param(
            f"[filter:other]\nuse = egg:wsgimw#gzip\n[filter:it]\n{LEVEL}[server:main]\nuse = it\n",
            "[filter:it] of site.ini",
            id="same filter, other options",
        ),
        pytest.param(
            f"[filter:it]\n{LEVEL}[filter:twin]\n{LEVEL}",
            "[filter:it] or [filter:twin] of site.ini",
            id="twins",
        ),
        pytest.param(
            "[DEFAULT]\nwanted = 99\n[filter:it]\nuse = egg:wsgimw#gzip\nget level = wanted\n",
            "[filter:it] of site.ini",
            id="a value of the settings of all",
        ),
        pytest.param(
            "[DEFAULT]\nwanted = 99\n[filter:it]\nuse = egg:wsgimw#gzip\nlevel = %(wanted)s\n",
            "[filter:it] of site.ini",
            id="a value with another in it",
        ),
    ],
)
def test_the_section_is_found(text: str, place: str, directory: Path) -> None:
    address = write(directory, text + ("" if APP in text else APP))
    with pytest.raises(ValueError) as raised:
        loadapp(address) if "filter-app" in text else loadfilter(address, name="it")
    assert str(raised.value).startswith(f"{place}: the level of gzip, 99, is out of range")


def test_settings_from_elsewhere_name_the_entry_point(directory: Path) -> None:
    write(directory, f"[filter:it]\n{LEVEL}", "other.ini")
    address = write(directory, "[filter:it]\nuse = config:other.ini#it\n")
    with pytest.raises(ValueError, match=r"^egg:wsgimw#gzip, for site.ini,: the level"):
        loadfilter(address, name="it")


@pytest.mark.parametrize("text", ["not an ini file", "[a]\n[a]\n", None, b"\xff[x]"])
def test_a_file_that_cannot_be_read_again_is_no_second_mistake(
    text: str | bytes | None, directory: Path
) -> None:
    path = directory / "site.ini"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"^egg:wsgimw#gzip, for site.ini, has no option 'x'"):
        FILTERS["gzip"]({"__file__": str(path)}, x="1")


def test_sections_that_use_each_other_do_not_hang(directory: Path) -> None:
    text = "[filter:a]\nuse = b\nlevel = 99\n[filter:b]\nuse = a\n"
    write(directory, text)
    with pytest.raises(ValueError, match=r"^egg:wsgimw#gzip, for site.ini,: the level"):
        FILTERS["gzip"]({"__file__": str(directory / "site.ini")}, level="99")


# The settings of all sections.


@pytest.mark.parametrize(
    ("text", "debug"),
    [
        pytest.param("[filter:it]\n", False, id="nobody"),
        pytest.param("[filter:it]\ndebug = true\n", True, id="section"),
        pytest.param("[DEFAULT]\ndebug = true\n[filter:it]\n", True, id="all"),
        pytest.param("[DEFAULT]\ndebug = off\n[filter:it]\n", False, id="all, off"),
        pytest.param(
            "[DEFAULT]\ndebug = true\n[filter:it]\nset debug = false\n", False, id="set in section"
        ),
    ],
)
def test_debug_is_taken_from_all(text: str, debug: bool, directory: Path) -> None:
    address = write(directory, f"{text}use = egg:wsgimw#catch_errors\n")
    assert loadfilter(address, name="it") == CatchErrors(debug=debug)


def test_debug_of_a_server_command() -> None:
    assert FILTERS["catch_errors"]({"debug": "1"}) == CatchErrors(debug=True)
    assert FILTERS["gzip"]({"debug": "1"}) == Gzip()
    with pytest.raises(ValueError, match=r"catch_errors: debug = 'maybe': it takes true or false"):
        FILTERS["catch_errors"]({"debug": "maybe"})


@pytest.mark.parametrize(
    ("name", "own", "advice"),
    [
        ("catch_errors", "debug = false", "write 'set debug = ...' here"),
        ("static_files", "root = public\nprefix = /static", "remove prefix there"),
    ],
)
def test_what_paste_deploy_would_leave_out_is_a_mistake(
    name: str, own: str, advice: str, directory: Path
) -> None:
    """An option that [DEFAULT] sets, too, never arrives: so a `debug = false` would not count."""
    text = f"[DEFAULT]\ndebug = true\nprefix = /x\n[filter:it]\nuse = egg:wsgimw#{name}\n{own}\n"
    with pytest.raises(ValueError) as raised:
        loadfilter(write(directory, text), name="it")
    assert str(raised.value).startswith("[filter:it] of site.ini sets ")
    assert advice in str(raised.value)


# Whole stacks.

STACK = f"""
[filter-app:main]
use = egg:wsgimw#request_id
next = logged

[pipeline:logged]
pipeline = errors stamps site

[filter:errors]
use = egg:wsgimw#catch_errors
log = false
filter-with = gzip

[filter:gzip]
use = egg:wsgimw#gzip
min_size = 100

[filter:stamps]
use = egg:wsgimw#compose
layers = tests.paste_site:stack

{APP}"""


def test_a_stack_of_an_ini_file_serves(directory: Path) -> None:
    app = loadapp(write(directory, STACK))
    client = Client(lint(app))  # WebTest would decode the content, this one raises errors
    answer = client.get("/api", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["X-Stamp"] == answer.headers["X-Api"] == "1"
    assert len(answer.headers["X-Request-ID"]) == 32
    plain = client.get("/")
    assert "Content-Encoding" not in plain.headers and "X-Api" not in plain.headers
    environ = {"paste.throw_errors": False}
    failed = webtest.TestApp(lint(app)).get("/fail", extra_environ=environ, status=500)
    assert failed.headers["X-Request-ID"] in failed.text


# The guide.

GUIDE = ROOT / "docs" / "paste_deploy.md"


def tables() -> str:
    """Write the tables of all filters as the guide has them: made of the layers themselves."""
    parts = []
    for name, filter_ in FILTERS.items():
        rows = ["| option | takes | default |", "| --- | --- | --- |"]
        parameters = inspect.signature(filter_.maker).parameters
        for option, about in options_of(filter_.maker).items():
            takes = accepted(about.hint, Scope(filter_.maker.__module__))
            default = "required" if about.required else shown(parameters[option].default)
            rows.append(f"| `{option}` | {takes} | {default} |")
        parts.append("\n".join([f"### `{name}`: {filter_.makes}", "", *rows, ""]))
    return "\n".join(parts)


def shown(default: Any) -> str:
    """Write a default as an ini file would have it."""
    if default is None:
        return "`none`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if default == CODINGS:
        return "those that are installed"
    if default == TYPES:
        return "`wsgimw.compress.TYPES`"
    if isinstance(default, (tuple, list)):
        return f"`{', '.join(default)}`" if default else "nothing"
    if isinstance(default, int):
        return f"`{default:_}`"
    return f"`{default}`" if isinstance(default, str) else "nothing"


def test_the_guide_has_every_filter_and_option() -> None:
    assert GUIDE.read_text().partition("has in Python.\n\n")[2] == tables()


def test_the_ini_of_the_guide_loads(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "shop").mkdir()
    (directory / "logs").mkdir()
    (directory / "public").mkdir()
    for name, source in {
        "__init__": "",
        "web": (
            "from tests.paste_site import make_app, router, stack as private\n"
            "__all__ = ['make_app', 'private', 'router']\n"
        ),
        "errors": "class SoldOut(Exception):\n    pass\n",
        "layers": (
            "from functools import partial\nfrom werkzeug.middleware.proxy_fix import ProxyFix\n"
            "from tests.paste_site import stamped\nproxy_fix = partial(ProxyFix, x_for=1)\n"
        ),
    }.items():
        (directory / "shop" / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(directory)
    first, second = re.findall(r"^```ini\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    try:
        address = write(directory, first + second)
        answer = Client(lint(loadapp(address))).get("/", buffered=True)
        assert answer.status_code == 200 and len(answer.headers["X-Request-ID"]) == 32
        assert '"status":200' in (directory / "logs" / "access.log").read_text().replace(" ", "")
        assert loadfilter(address, name="routes") == compose(site.router)
        assert len(loadfilter(address, name="own")) == 2
        for option, before, after in [
            ("compress", "min_size =", "min-size ="),
            ("compress", "1_000", "1k"),
            ("static", "root = public\n", ""),
            ("private", "web:private", "web:privat"),
        ]:
            broken = write(directory, first.replace(before, after), "development.ini")
            with pytest.raises(ValueError) as raised:
                loadfilter(broken, name=option)
            assert f"\nValueError: {raised.value}\n" in GUIDE.read_text()
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
            del sys.modules[name]
