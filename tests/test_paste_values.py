"""How a text of an ini file becomes a value: by the type, and by nothing else."""

from __future__ import annotations

import http.client
import json
import logging
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgimw.paste import FILTERS
from wsgimw.paste.values import Option, Scope, _Unknown, accepted, options_of, read

HERE = Scope("wsgimw.static.static_files", here="/srv/shop")
STATUS = Scope("wsgimw.errors.status_pages", here="/srv/shop")


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        pytest.param("0.5", "float", 0.5, id="float"),
        pytest.param(" 1e3 ", "float", 1000.0, id="float with an exponent"),
        pytest.param("7", "float", 7.0, id="whole float"),
        pytest.param("7", "int | float", 7, id="int before float"),
        pytest.param("-3", "int", -3, id="negative"),
        pytest.param("+1_000", "int", 1000, id="sign and underscore"),
        pytest.param("a, b", "list[str]", ["a", "b"], id="list"),
        pytest.param("a, b, a", "set[str]", {"a", "b"}, id="set"),
        pytest.param("a", "frozenset[str]", frozenset("a"), id="frozenset"),
        pytest.param("1, 2", "tuple[int, ...]", (1, 2), id="tuple of int"),
        pytest.param("1, 2", "Sequence[int]", (1, 2), id="sequence"),
        pytest.param("", "tuple[str, ...]", (), id="empty tuple"),
        pytest.param("\n  a, b\n  c\n", "list[str]", ["a, b", "c"], id="lines keep commas"),
        pytest.param("", "str", "", id="empty text"),
        pytest.param("none", "str", "none", id="none is a text of a str"),
        pytest.param("None", "str | None", None, id="None"),
        pytest.param("a:b", "str", "a:b", id="what looks like an object is a text of a str"),
        pytest.param("logging:INFO", "int | Thing", logging.INFO, id="object"),
        pytest.param("http.client:OK", "Thing", http.client.OK, id="dotted module"),
        pytest.param("a = 1, b=2", "Mapping[str, int]", {"a": 1, "b": 2}, id="mapping"),
        pytest.param("a=b = 1", "Mapping[str, int]", {"a=b": 1}, id="the sign with spaces counts"),
        pytest.param("", "Mapping[str, int]", {}, id="empty mapping"),
        pytest.param("OSError", "type[Exception]", OSError, id="class of exceptions"),
        pytest.param("json:JSONDecodeError", "type[Exception]", json.JSONDecodeError, id="of json"),
        pytest.param("a/b", "os.PathLike[str]", "/srv/shop/a/b", id="path"),
        pytest.param("/a/b", "str | os.PathLike[str]", "/a/b", id="absolute path"),
        pytest.param("a<b", "str | os.PathLike[str]", "/srv/shop/a<b", id="path with a sign"),
        pytest.param("", "str | os.PathLike[str]", "", id="an empty path is not all of here"),
        pytest.param("check", "Literal['check', 'frozen']", "check", id="word"),
    ],
)
def test_a_text_is_read(text: str, hint: str, value: Any) -> None:
    found = read(text, hint, HERE)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<h1>Lost</h1>", "<h1>Lost</h1>"),
        ("oops.html", Path("/srv/shop/oops.html")),
        ("collections:OrderedDict", OrderedDict),
    ],
)
def test_a_page_is_html_a_path_or_an_object(text: str, value: object) -> None:
    assert read(text, "StatusPage", STATUS) == value


@pytest.mark.parametrize(
    ("text", "hint", "message"),
    [
        ("nan", "float", "it takes a number"),
        ("inf", "float", "it takes a number"),
        ("half", "int | float", "it takes a whole number or a number"),
        ("1__0", "int", "it takes a whole number"),
        ("0x10", "int", "it takes a whole number"),
        ("Check", "Literal['check', 'frozen']", "it takes check or frozen"),
        ("2", "bool", "it takes true or false"),
        ("print", "type[Exception]", "it takes an exception"),
        ("1, x", "list[int]", "'x': it takes a whole number"),
        ("a", "Mapping[str, int]", "'a' is not KEY = VALUE"),
        ("a = 1, a = 2", "Mapping[str, int]", "'a' is there twice"),
    ],
)
def test_what_does_not_fit_says_what_does(text: str, hint: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        read(text, hint, HERE)
    assert str(raised.value) == message


HINTS = sorted(
    {
        (option.hint, filter_.maker.__module__)
        for filter_ in FILTERS.values()
        for option in options_of(filter_.maker).values()
    }
)


@given(text=st.text(st.characters(exclude_characters=":"), max_size=20), row=st.sampled_from(HINTS))
def test_any_text_is_a_value_or_a_value_error(text: str, row: tuple[str, str]) -> None:
    """Whatever stands in a file, it is read, or it is a mistake with words."""
    hint, module = row
    scope = Scope(module, "/srv/shop")
    try:
        read(text, hint, scope)
    except ValueError as error:
        assert str(error)


@given(st.integers())
def test_every_int_comes_back(number: int) -> None:
    assert read(f"{number}", "int", HERE) == read(f"{number:_}", "int | None", HERE) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back(number: float) -> None:
    assert math.copysign(1, read(repr(number), "float", HERE)) == math.copysign(1, number)
    assert read(repr(number), "float", HERE) == number


@pytest.mark.parametrize("row", HINTS, ids=str)
def test_all_that_options_take_can_be_said(row: tuple[str, str]) -> None:
    assert accepted(row[0], Scope(row[1]))


def test_options_are_those_of_the_signature() -> None:
    def make(*layers: int, name: str = "", needed: bool) -> None:
        """Be what makes a layer."""

    found = options_of(make)
    assert [*found] == ["layers", "name", "needed"]
    assert found["layers"] == Option("tuple[int, ...]", True, found["layers"].kind)
    assert (found["name"].required, found["needed"].required) == (False, True)


def test_what_is_unknown_is_an_object_with_parameters_and_attributes() -> None:
    assert read("logging:INFO", "Nobody.Knows[str, Me] | None", HERE) == logging.INFO
    assert accepted("Nobody.Knows[str, Me]", HERE) == "MODULE:ATTR"
    assert not hasattr(_Unknown, "__parameters__")
