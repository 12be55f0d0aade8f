"""The laws of `compose()`, by random trees; `when` and `unless`; where a bound app came from."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import pickle
import types
import weakref
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from functools import partial
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.strict_server import App, Server, app_of
from wsgimw import Exchange, Hooks, Stack, compose, layer, unless, when
from wsgimw.compose import BaseLayer, Origin, named, origin, outermost

# Layers that leave their name on the way in.


@dataclass(frozen=True, slots=True)
class Mark(Hooks):
    name: str = "x"

    def on_request(self, environ: Any) -> None:
        environ.setdefault("marks", []).append(self.name)


def marked(name: str) -> Callable[[App], App]:
    def mark(app: App) -> App:
        def bound(environ: Any, start_response: Any) -> Any:
            environ.setdefault("marks", []).append(name)
            return app(environ, start_response)

        return bound

    return mark


def marks(app: App, **environ: Any) -> list[str]:
    """Return which layers a request met, in order."""
    Server().serve(app, environ)
    found: list[str] = environ.get("marks", [])
    return found


app = app_of([b"hello"])

# A tree of layers, with None and stacks among them, and its leaves in order.

LAYERS = st.one_of(
    st.builds(Mark, st.sampled_from("abcdef")),
    st.sampled_from("ghijkl").map(marked),
    st.builds(lambda name: partial(MarkingApp, name=name), st.sampled_from("mnopqr")),
)
TREES = st.recursive(
    st.one_of(st.none(), LAYERS), lambda inner: st.lists(inner, max_size=5), max_leaves=12
)


class MarkingApp:
    """Somebody's middleware: app first, then options."""

    def __init__(self, app: App, name: str) -> None:
        self.app, self.name = app, name

    def __call__(self, environ: Any, start_response: Any) -> Any:
        environ.setdefault("marks", []).append(self.name)
        return self.app(environ, start_response)


def build(tree: Any) -> Any:
    """Compose each list of a tree."""
    return compose(*map(build, tree)) if isinstance(tree, list) else tree


def leaves(tree: Any) -> list[Any]:
    if isinstance(tree, list):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [] if tree is None else [tree]


def name_of(leaf: Any) -> str:
    if isinstance(leaf, Mark):
        return leaf.name
    if isinstance(leaf, partial):
        return str(leaf.keywords["name"])
    return str(inspect.getclosurevars(leaf).nonlocals["name"])


FORESTS = st.lists(TREES, max_size=5)


@given(FORESTS)
def test_the_first_layer_is_the_outermost(forest: Any) -> None:
    """`compose(a, b, c)(app)` is `a(b(c(app)))`."""
    assert marks(build(forest)(app)) == list(map(name_of, leaves(forest)))


@given(FORESTS, FORESTS, FORESTS)
def test_composing_is_associative(a: Any, b: Any, c: Any) -> None:
    """However layers are grouped, the stack is the same value."""
    one, two, three = build(a), build(b), build(c)
    flat = compose(*leaves([a, b, c]))
    assert compose(compose(one, two), three) == compose(one, compose(two, three)) == flat
    assert compose(one, two, three) == flat
    assert hash(compose(one, two, three)) == hash(flat)


@given(st.lists(st.none()))
def test_identity(nothing: Any) -> None:
    """`compose()(app) is app`; None is skipped."""
    assert compose(*nothing)(app) is app
    assert compose(*nothing) == compose()


@given(FORESTS)
def test_a_stack_is_a_sequence_of_its_layers(forest: Any) -> None:
    stack, expected = build(forest), leaves(forest)
    assert len(stack) == len(expected)
    assert bool(stack) is bool(expected)
    assert list(stack) == expected
    assert list(reversed(stack)) == expected[::-1]
    assert [stack[index] for index in range(len(stack))] == expected
    assert [stack[-index - 1] for index in range(len(stack))] == expected[::-1]
    assert all(each in stack for each in expected)
    for index in (len(expected), -len(expected) - 1):
        with pytest.raises(IndexError):
            stack[index]


@given(FORESTS, st.slices(8))
def test_a_slice_is_a_stack(forest: Any, part: slice) -> None:
    stack, expected = build(forest), leaves(forest)[part]
    assert isinstance(stack[part], Stack)
    assert stack[part] == compose(*expected)
    assert marks(stack[part](app)) == list(map(name_of, expected))


@given(FORESTS)
def test_a_stack_equals_no_list_and_no_tuple(forest: Any) -> None:
    stack = build(forest)
    assert stack != leaves(forest)
    assert stack != tuple(leaves(forest))
    assert not isinstance(stack, (list, tuple))


@given(FORESTS)
def test_binding_many_times(forest: Any) -> None:
    """Results are independent: each has its own app inside."""
    stack = build(forest)
    one, two = stack(app_of([b"1"])), stack(app_of([b"2"]))
    assert (Server().serve(one), Server().serve(two)) == (b"1", b"2")


@given(FORESTS)
def test_repr_names_each_layer_on_its_line(forest: Any) -> None:
    stack = build(forest)
    lines = repr(stack).splitlines()
    if not len(stack):
        assert lines == ["compose()"]
        return
    assert (lines[0], lines[-1]) == ("compose(", ")")
    assert len(lines) == len(stack) + 2
    assert all(line.startswith("    ") and line.endswith(",") for line in lines[1:-1])


def test_repr() -> None:
    stack = compose(Mark("a"), None, compose(partial(ProxyFix, x_for=1), guard), when("/x", Mark()))
    assert repr(stack) == (
        "compose(\n"
        "    Mark(name='a'),\n"
        "    partial(ProxyFix, x_for=1),\n"
        "    guard,\n"
        "    when('/x', Mark()),\n"
        ")"
    )
    assert str(compose()) == "compose()"


def guard(app: App) -> App:
    return lambda environ, start_response: app(environ, start_response)


def test_a_stack_is_immutable() -> None:
    stack: Any = compose(guard)
    with pytest.raises(FrozenInstanceError):
        stack._layers = ()
    with pytest.raises((AttributeError, TypeError)):
        stack.more = 1
    with pytest.raises(TypeError):
        stack[0] = guard
    for name in ("__add__", "__or__", "__rshift__", "__matmul__", "__mul__"):
        assert not hasattr(stack, name)


def test_a_stack_of_unhashable_layers_is_not_hashable() -> None:
    @dataclass
    class Mutable:
        def __call__(self, app: App) -> App:
            return app

    stack = compose(Mutable())
    assert stack == compose(Mutable())
    with pytest.raises(TypeError, match="unhashable"):
        hash(stack)


def test_a_stack_can_be_copied_and_pickled() -> None:
    stack = compose(Mark("a"), guard)
    assert copy.deepcopy(stack) == copy.copy(stack) == stack
    assert pickle.loads(pickle.dumps(stack)) == stack
    assert marks(pickle.loads(pickle.dumps(compose(Mark("a"))))(app)) == ["a"]


def test_a_layer_may_raise_what_it_likes() -> None:
    def failing(app: App) -> App:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        compose(guard, failing)(app)


# Layers of ours.


def test_a_layer_is_a_frozen_slotted_value() -> None:
    mark: Any = Mark("a")
    assert mark == Mark("a") != Mark("b")
    assert hash(mark) == hash(Mark("a"))
    assert replace(mark, name="b") == Mark("b")
    assert not hasattr(mark, "__dict__")
    with pytest.raises(FrozenInstanceError):
        mark.name = "b"
    assert [each.name for each in fields(mark)] == ["name"]


@layer
def onion(environ: Any) -> Any:
    yield


class Watch(Hooks):
    def on_end(self, x: Exchange) -> None: ...


class Head(Hooks):
    def on_head(self, x: Exchange) -> None: ...


class Nothing(Hooks): ...


@pytest.mark.parametrize(
    ("each", "name"),
    [
        (Mark("a"), "Mark"),
        (Watch(), "Watch"),
        (Head(), "Head"),
        (Nothing(), "Nothing"),
        (onion(), "onion"),
        (when("/x", guard), "when"),
        (unless("/x", guard), "unless"),
    ],
    ids=repr,
)
def test_a_bound_app_is_a_function_named_after_its_layer(each: Any, name: str) -> None:
    bound: Any = each(app)
    assert type(bound) is types.FunctionType
    attributes = vars(bound)
    assert bound.__name__ == name
    assert bound.__qualname__ == repr(each)
    assert attributes["__wrapped__"] is app
    assert attributes["__wsgimw_layer__"] is each


def test_unwrapping_a_stack_of_ours_finds_the_app() -> None:
    stack = compose(Mark(), Watch(), Head(), Nothing(), onion(), when("/x", Mark()))
    assert inspect.unwrap(stack(app)) is app


def test_a_layer_that_has_nothing_to_do_may_return_the_app() -> None:
    class Off(BaseLayer):
        def _bind(self, app: App) -> App:
            return app

    before = dict(vars(app))
    stack = compose(Off())
    assert stack(app) is app
    assert vars(app) == before
    assert origin(app) is None


def test_a_layer_that_does_not_say_what_it_does() -> None:
    class Silent(BaseLayer): ...

    with pytest.raises(TypeError, match="Silent does not say what it does with an app"):
        Silent()(app)


def test_named() -> None:
    def bound(environ: Any, start_response: Any) -> Any: ...

    assert named(bound, Mark("a"), app) is bound
    assert (bound.__name__, bound.__qualname__) == ("Mark", "Mark(name='a')")
    assert inspect.unwrap(bound) is app
    assert bound.__wsgimw_layer__ == Mark("a")  # type: ignore[attr-defined]


# Where a bound app came from.


def chain(bound: Any) -> list[Origin]:
    found = []
    while (come := origin(bound)) is not None:
        found.append(come)
        bound = come.inner
    return found


def test_origin() -> None:
    stack = compose(Mark("a"), guard, partial(ProxyFix, x_for=1), onion())
    bound = stack(app)
    found = chain(bound)
    assert [each.layer for each in found] == list(stack)
    assert [each.index for each in found] == [0, 1, 2, 3]
    assert all(each.stack is stack for each in found)
    assert found[-1].inner is app
    assert origin(app) is None


def test_origin_in_nested_stacks() -> None:
    inner = compose(Mark("b"), Mark("c"))
    branch = when("/x", inner)
    outer = compose(Mark("a"), branch)
    found = chain(outer(app))
    assert [each.layer for each in found] == [Mark("a"), branch]
    spliced = compose(Mark("a"), inner)
    assert [each.stack for each in chain(spliced(app))] == [spliced] * 3


def test_origin_of_an_app_that_was_replaced_by_its_stack() -> None:
    flask_app = Flask("shop")
    stack = compose(Mark("a"), guard)
    flask_app.wsgi_app = stack(flask_app.wsgi_app)  # type: ignore[method-assign, assignment]
    found = chain(flask_app.wsgi_app)
    assert [each.layer for each in found] == [Mark("a"), guard]
    inner: Any = found[-1].inner
    assert inner.__self__ is flask_app


def test_origins_do_not_keep_an_app_alive() -> None:
    flask_app = Flask("shop")
    flask_app.wsgi_app = compose(Mark(), guard)(flask_app.wsgi_app)  # type: ignore[method-assign, assignment]
    gone = weakref.ref(flask_app)
    bound = weakref.ref(flask_app.wsgi_app)
    del flask_app
    gc.collect()
    assert gone() is None
    assert bound() is None


def test_outermost() -> None:
    """By what `compose()` noted, else by what our layers wrote; a copy of our names is no layer."""

    def foreign(app: App) -> App:
        return lambda environ, start_response: app(environ, start_response)

    def copied(app: App) -> App:
        @functools.wraps(app)
        def bound(environ: Any, start_response: Any) -> Any:
            return app(environ, start_response)

        return bound

    class Same(Hooks):
        pass

    def app(environ: Any, start_response: Any) -> Any: ...

    same = Same()
    bound = same(app)
    assert outermost(app) is None
    assert outermost(foreign(app)) is None
    assert outermost(bound) == (same, app)
    assert outermost(same(bound)) == (same, bound)
    assert outermost(copied(bound)) is None
    assert outermost(compose(foreign)(app)) == (foreign, app)
    assert outermost(compose(copied)(bound)) == (copied, bound)
    assert outermost(object()) is None
    assert outermost(functools.wraps(app)(foreign(app))) is None  # wrapped, and by no layer


def test_origin_is_of_this_very_object() -> None:
    """Bound apps of others may be equal, or have no hash."""

    @dataclass
    class Equal:
        app: App

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return self.app(environ, start_response)

    @dataclass(unsafe_hash=True)
    class EqualAndHashable(Equal): ...

    for kind in (Equal, EqualAndHashable):
        one, two = compose(kind), compose(guard, kind)
        first, second = one(app), two(app)
        inner: Any = origin(second)
        assert first == inner.inner
        assert [each.stack for each in chain(first)] == [one]
        assert [each.stack for each in chain(second)] == [two, two]


def test_what_has_no_origin() -> None:
    class Slotted:
        __slots__ = ("app",)

        def __init__(self, app: App) -> None:
            self.app = app

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return self.app(environ, start_response)

    bound = compose(guard, Slotted, guard)(app)
    found = chain(bound)
    assert [each.layer for each in found] == [guard]  # the chain breaks where nothing is known
    assert isinstance(found[0].inner, Slotted)
    assert origin(found[0].inner) is None
    assert origin(3) is None
    assert origin([]) is None


def test_an_inner_app_that_its_layer_let_go() -> None:
    def closed(app: App) -> App:
        return lambda environ, start_response: [b"closed"]

    bound = compose(closed)(app_of([b"a"]))
    gc.collect()
    assert [each.inner for each in chain(bound)] == [None]


# when, unless


@pytest.mark.parametrize("kind", [when, unless])
def test_a_branch_is_a_value(kind: Any) -> None:
    branch = kind("/admin/", Mark("a"), None, compose(Mark("b")))
    assert branch == kind("/admin", Mark("a"), Mark("b"))
    assert branch != kind("/admin", Mark("a"))
    assert branch != kind("/other", Mark("a"), Mark("b"))
    assert hash(branch) == hash(kind("/admin", Mark("a"), Mark("b")))
    assert repr(branch) == f"{kind.__name__}('/admin', Mark(name='a'), Mark(name='b'))"
    assert branch.condition == "/admin"
    assert branch.layers == compose(Mark("a"), Mark("b"))
    with pytest.raises(FrozenInstanceError):
        branch.condition = "/x"


def test_when_is_not_unless() -> None:
    branches: list[Any] = [when("/x", Mark()), unless("/x", Mark())]
    assert branches[0] != branches[1]


@pytest.mark.parametrize(
    ("prefix", "path", "when_applies", "unless_applies"),
    [
        # a plain path has one reading
        ("/admin", "/admin", True, False),
        ("/admin", "/admin/", True, False),
        ("/admin", "/admin/users", True, False),
        ("/admin", "/administrator", False, True),
        ("/admin", "/", False, True),
        ("/admin", "", False, True),
        ("/admin", "/x/admin", False, True),
        ("/admin/", "/admin", True, False),
        ("/admin///", "/admin/x", True, False),
        ("/a/b", "/a/b/c", True, False),
        ("/a/b", "/a", False, True),
        # the slash is everything
        ("/", "/", True, False),
        ("/", "", True, False),
        ("/", "/x", True, False),
        # in doubt the layers apply, both ways
        ("/admin", "//admin", True, True),
        ("/admin", "/ADMIN", True, True),
        ("/admin", "/Admin/users", True, True),
        ("/admin", "/%61dmin", True, True),
        ("/admin", "/%2561dmin", True, True),
        ("/admin", "\\admin", True, True),
        ("/admin", "/admin;x=1", True, True),
        ("/admin", "/admin./users", True, True),
        ("/admin", "/admin%2Fusers", True, True),
        ("/admin", "admin", True, True),
        ("/admin", "/admin/../public", True, True),
        ("/admin", "/x/../admin", True, True),
        ("/admin", "/./admin", True, True),
        ("/admin", "/admin\x00", True, True),
        ("/admin", "/a\tdmin", True, True),
        ("/admin", "/\xff", True, True),
        ("/admin", "/\uff21", True, True),
        ("/admin", "/\xef\xbd\x81dmin", True, True),  # a wide `a` in UTF-8
        ("/public", "/public/../admin", True, True),
        ("/public", "/public/%2e%2e/admin", True, True),
        # what came under the prefix, and stays there whatever tidies it up
        ("/public", "/public//x", True, False),
        ("/public", "/public/X", True, False),
        ("/public", "/public/x;v=1", True, False),
        ("/public", "/public/\xc3\xa9", True, False),
        # a prefix with capitals guards the small ones, and exempts only as written
        ("/Docs", "/docs", True, True),
        ("/Docs", "/Docs", True, False),
        ("/Docs", "/DOCS", True, True),
        ("/Docs", "/Docs/x", True, False),
        ("/Docs", "/other", False, True),
        ("/caf\xe9", "/caf\xc3\xa9", True, False),
        # a star is no path
        ("/admin", "*", False, True),
    ],
)  # fmt: skip
def test_a_prefix(prefix: str, path: str, when_applies: bool, unless_applies: bool) -> None:
    environ = {"PATH_INFO": path}
    assert bool(marks(when(prefix, Mark())(app), **environ)) is when_applies
    assert bool(marks(unless(prefix, Mark())(app), **environ)) is unless_applies
    assert environ["PATH_INFO"] == path


def test_no_path_at_all_is_the_root() -> None:
    assert marks(when("/", Mark())(app)) == ["x"]
    assert marks(when("/admin", Mark())(app)) == []


def test_the_path_is_what_the_layer_finds() -> None:
    """Below a mount it is the rest."""
    environ = {"SCRIPT_NAME": "/admin", "PATH_INFO": "/users"}
    assert marks(when("/admin", Mark())(app), **environ) == []
    assert marks(when("/users", Mark())(app), **environ) == ["x"]


@pytest.mark.parametrize(
    ("answer", "applies"), [(True, True), (0, False), ("x", True), ([], False)]
)
def test_a_callable_is_asked_once_and_its_truth_counts(answer: Any, applies: bool) -> None:
    asked: list[Any] = []

    def condition(environ: Any) -> Any:
        assert "marks" not in environ
        asked.append(environ)
        return answer

    assert bool(marks(when(condition, Mark("a"), Mark("b"))(app))) is applies
    assert bool(marks(unless(condition, Mark("a"), Mark("b"))(app))) is not applies
    assert len(asked) == 2


def test_what_a_condition_raises_goes_up() -> None:
    def condition(environ: Any) -> bool:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Server().serve(when(condition, Mark())(app))


def test_a_callable_of_any_kind_may_ask() -> None:
    class Header:
        def __call__(self, environ: Any) -> bool:
            return "X" in environ

    for condition in (
        Header(),
        Header().__call__,
        partial(lambda key, environ: key in environ, "X"),
    ):
        assert marks(when(condition, Mark())(app), X=1) == ["x"]
        assert marks(when(condition, Mark())(app)) == []


def test_both_branches_are_bound_once() -> None:
    bound: list[Any] = []

    def counting(app: App) -> App:
        bound.append(app)
        return app

    branch = when("/x", counting)(app)
    for path in ("/x", "/y", "/x"):
        Server().serve(branch, {"PATH_INFO": path})
    assert bound == [app]


def test_branches_nest() -> None:
    stack = compose(
        when("/a", Mark("1"), unless("/a/b", Mark("2"))), unless(lambda environ: True, Mark("3"))
    )
    assert marks(stack(app), PATH_INFO="/a/x") == ["1", "2"]
    assert marks(stack(app), PATH_INFO="/a/b") == ["1"]
    assert marks(stack(app), PATH_INFO="/") == []


@given(st.text(max_size=12), st.sampled_from(["/admin", "/Public", "/a/b"]))
def test_a_guard_and_an_exemption_never_both_step_aside(path: str, prefix: str) -> None:
    """Whatever the path: where `when` does not apply, `unless` does."""
    environ = {"PATH_INFO": path}
    assert marks(when(prefix, Mark())(app), **environ) or marks(
        unless(prefix, Mark())(app), **environ
    )
