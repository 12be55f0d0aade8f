"""The report, the tree of exceptions, the place in the stack."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.errors_apps import Body, Fault, ask, lazy, printed, raising, returning
from wsgimw import CatchErrors, Hooks, compose, layer
from wsgimw.errors import Report
from wsgimw.errors.report import MOST_FIELDS
from wsgimw.errors.tree import MOST_MESSAGE, MOST_TEXT, message, text, tree
from wsgimw.record import Record
from wsgimw.testing.server import App, Environ, StartResponse

CATCH = "CatchErrors(report=({}.<locals>.<lambda>,), log=False)"


def report_of(app: App, *layers: Any, **keys: Any) -> Any:
    """Return the one report of a failing request."""
    reports: list[Any] = []
    catch = CatchErrors(log=False, report=lambda report, error: reports.append(report))
    ask(app, compose(catch, *layers), **keys)
    (report,) = reports
    assert json.loads(json.dumps(report)) == report
    return report


def test_it_has_all_and_nothing_but_its_fields() -> None:
    known = Record()
    known.request_id = "id-1"
    report = report_of(
        raising(ValueError("no such day")),
        REQUEST_METHOD="POST",
        SCRIPT_NAME="/app",
        PATH_INFO="/caf\xc3\xa9",
        QUERY_STRING="a=1&access_token=s3cr3t",
        CONTENT_TYPE="text/plain",
        CONTENT_LENGTH="3",
        HTTP_COOKIE="session=s3cr3t",
        HTTP_AUTHORIZATION="Bearer s3cr3t",
        HTTP_X_FORWARDED_FOR="192.0.2.1",
        HTTP_X_PRIVATE="s3cr3t",
        **{"wsgimw.record": known, "wsgimw.redact": {"HTTP_X_PRIVATE"}},
    )
    assert set(report) == set(Report.__annotations__)
    assert isinstance(report["time"], float)
    assert report["request_id"] == "id-1"
    assert len(report["fingerprint"]) == 12
    assert (report["status"], report["phase"]) == (500, "before_bytes")
    assert (report["type"], report["message"]) == ("ValueError", "no such day")
    assert (report["method"], report["path"]) == ("POST", "/app/caf%C3%A9")
    assert report["query"] == "a=1&access_token=[redacted]"
    assert report["headers"] == {
        "Host": "localhost",
        "Content-Type": "text/plain",
        "Content-Length": "3",
        "Cookie": "[redacted]",
        "Authorization": "[redacted]",
        "X-Forwarded-For": "192.0.2.1",
        "X-Private": "[redacted]",
    }
    assert report["layer"] is None
    assert report["text"].startswith("Traceback (most recent call last):\n")
    assert "s3cr3t" not in json.dumps(report)


def test_odd_environs_give_a_report() -> None:
    report = report_of(
        raising(Fault()), QUERY_STRING=3, PATH_INFO=None, HTTP_X=b"bytes", CONTENT_LENGTH=""
    )
    assert (report["path"], report["query"], report["headers"]) == ("", "", {"Host": "localhost"})


@pytest.mark.parametrize("hidden", [{"PATH_INFO", "QUERY_STRING"}, ["SCRIPT_NAME", "QUERY_STRING"]])
def test_what_environ_asks_to_hide(hidden: Any) -> None:
    keys = {"PATH_INFO": "/s3cr3t", "QUERY_STRING": "s3cr3t", "wsgimw.redact": hidden}
    report = report_of(raising(Fault()), **keys)
    assert (report["path"], report["query"]) == ("/[redacted]", "[redacted]")


@pytest.mark.parametrize("hidden", [7, None, "", 1.5], ids=repr)
def test_what_asks_to_hide_nothing_breaks_nothing(hidden: Any) -> None:
    report = report_of(raising(Fault()), QUERY_STRING="a=1", **{"wsgimw.redact": hidden})
    assert (report["query"], report["headers"]) == ("a=1", {"Host": "localhost"})


def test_it_is_bounded() -> None:
    many = {f"HTTP_X_{number}": "v" * 5000 for number in range(500)}
    report = report_of(
        raising(Fault("m" * 3_000_000)),
        PATH_INFO="/" + "p" * 100_000,
        QUERY_STRING="q=" + "v" * 100_000,
        **many,
    )
    assert len(report["headers"]) == MOST_FIELDS
    assert len(report["message"]) < MOST_MESSAGE + 100
    assert len(json.dumps(report)) < 400_000


def test_secrets_in_messages_and_source_are_masked() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        raise Fault("cannot reach postgres://ada:pw-1@db/x with Bearer abc.def", "password='pw-1'")

    told = json.dumps(report_of(app))
    assert "pw-1" not in told
    assert "abc.def" not in told
    assert "pw-1" not in printed(ask(app))


class TestTree:
    """Chains and groups as plain data."""

    def test_group_cause_and_context_each_once(self) -> None:
        shared = KeyError("shared")
        group = ExceptionGroup("many", [shared, ValueError("v"), ExceptionGroup("in", [OSError()])])
        group.__cause__ = shared
        group.__context__ = TypeError("context")
        told = tree(group)
        assert told["type"] == "ExceptionGroup"
        assert [child["type"] for child in told["group"]] == [
            "KeyError",
            "ValueError",
            "ExceptionGroup",
        ]
        assert [child["type"] for child in told["group"][2]["group"]] == ["OSError"]
        assert told["cause"] is None
        assert told["context"] is not None
        assert told["context"]["type"] == "TypeError"
        assert told["suppressed"] is True

    def test_a_cause_is_not_told_again_as_a_context(self) -> None:
        try:
            try:
                raise KeyError("inner")
            except KeyError as inner:
                raise ValueError("outer") from inner
        except ValueError as error:
            told = tree(error)
        assert told["cause"] is not None
        assert (told["cause"]["type"], told["context"]) == ("KeyError", None)

    def test_cycles_end(self) -> None:
        one, two = KeyError("1"), ValueError("2")
        one.__context__, two.__cause__ = two, one
        told = tree(one)
        assert told["context"] is not None
        assert told["context"]["cause"] is None
        assert "ValueError: 2" in text(one)

    def test_long_chains_and_wide_groups_are_cut(self) -> None:
        error: Exception = Fault("0")
        for number in range(3000):
            outer = Fault(str(number))
            outer.__cause__ = error
            error = outer
        assert json.dumps(tree(error)).count('"type"') == 100
        group = ExceptionGroup("g", [Fault(str(number)) for number in range(1000)])
        assert len(tree(group)["group"]) == 99

    def test_notes(self) -> None:
        error = Fault("x")
        error.add_note("with password='hunter2'")
        error.__notes__.append(3)  # type: ignore[arg-type]
        assert tree(error)["notes"] == ["with password='[redacted 7 chars]'"]
        error.__notes__ = 3  # type: ignore[assignment]
        assert tree(error)["notes"] == []

    def test_recursion(self) -> None:
        def down() -> None:
            down()

        with pytest.raises(RecursionError) as caught:
            down()
        told = tree(caught.value)
        assert len(told["frames"]) == 100
        assert told["cut"] > 800
        assert "more times]" in text(caught.value)

    @pytest.mark.parametrize("broken", [ValueError("x"), RecursionError(), MemoryError()], ids=repr)
    def test_a_str_that_raises(self, broken: Exception) -> None:
        class Bad(Exception):
            def __str__(self) -> str:
                raise broken

        told = tree(Bad())
        name = type(broken).__name__
        assert told["message"] == f"[no message: Bad.__str__ raised {name}]"
        assert ask(raising(Bad())).status[:3] == "500"

    def test_a_str_that_is_none(self) -> None:
        class Bad(Exception):
            def __str__(self) -> Any:
                return 3

        assert message(Bad()) == "[no message: Bad.__str__ raised TypeError]"

    def test_a_chain_of_its_own_kind_still_has_a_text(self) -> None:
        class Bad(Exception):
            @property
            def __notes__(self) -> Any:  # type: ignore[override]
                raise Fault("no notes")

        assert "Bad: x" in text(Bad("x"))

    def test_frames_without_source(self) -> None:
        code = compile("def run():\n    raise Fault('x')\n", "<no\nfile>", "exec")
        space: dict[str, Any] = {"Fault": Fault, "__name__": 3}
        exec(code, space)
        with pytest.raises(Fault) as caught:
            space["run"]()
        frame = tree(caught.value)["frames"][-1]
        assert (frame["source"], frame["module"], frame["line"]) == ("", "", 2)

    def test_a_long_text_is_cut_at_a_word(self) -> None:
        told = text(Fault("Bearer " + "s3cr3t" * 20_000 + " end"))
        assert len(told) < MOST_TEXT + 100
        assert told.endswith(" end\n")
        assert "s3cr3t" not in told


def shout(app: App) -> App:
    def shouting(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        for block in app(environ, start_response):
            if block == b"fail":
                raise Fault("in the layer")
            yield block

    return shouting


class Instance:
    """A middleware of the usual kind."""

    def __init__(self, app: App, fail: bool = False) -> None:
        self.app = app
        self.fail = fail

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if self.fail:
            raise Fault("in the layer")
        return self.app(environ, start_response)


class HeadFails(Hooks):
    """A layer of ours that fails."""

    __slots__ = ()

    def on_head(self, x: Any) -> None:
        raise Fault("in the layer")


@layer
def onion(environ: Environ) -> Generator[None, Any, None]:
    """A layer of generator kind that fails."""
    yield
    raise Fault("in the layer")


class AnApp:
    """An app that is an object."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        raise Fault("in the app")


@pytest.mark.parametrize(
    ("layers", "app", "failed"),
    [
        pytest.param([shout], raising(Fault("x")), None, id="the app, called"),
        pytest.param([shout], lazy(Fault("x")), None, id="the app, iterated"),
        pytest.param([shout], returning(Body(Fault("x"))), None, id="a body of the app"),
        pytest.param([Instance], AnApp(), None, id="an app that is an object"),
        pytest.param([Instance], partial(raising(Fault("x"))), None, id="a partial app"),
        pytest.param([shout], lazy(b"", b"fail"), "shout", id="a generator layer"),
        pytest.param([Instance, shout], lazy(b"", b"fail"), "shout", id="the inner of two"),
        pytest.param([shout, Instance], lazy(b"", b"fail"), "shout", id="the outer of two"),
        pytest.param(
            [shout, partial(Instance, fail=True)],
            lazy(b"x"),
            "partial(Instance, fail=True)",
            id="an instance by partial",
        ),
        pytest.param([partial(ProxyFix, x_for=1)], raising(Fault()), None, id="ProxyFix is clean"),
        pytest.param([onion()], lazy(b"x"), "onion()", id="a generator layer of ours"),
        pytest.param([HeadFails()], lazy(b"x"), "HeadFails()", id="a hook"),
    ],
)
def test_where_it_broke(layers: list[Any], app: App, failed: str | None) -> None:
    report = report_of(app, *layers)
    assert report["layer"] == failed
    assert len(report["layers"]) == 1 + len(layers)


def test_the_layers_outside_are_named_too() -> None:
    reports: list[Any] = []

    def send(report: Any, error: Exception) -> None:
        reports.append(report)

    catch = CatchErrors(log=False, report=send)
    ask(raising(Fault()), compose(shout, catch, Instance))
    where = "test_the_layers_outside_are_named_too.<locals>.send"
    assert reports[0]["layers"] == [
        "shout",
        f"CatchErrors(report=({where},), log=False)",
        "Instance",
    ]


def test_bound_by_hand() -> None:
    reports: list[Any] = []
    catch = CatchErrors(log=False, report=lambda report, error: reports.append(report))
    ask(catch(Instance(raising(Fault()))), layer=lambda app: app)
    assert len(reports[0]["layers"]) == 1


def test_a_report_holds_nothing_of_the_request() -> None:
    report = report_of(raising(Fault("x")), shout)
    waiting: list[Any] = [report]
    seen = set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen or each is None or isinstance(each, (str, int, float, bool)):
            continue
        seen.add(id(each))
        assert type(each) in (dict, list), type(each)
        waiting += each.values() if isinstance(each, dict) else each
    gc.collect()
    assert sys.getrefcount(report) < 4
