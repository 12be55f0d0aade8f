"""Ids: whose count, where they go, and that they are set while inner code runs."""

from __future__ import annotations

import contextvars
import dataclasses
import doctest
import logging
import logging.config
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import webtest

from tests.wsgi import make_environ, serve
from wsgimw import RequestId, compose, request_id
from wsgimw.record import record
from wsgimw.request_id import LogFilter, current

P = pytest.param
HEX = re.compile(r"[0-9a-f]{32}").fullmatch


def app(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgimw.request_id"].encode()]


def test_alone() -> None:
    program = (
        "import sys, wsgimw.request_id; print([name for name in sys.modules if "
        "name.split('.')[0] == 'werkzeug' or name.startswith('wsgimw.access_log')])"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout == "[]\n"


def test_examples() -> None:
    assert doctest.testmod(request_id).failed == 0


# Options.


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        P(RequestId(), "RequestId()", id="default"),
        P(RequestId(header="X-Id"), "RequestId(header='X-Id')", id="header"),
        P(RequestId(trust=["::1"]), "RequestId(trust=('::1',))", id="a list becomes a tuple"),
        P(RequestId(trust=True, trace=True), "RequestId(trust=True, trace=True)", id="all"),
    ],
)
def test_repr(layer: RequestId, shown: str) -> None:
    assert repr(layer) == shown
    assert layer == dataclasses.replace(layer)
    assert hash(layer) == hash(dataclasses.replace(layer))
    assert not hasattr(layer, "__dict__")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        P({"header": "X Id"}, ValueError, "is no field name; write a name", id="header"),
        P({"header": ""}, ValueError, "is no field name", id="header, empty"),
        P({"header": "X-Id\n"}, ValueError, "is no field name", id="header, newline"),
        P({"header": "Connection"}, ValueError, "belongs to one connection", id="hop-by-hop"),
        P({"header": "Set-Cookie"}, ValueError, "a meaning of its own", id="header, owned"),
        P({"header": 5}, TypeError, "is 5; it takes the name of a field", id="header, kind"),
        P({"trust": "127.0.0.1"}, TypeError, r"one string; .*\('127.0.0.1',\)", id="bare string"),
        P({"trust": ["10.0.0.1/8"]}, ValueError, "write '10.0.0.0/8'", id="host bits"),
        P({"trust": ["localhost"]}, ValueError, 'an address, a network or "unix"', id="name"),
        P({"trust": [5]}, TypeError, "holds something of type int; write each", id="trust, member"),
        P({"trust": 5}, TypeError, "is of type int; it takes True, a collection", id="trust, kind"),
        P({"trace": 1}, TypeError, "is 1; it takes True or False", id="trace"),
        P({"generate": "uuid"}, TypeError, "it takes a function without arguments", id="generate"),
        P({"heder": "X"}, TypeError, "did you mean header", id="unknown"),
    ],
)
def test_misuse(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        RequestId(**options)


# Which id.


@pytest.mark.parametrize(
    ("trust", "more", "trusted"),
    [
        P((), {}, False, id="nobody by default"),
        P(False, {}, False, id="nobody"),
        P(True, {}, True, id="everybody"),
        P(["192.0.2.0/24"], {}, True, id="network"),
        P(["192.0.2.1"], {}, True, id="address"),
        P(["198.51.100.1"], {}, False, id="another address"),
        P(["192.0.2.1"], {"REMOTE_ADDR": "::ffff:192.0.2.1"}, True, id="S13, mapped"),
        P(["192.0.2.1"], {"REMOTE_ADDR": "192.0.2.1:4711"}, True, id="S13, port"),
        P(["::1"], {"REMOTE_ADDR": "[::1]:4711"}, True, id="S13, IPv6 port"),
        P(["unix"], {"REMOTE_ADDR": ""}, True, id="unix"),
        P(["unix"], {"REMOTE_ADDR": None}, False, id="S13, absent"),
        P(["unix"], {}, False, id="not unix"),
        P(["0.0.0.0/0"], {"REMOTE_ADDR": "evil"}, False, id="malformed"),
        P(["10.0.0.1"], {"HTTP_X_FORWARDED_FOR": "10.0.0.1"}, False, id="chi, Rails: spoofed"),
        P(
            ["10.0.0.1"],
            {"REMOTE_ADDR": "6.6.6.6", "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": "10.0.0.1"}},
            True, id="ProxyFix outside",
        ),
        P(
            ["10.0.0.1"],
            {"REMOTE_ADDR": "10.0.0.1", "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": "6.6.6.6"}},
            False, id="ProxyFix outside, forged",
        ),
        P(lambda environ: environ["REMOTE_ADDR"] == "192.0.2.1", {}, True, id="function"),
        P(lambda environ: environ["no"], {}, False, id="function that raises"),
    ],
)  # fmt: skip
def test_whose_id_counts(trust: Any, more: dict[str, Any], trusted: bool) -> None:
    environ = make_environ(HTTP_X_REQUEST_ID="from-outside", **more)
    served = serve(RequestId(trust=trust)(app), environ)
    found = environ["wsgimw.request_id"]
    assert (found == "from-outside") is trusted
    known = record(environ)
    assert known.upstream_id == (None if trusted else "from-outside")
    assert known.request_id == found == environ["HTTP_X_REQUEST_ID"]
    assert dict(served.headers)["X-Request-ID"] == found
    assert trusted or HEX(found)


@pytest.mark.parametrize(
    ("came", "fits"),
    [
        P("a", True, id="short"),
        P("a" * 128, True, id="longest"),
        P("a" * 129, False, id="hono-4105, too long"),
        P("", False, id="empty"),
        P("Az09._~+/=-", True, id="all characters"),
        P("a b", False, id="space"),
        P("a\n", False, id="trailing newline"),
        P("a\r\nSet-Cookie: x=1", False, id="splitting"),
        P("\xe9", False, id="not ASCII"),
        P("\u0661", False, id="digit of another script"),
        P("a,b", False, id="two lines"),
    ],
)
@pytest.mark.parametrize("trust", [True, ()])
def test_grammar(came: str, fits: bool, trust: Any) -> None:
    environ = make_environ(HTTP_X_REQUEST_ID=came)
    serve(RequestId(trust=trust)(app), environ)
    assert (environ["wsgimw.request_id"] == came) is (fits and bool(trust))
    assert record(environ).upstream_id == (came if fits and not trust else None)


def boom() -> str:
    raise RuntimeError


@pytest.mark.parametrize(
    ("generate", "made"),
    [
        P(lambda: "mine", "mine", id="fits"),
        P(lambda: "not mine", None, id="does not fit"),
        P(lambda: None, None, id="None"),
        P(lambda: 5, None, id="no text"),
        P(boom, None, id="raises"),
    ],
)
def test_generate(generate: Any, made: str | None) -> None:
    environ = make_environ()
    serve(RequestId(generate=generate)(app), environ)
    found = environ["wsgimw.request_id"]
    assert HEX(found) if made is None else found == made


def test_generate_before_the_trace_id() -> None:
    environ = make_environ()
    serve(RequestId(generate=lambda: "mine", trace=True)(app), environ)
    assert environ["wsgimw.request_id"] == "mine"


def test_never_all_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [bytes(24), bytes(16), bytes(15) + b"\1"]
    monkeypatch.setattr(os, "urandom", lambda size: given.pop(0))
    environ = make_environ()
    serve(RequestId(trace=True)(app), environ)
    assert record(environ).trace_id == "0" * 31 + "1"
    assert record(environ).span_id == "1" * 16


def test_many_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    urandom = os.urandom

    def read(size: int) -> bytes:
        reads.append(size)
        return urandom(size)

    monkeypatch.setattr(os, "urandom", read)
    wrapped = RequestId()(app)
    assert len({serve(wrapped).blocks[0] for _ in range(65)}) == 65
    assert reads == [1024, 1024]
    monkeypatch.setattr(request_id, "getpid", lambda: -1)  # here, for the coverage: see test_forks
    serve(wrapped)
    assert reads == [1024, 1024, 1024]


def test_ids_differ() -> None:
    seen = {serve(RequestId()(app)).blocks[0] for _ in range(100)}
    assert len(seen) == 100


def test_the_outer_id_stays() -> None:
    """One request, one id: a mounted app may have a RequestId of its own."""
    environ = make_environ()
    layers = compose(RequestId(trace=True), RequestId(header="X-Inner", trace=True))
    served = serve(layers(app), environ)
    headers = dict(served.headers)
    assert headers["X-Inner"] == headers["X-Request-ID"] == environ["wsgimw.request_id"]
    assert record(environ).trace_id == environ["wsgimw.request_id"]


# The response.


def answering(headers: list[tuple[str, str]]) -> Any:
    def inner(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", headers)
        return [b""]

    return inner


@pytest.mark.parametrize(
    "headers",
    [
        P([], id="none"),
        P([("A", "b")], id="others"),
        P([("x-request-id", "mine"), ("A", "b"), ("X-REQUEST-ID", "again")], id="replaced"),
    ],
)
def test_header_is_set_on_a_list_of_ours(headers: list[tuple[str, str]]) -> None:
    before = list(headers)
    environ = make_environ()
    served = serve(RequestId()(answering(headers)), environ)
    assert headers == before
    found = [value for name, value in served.headers if name.lower() == "x-request-id"]
    assert found == [environ["wsgimw.request_id"]]
    assert [item for item in served.headers if item[0] == "A"] == [
        item for item in before if item[0] == "A"
    ]


def test_second_head_has_it_too() -> None:
    """The 500 page is a second head with `exc_info`."""

    def inner(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        try:
            raise ValueError
        except ValueError:
            start_response("500 Oops", [], sys.exc_info())
        return [b"sorry"]

    served = serve(RequestId()(inner))
    assert [len(headers) for _, headers, _ in served.heads] == [1, 1]
    assert served.heads[0][1] == served.heads[1][1]
    assert served.heads[1][2]


def test_bodies_pass() -> None:
    body = [b"x"]
    wrapped = RequestId()(lambda environ, start_response: body)
    assert wrapped(make_environ(), print) is body  # type: ignore[arg-type]


def test_with_webtest() -> None:
    client = webtest.TestApp(RequestId(trust=True)(app))
    response = client.get("/", headers={"X-Request-ID": "abc"})
    assert response.text == response.headers["X-Request-ID"] == "abc"


# The context.


class Watch:
    """Notes the current id at the call, at each pull and at the close."""

    def __init__(self, fails: str = "") -> None:
        self.seen: list[tuple[str, str | None]] = []
        self.fails = fails

    def note(self, where: str) -> None:
        self.seen.append((where, current()))
        if where == self.fails:
            raise ValueError(where)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        self.note("call")
        return self

    def __iter__(self) -> Iterator[bytes]:
        self.note("first")
        yield b"a"
        self.note("second")
        yield b"b"

    def close(self) -> None:
        self.note("close")


@pytest.mark.parametrize("fails", ["", "call", "first", "second", "close"])
def test_set_while_inner_code_runs(fails: str) -> None:
    watch = Watch(fails)
    environ = make_environ()
    request_id._current.set("before")
    try:
        serve(RequestId()(watch), environ)
        assert current() == "before"
    finally:
        request_id._current.set(None)
    assert {found for _, found in watch.seen} == {environ["wsgimw.request_id"]}
    assert ("close" in dict(watch.seen)) is (fails != "call")


class ListBody(list[bytes]):
    seen: str | None = None

    def close(self) -> None:
        self.seen = current()


def test_set_in_the_close_of_a_list() -> None:
    body = ListBody([b"x"])
    environ = make_environ()

    def inner(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return body

    serve(RequestId()(inner), environ)
    assert body.seen == environ["wsgimw.request_id"]
    assert current() is None


def test_two_streams_on_one_thread() -> None:
    """Each sees its own, and nobody afterwards."""

    def stream(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(3):
            yield (current() or "").encode()

    layer = RequestId(trust=True)
    bodies = [
        iter(layer(stream)(make_environ(HTTP_X_REQUEST_ID=name), lambda *head: print))
        for name in ("one", "two")
    ]
    seen = []
    for _ in range(3):
        for body in bodies:
            seen.append(next(body))
            assert current() is None
    assert seen == [b"one", b"two"] * 3


def test_each_step_in_another_context() -> None:
    """Rule 37, otel-python-2606: no token is ever reset."""
    watch = Watch()
    body: Any = contextvars.Context().run(RequestId()(watch), make_environ(), lambda *head: print)
    iterator = contextvars.Context().run(iter, body)
    while contextvars.Context().run(next, iterator, None) is not None:
        pass
    contextvars.Context().run(body.close)
    assert len({found for _, found in watch.seen}) == 1
    assert current() is None


def test_threads() -> None:
    failures: list[Any] = []
    bound = RequestId(trust=True)(lambda environ, start_response: [(current() or "").encode()])

    def work(name: str) -> None:
        for _ in range(100):
            body = bound(make_environ(HTTP_X_REQUEST_ID=name), lambda *head: print)
            if list(body) != [name.encode()] or current() is not None:
                failures.append(name)

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# Log records.


def test_log_filter_in_dict_config(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request_id": {"()": "wsgimw.request_id.LogFilter"}},
            "formatters": {"plain": {"format": "%(request_id)s %(message)s"}},
            "handlers": {
                "console": {
                    "class": "logging.StreamHandler",
                    "filters": ["request_id"],
                    "formatter": "plain",
                }
            },
            "loggers": {"wsgimw.tests": {"handlers": ["console"], "level": "INFO"}},
        }
    )
    logger = logging.getLogger("wsgimw.tests")
    try:

        def inner(environ: Any, start_response: Any) -> Any:
            logger.info("inside")
            return app(environ, start_response)

        serve(RequestId(trust=True)(inner), make_environ(HTTP_X_REQUEST_ID="abc"))
        logger.info("outside")
        logger.info("own", extra={"request_id": "mine"})
    finally:
        logger.handlers.clear()
    assert capsys.readouterr().err.splitlines() == ["abc inside", "- outside", "mine own"]


def test_log_filter_keeps_what_is_there() -> None:
    log_record = logging.makeLogRecord({"request_id": None})
    assert LogFilter().filter(log_record) is True
    assert log_record.request_id is None  # type: ignore[attr-defined]


# Trace context.

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("came", "flags"),
    [
        P(GOOD, "01", id="sampled"),
        P(f"00-{TRACE}-{SPAN}-00", "00", id="not sampled"),
        P(f"00-{TRACE}-{SPAN}-03", "03", id="random"),
        P(f"00-{TRACE}-{SPAN}-fd", "01", id="flags that nobody knows"),
        P(f"01-{TRACE}-{SPAN}-01", "01", id="later version"),
        P(f"cc-{TRACE}-{SPAN}-01-what-the-future", "01", id="later version that goes on"),
        P(f"cc-{TRACE}-{SPAN}-01.what", None, id="later version, no dash"),
        P(f"{GOOD}-more", None, id="version 00 that goes on"),
        P(f"{GOOD}-", None, id="version 00 with a dash"),
        P(f"ff-{TRACE}-{SPAN}-01", None, id="version ff"),
        P(f"00-{'0' * 32}-{SPAN}-01", None, id="zero trace id"),
        P(f"00-{TRACE}-{'0' * 16}-01", None, id="zero parent id"),
        P(GOOD.upper(), None, id="upper case"),
        P(f"{GOOD},{GOOD}", None, id="two lines"),
        P(f"cc-{TRACE}-{SPAN}-01-x,y", None, id="two lines of a later version"),
        P(f"{GOOD}\n", None, id="trailing newline"),
        P(f"00-{TRACE[:-1]}-{SPAN}-01", None, id="short trace id"),
        P("", None, id="empty"),
        P(None, None, id="absent"),
    ],
)
@pytest.mark.parametrize("trust", [True, ()])
def test_traceparent(came: str | None, flags: str | None, trust: Any) -> None:
    environ = make_environ(HTTP_TRACEPARENT=came, HTTP_TRACESTATE="a=1")
    serve(RequestId(trace=True, trust=trust)(app), environ)
    known = record(environ)
    good = flags is not None and trust is True
    assert (known.trace_id == TRACE) is good
    assert known.parent_id == (SPAN if good else None)
    assert (
        environ["HTTP_TRACEPARENT"]
        == f"00-{known.trace_id}-{known.span_id}-{flags if good else '00'}"
    )
    assert len(known.span_id or "") == 16 and known.span_id != SPAN
    assert ("HTTP_TRACESTATE" in environ) is good
    assert known.request_id == known.trace_id


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        P("a=1", True, id="short"),
        P(" a=1 ,\tb=2,,", True, id="verbatim"),
        P(",".join(f"k{number}=v" for number in range(32)), True, id="most members"),
        P(",".join(f"k{number}=v" for number in range(33)), False, id="too many members"),
        P("a=" + "x" * 510, True, id="longest"),
        P("a=" + "x" * 511, False, id="too long"),
    ],
)
def test_tracestate(state: str, kept: bool) -> None:
    environ = make_environ(HTTP_TRACEPARENT=GOOD, HTTP_TRACESTATE=state)
    serve(RequestId(trace=True, trust=True)(app), environ)
    assert environ.get("HTTP_TRACESTATE") == (state if kept else None)


def test_an_inbound_id_beside_a_trace() -> None:
    environ = make_environ(HTTP_TRACEPARENT=GOOD, HTTP_X_REQUEST_ID="abc")
    serve(RequestId(trace=True, trust=True)(app), environ)
    assert (record(environ).request_id, record(environ).trace_id) == ("abc", TRACE)


def test_no_trace_without_the_option() -> None:
    environ = make_environ(HTTP_TRACEPARENT=GOOD)
    serve(RequestId(trust=True)(app), environ)
    assert (environ["HTTP_TRACEPARENT"], record(environ).trace_id) == (GOOD, None)
