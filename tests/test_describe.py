"""What things are called, wherever they are shown."""

from __future__ import annotations

import functools
import re
import types
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.proxy_fix import ProxyFix

from wsgimw import Hooks, compose, unless, when
from wsgimw.compose import BaseLayer
from wsgimw.describe import constructor_call, describe

ADDRESS = re.compile(r"0x[0-9a-f]{4,}")


def function(app: Any, *more: Any, key: Any = None) -> Any: ...


class Plain:
    def method(self) -> None: ...

    @classmethod
    def made(cls) -> None: ...


class App:
    def __call__(self, environ: Any, start_response: Any) -> Any: ...

    def wsgi(self, environ: Any, start_response: Any) -> Any: ...


class Named(App):
    def __repr__(self) -> str:
        return "<Named 'x'>"


class Failing:
    def __repr__(self) -> str:
        raise ValueError("no repr")


class Exiting:
    def __repr__(self) -> str:
        raise KeyboardInterrupt


@dataclass(frozen=True, slots=True)
class Options(Hooks):
    first: Any
    level: int = 6
    names: list[str] = field(default_factory=list)
    key: Any = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True, init=False)
class Starred(Hooks):
    rules: tuple[Any, ...]
    strict: bool

    def __init__(self, *rules: Any, strict: bool = True) -> None:
        object.__setattr__(self, "rules", rules)
        object.__setattr__(self, "strict", strict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Required(Hooks):
    secret: Any


class Undecorated(Hooks): ...


class Hidden(Hooks):
    def __init__(self, name: str = "x") -> None:
        self._name = name


class OwnRepr(Hooks):
    def __repr__(self) -> str:
        return "OwnRepr 0xdeadbeef"


class OfOwnRepr(OwnRepr): ...


flask_app = Flask("shop")


@pytest.mark.parametrize(
    ("obj", "name"),
    [
        pytest.param(function, "function", id="a function"),
        pytest.param(len, "len", id="a builtin"),
        pytest.param(Plain, "Plain", id="a class"),
        pytest.param(App.wsgi, "App.wsgi", id="a function of a class"),
        pytest.param(ProxyFix, "ProxyFix", id="a class of others"),
        pytest.param(Plain(), "Plain", id="an object whose repr is an address"),
        pytest.param(Named(), "<Named 'x'>", id="an object with a repr"),
        pytest.param(Failing(), "Failing", id="an object whose repr fails"),
        pytest.param(Plain().method, "Plain.method", id="a method"),
        pytest.param(Plain.made, "Plain.made", id="a class method"),
        pytest.param(Named().wsgi, "<Named 'x'>", id="a method of an app"),
        pytest.param(App().wsgi, "App", id="a method of an app without a repr"),
        pytest.param(flask_app, "<Flask 'shop'>", id="Flask"),
        pytest.param(flask_app.wsgi_app, "<Flask 'shop'>", id="Flask's wsgi_app"),
        pytest.param(partial(ProxyFix, x_for=1), "partial(ProxyFix, x_for=1)", id="a partial"),
        pytest.param(partial(function, Plain(), 3), "partial(function, Plain, 3)", id="arguments"),
        pytest.param(partial(function, key=len), "partial(function, key=len)", id="keywords"),
        pytest.param([Plain(), "a", [len]], "[Plain, 'a', [len]]", id="a list"),
        pytest.param((Plain(),), "(Plain,)", id="a tuple of one"),
        pytest.param((len, 1), "(len, 1)", id="a tuple"),
        pytest.param([], "[]", id="an empty list"),
        pytest.param({Plain: Plain()}, "{Plain: Plain}", id="a dict"),
        pytest.param(types.MappingProxyType({1: len}), "{1: len}", id="a read-only dict"),
        pytest.param({Plain()}, "set", id="a set with an address in it"),
        pytest.param("0xdeadbeef", "'0xdeadbeef'", id="a str like an address"),
        pytest.param(b"0xdeadbeef", "b'0xdeadbeef'", id="bytes like an address"),
        pytest.param(0xDEADBEEF, "3735928559", id="a number"),
        pytest.param(None, "None", id="None"),
        pytest.param(Options(len), "Options(len)", id="a layer"),
        pytest.param(Options("0xdeadbeef"), "Options('0xdeadbeef')", id="a layer with such a str"),
        pytest.param(OwnRepr(), "OwnRepr 0xdeadbeef", id="a layer with its own repr"),
        pytest.param(compose(), "compose()", id="an empty stack"),
        pytest.param(compose(function), "compose(\n    function,\n)", id="a stack"),
    ],
)
def test_describe(obj: Any, name: str) -> None:
    assert describe(obj) == name


def test_a_function_within_another_shows_where_it_is() -> None:
    def inner() -> None: ...

    assert describe(inner).endswith("shows_where_it_is.<locals>.inner")
    assert describe(functools.wraps(function)(inner)) == "function"


def test_what_holds_itself() -> None:
    values: list[Any] = [len]
    values += [values, values]
    assert describe(values) == "[len, ..., ...]"
    pairs: dict[Any, Any] = {}
    pairs["again"] = pairs
    assert describe(pairs) == "{'again': ...}"


def test_what_exits_while_it_is_shown() -> None:
    with pytest.raises(KeyboardInterrupt):
        describe(Exiting())


@given(
    st.recursive(
        st.one_of(
            st.text(),
            st.integers(),
            st.builds(Failing),
            st.sampled_from([Plain(), function, Plain().method, partial(function)]),
        ),
        lambda inner: st.one_of(
            st.lists(inner),
            st.tuples(inner, inner),
            st.dictionaries(st.text(), inner),
            st.builds(partial, st.just(function), inner, key=inner),
        ),
    )
)
def test_it_never_raises_and_never_shows_an_address(obj: Any) -> None:
    """Of any value: a `str`, and what looks like an address only if a text in it does."""
    shown = describe(obj)
    assert isinstance(shown, str)
    assert not re.search(r" at 0x[0-9a-f]{4,}", shown)


# The call that makes a layer.


@pytest.mark.parametrize(
    ("layer", "call"),
    [
        pytest.param(Options("a"), "Options('a')", id="defaults left out"),
        pytest.param(Options("a", 6, []), "Options('a')", id="defaults given"),
        pytest.param(Options("a", 9), "Options('a', level=9)", id="an option"),
        pytest.param(Options("a", names=["b"]), "Options('a', names=['b'])", id="a list option"),
        pytest.param(Options("a", key=Plain()), "Options('a', key=Plain)", id="without address"),
        pytest.param(Starred(), "Starred()", id="no rules"),
        pytest.param(Starred(1, len), "Starred(1, len)", id="rules"),
        pytest.param(Starred("a", strict=False), "Starred('a', strict=False)", id="rules, option"),
        pytest.param(Required(secret=1), "Required(secret=1)", id="a required keyword"),
        pytest.param(Undecorated(), "Undecorated()", id="no dataclass"),
        pytest.param(Hidden("y"), "Hidden(...)", id="options that cannot be read"),
        pytest.param(OfOwnRepr(), "OwnRepr 0xdeadbeef", id="an inherited repr"),
        pytest.param(BaseLayer(), "BaseLayer()", id="the base"),
        pytest.param(when("/a", function), "when('/a', function)", id="when"),
        pytest.param(
            unless(function, Undecorated(), Starred(1)),
            "unless(function, Undecorated(), Starred(1))",
            id="unless",
        ),
    ],
)
def test_repr(layer: Any, call: str) -> None:
    assert repr(layer) == describe(layer) == call


def test_a_value_that_is_no_dataclass() -> None:
    class Point:
        def __init__(self, x: int, y: int = 0) -> None:
            self.x, self.y = x, y

    assert constructor_call(Point(1)) == "Point(1)"
    assert constructor_call(Point(1, 2)) == "Point(1, y=2)"
