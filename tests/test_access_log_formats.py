"""What is on the line, that it can be read back, and that nothing else can be put there."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wsgi import make_environ, serve
from wsgimw import AccessLog
from wsgimw import access_log as package
from wsgimw.access_log import clock, finish, lines, parse
from wsgimw.access_log.dev import coloured
from wsgimw.access_log.entry import FIELDS, make_entry, plain_text, scalar
from wsgimw.access_log.escaping import escape, unescape
from wsgimw.access_log.template import template_of
from wsgimw.record import record
from wsgimw.remembered import Remembered

P = pytest.param
START = 971_211_336.0625  # 10 Oct 2000, 20:55:36 UTC


def app(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Thing", "a"), ("x-thing", 'b"')])
    return [b"hello"]


@pytest.fixture(autouse=True)
def fixed_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(package, "time", lambda: START)


def say(**known: Any) -> Any:
    """Return an app that fills in the record."""

    def saying(environ: Any, start_response: Any) -> Any:
        for name, value in known.items():
            setattr(record(environ), name, value)
        return app(environ, start_response)

    return saying


def written(
    format: str | None, inner: Any = app, environ: Any = None, **options: Any
) -> tuple[str, dict[str, Any]]:
    """Serve one request; return the line and the entry that it was made of."""
    lines = io.StringIO()
    entries: list[dict[str, Any]] = []
    # Outside, so that it sees the same environ and record, but another clock.
    environ = make_environ() if environ is None else environ
    log = AccessLog(format=format, sink=lines, **options)
    serve(log(inner), dict(environ))
    options["keep"] = None
    serve(AccessLog(sink=entries.append, **options)(inner), dict(environ))
    (entry,) = entries
    return lines.getvalue(), entry


def line_of(format: str | None, inner: Any = app, **more: Any) -> str:
    return written(format, inner, make_environ(**more))[0].removesuffix("\n")


AT = "[10/Oct/2000:20:55:36 +0000]"


@pytest.mark.parametrize(
    ("format", "more", "line"),
    [
        P("common", {}, f'192.0.2.1 - - {AT} "GET / HTTP/1.1" 200 5', id="common"),
        P(None, {}, f'192.0.2.1 - - {AT} "GET / HTTP/1.1" 200 5 "-" "-"', id="default"),
        P(
            "combined",
            {"REMOTE_USER": "ada", "HTTP_REFERER": "http://x/", "HTTP_USER_AGENT": "curl/8"},
            f'192.0.2.1 - ada {AT} "GET / HTTP/1.1" 200 5 "http://x/" "curl/8"',
            id="combined",
        ),
        P(
            "vhost",
            {"HTTP_HOST": "www.example.org:8080"},
            f'www.example.org:80 192.0.2.1 - - {AT} "GET / HTTP/1.1" 200 5 "-" "-"',
            id="vhost",
        ),
        P("%v", {"HTTP_HOST": "[::1]:8080"}, "[::1]", id="IPv6 host"),
        P("%v", {"HTTP_HOST": None}, "srv", id="no host"),
        P("%v %p", {"SERVER_PORT": 8080, "HTTP_HOST": "a"}, "a 8080", id="port is an int, S13"),
        P("%h %a", {"REMOTE_ADDR": None}, "- -", id="no address, S13"),
        P("%h", {"HTTP_X_FORWARDED_FOR": "6.6.6.6"}, "192.0.2.1", id="TransLogger, chi, Rails"),
        P("%m %U %q %H", {"QUERY_STRING": "a=1"}, "GET / ?a=1 HTTP/1.1", id="parts"),
        P("%m|%U|%q|%H", {}, "GET|/||HTTP/1.1", id="no query"),
        P("%s %>s %b %B", {}, "200 200 5 5", id="status and bytes"),
        P("%b %B", {"REQUEST_METHOD": "HEAD"}, "- 0", id="no bytes"),
        P("%l %X %% 100%%", {}, "- - % 100%", id="constants"),
        P("%P", {}, str(os.getpid()), id="process"),
        P("%L", {}, "-", id="no request id"),
        P("%{X-Api-Version}i", {"HTTP_X_API_VERSION": "7"}, "7", id="request field"),
        P("%{Content-Type}i", {"CONTENT_TYPE": "a/b"}, "a/b", id="content type"),
        P("%{X-Thing}o", {}, 'a, b\\"', id="response field"),
        P("%{Nothing}o %{No}i %{NO}e", {}, "- - -", id="absent fields"),
        P("%{wsgi.version}e", {}, "(1, 0)", id="environ"),
        P("%{outcome}x %{host}x", {}, "complete example.org", id="fields"),
        P("%{time}x", {}, "2000-10-10T20:55:36.062Z", id="time field"),
        P(
            "%U",
            {"SCRIPT_NAME": "/a b", "PATH_INFO": "/%\xc3\xa9"},
            "/a%20b/%25%C3%A9",
            id="TransLogger, mojibake",
        ),
        P("%U %r", {"PATH_INFO": "-"}, "\\x2d GET \\x2d HTTP/1.1", id="a path that is a dash"),
        P("%U", {"PATH_INFO": "-"}, "\\x2d", id="a path that is a dash, alone"),
        P("%r", {"PATH_INFO": "", "REQUEST_METHOD": None}, "- - HTTP/1.1", id="absent parts"),
        P("%u ", {"REMOTE_USER": "a b"}, "a\\x20b ", id="the first character of what follows"),
        P("%u", {"REMOTE_USER": "a b"}, "a b", id="nothing follows"),
        P("%ux", {"REMOTE_USER": "x\xe9\\"}, "\\x78\\xe9\\\\x", id="an escape is left whole"),
        P('"%u"', {"REMOTE_USER": "-"}, '"\\x2d"', id="a dash"),
        P("%u\\%h", {"REMOTE_USER": '"\\'}, '\\"\\x5c\\\\192.0.2.1', id="a literal backslash"),
        P(
            "%u",
            {"REMOTE_USER": "\u20ac\U0001f600\udc80"},
            "\\u20ac\\U0001f600\\udc80",
            id="code points",
        ),
        P("%q", {"QUERY_STRING": 'a b"\\\n\xe9'}, "?a%20b%22%5C%0A%E9", id="query"),
        P(
            "%q",
            {"QUERY_STRING": "token=a&b=1;pin=2"},
            "?token=[redacted]&b=1;pin=[redacted]",
            id="caddy-5669, caddy-7566",
        ),
        P(
            "%{Referer}i",
            {"HTTP_REFERER": "http://u:p@h/?sid=1"},
            "http://[redacted]@h/?sid=[redacted]",
            id="referer",
        ),
        P("%{Authorization}i", {"HTTP_AUTHORIZATION": "Basic eA=="}, "[redacted]", id="caddy-3531"),
        P("%{Cookie}i %{HTTP_COOKIE}e", {"HTTP_COOKIE": "a=b"}, "[redacted] [redacted]", id="both"),
        P("%{Cookie}i", {}, "-", id="absent is not masked"),
        P(
            "%{X-Mine}i %{MINE}e %u %h",
            {"HTTP_X_MINE": "1", "MINE": "2", "REMOTE_USER": "u",
             "wsgimw.redact": {"HTTP_X_MINE", "MINE", "REMOTE_USER"}},
            "[redacted] [redacted] [redacted] 192.0.2.1",
            id="wsgimw.redact",
        ),
        P(
            "combined",
            {"wsgimw.redact": {"QUERY_STRING", "PATH_INFO"}, "QUERY_STRING": "a=1"},
            f'192.0.2.1 - - {AT} "GET [redacted]?[redacted] HTTP/1.1" 200 5 "-" "-"',
            id="wsgimw.redact, query and path",
        ),
        P("%h", {"wsgimw.redact": 7}, "192.0.2.1", id="wsgimw.redact is no set"),
    ],
)  # fmt: skip
def test_line(format: str | None, more: dict[str, Any], line: str) -> None:
    assert line_of(format, **more) == line


def test_redact_false_masks_nothing() -> None:
    environ = make_environ(QUERY_STRING="token=a", HTTP_REFERER="//u@h", HTTP_COOKIE="c=1")
    environ["wsgimw.redact"] = {"REMOTE_ADDR"}
    line, _ = written("%h %q %{Referer}i %{Cookie}i", app, environ, redact=False)
    assert line == "192.0.2.1 ?token=a //u@h c=1\n"


def test_redact_adds_names() -> None:
    environ = make_environ(QUERY_STRING="iban=1&token=2&bank=3")
    assert written("%q", app, environ, redact=["iban"])[0] == (
        "?iban=[redacted]&token=[redacted]&bank=3\n"
    )


@pytest.mark.parametrize(
    ("zone", "at", "text"),
    [
        P("Asia/Kolkata", START, "[11/Oct/2000:02:25:36 +0530]", id="Kolkata"),
        P("Asia/Kathmandu", START, "[11/Oct/2000:02:40:36 +0545]", id="Kathmandu"),
        P(
            "America/St_Johns",
            1_704_067_200,
            "[31/Dec/2023:20:30:00 -0330]",
            id="St John's, winter",
        ),
        P(
            "America/St_Johns",
            1_719_792_000,
            "[30/Jun/2024:21:30:00 -0230]",
            id="St John's, summer",
        ),
        P(
            "America/New_York",
            1_704_067_200,
            "[31/Dec/2023:19:00:00 -0500]",
            id="TransLogger, January",
        ),
    ],
)
def test_zones(zone: str, at: float, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert clock.apache(at) == clock.apache(at) == text
    assert clock.apache_seconds(text) == int(at)


@pytest.fixture(autouse=True, scope="module")
def put_back_the_zone() -> Any:
    yield
    time.tzset()


def test_json_line() -> None:
    environ = make_environ(REMOTE_USER="\xe9\x7f\u2028", QUERY_STRING="a=1")
    line, entry = written("json", app, environ)
    assert line.isascii() and line.count("\n") == 1 and "\x7f" not in line
    found = json.loads(line)
    assert list(found) == [name for name in FIELDS if found.get(name) is not None]
    assert found["time"] == "2000-10-10T20:55:36.062Z"
    assert (found["status"], found["bytes"], found["outcome"]) == (200, 5, "complete")
    assert found["user"] == entry["user"] == "\xe9\x7f\u2028"
    assert "referer" not in found


@pytest.mark.parametrize("format", ["combined", "json"])
@pytest.mark.parametrize(
    ("known", "more", "is_fast"),
    [
        P({}, {}, True, id="nothing"),
        P({"reasons": ["auth:basic:cached", "compress:gzip"]}, {}, True, id="reasons"),
        P({"reasons": ["a,b", "é", '"']}, {}, True, id="odd reasons"),
        P({"reasons": ["a", "", "b"]}, {}, False, id="an empty reason"),
        P({"reasons": ["a", 7]}, {}, False, id="a reason that is no text"),
        P({"extra": {"n": 1}}, {}, False, id="extra"),
        P(
            {},
            {"wsgimw.redact": {"HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION"}},
            True,
            id="what Authenticate hides",
        ),
        P({}, {"wsgimw.redact": set()}, True, id="nothing hidden"),
        P({}, {"wsgimw.redact": {"REMOTE_ADDR"}}, False, id="an address hidden"),
        P({}, {"wsgimw.redact": ["HTTP_COOKIE"]}, False, id="a list, which somebody made"),
    ],
)
def test_the_fast_line_is_that_of_the_entry(
    known: dict[str, Any],
    more: dict[str, Any],
    is_fast: bool,
    format: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries: list[object] = []

    def counted(flow: Any, masks: Any) -> Any:
        entries.append(flow)
        return make_entry(flow, masks)

    monkeypatch.setattr(finish, "make_entry", counted)

    def line() -> str:
        lines = io.StringIO()
        serve(AccessLog(format=format, sink=lines)(say(**known)), make_environ(**more))
        return re.sub(r'("\w+_ms":)[\d.]+', r"\1-", lines.getvalue())

    fast = line()
    assert bool(entries) is not (is_fast or (format == "combined" and "wsgimw.redact" not in more))
    monkeypatch.setattr(finish, "FAST", {})
    assert fast == line()


def test_logfmt_line() -> None:
    extra = {"a b": "x y", "n": 5, "f": 1.5, "t": True, "o": None, "s": "5", "e": "", "j": "true"}
    line, _ = written("logfmt", say(extra=extra, reasons=["a:b", "c,d"]))
    assert (
        'reasons=a:b,c%2Cd extra.a%20b="x y" extra.n=5 extra.f=1.5 extra.t=true extra.o=null '
        'extra.s="5" extra.e="" extra.j="true"\n'
    ) in line
    assert line.startswith("time=2000-10-10T20:55:36.062Z remote_addr=192.0.2.1 method=GET path=/ ")


@pytest.mark.parametrize(
    ("inner", "more", "line"),
    [
        P(app, {}, r"20:55:36 GET / 200 5 B \d+\.\d ms", id="plain"),
        P(app, {"QUERY_STRING": "a=1"}, r"20:55:36 GET /\?a=1 200 5 B \d+\.\d ms", id="query"),
        P(
            say(error="ValueError", fingerprint="abc"), {},
            r"20:55:36 GET / 200 5 B \d+\.\d ms ValueError abc", id="error",
        ),
        P(
            app, {"REQUEST_METHOD": "G\x1b[31m\x85\u202e\u2028\n"},
            r"20:55:36 G\\x1b\[31m\\x85\\u202e\\u2028\\x0a / 200 5 B \d+\.\d ms", id="no escapes",
        ),
    ],
)  # fmt: skip
def test_dev_line(inner: Any, more: dict[str, Any], line: str) -> None:
    assert re.fullmatch(line, line_of("dev", inner, **more))


def test_dev_says_an_outcome_that_is_not_complete() -> None:
    lines = io.StringIO()
    serve(AccessLog(format="dev", sink=lines)(lambda environ, start_response: []), stop=0)
    assert lines.getvalue().endswith(" ms client_gone\n")
    assert " GET / - 0 B " in lines.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "no_color", "colour"),
    [
        P(Terminal(), None, True, id="terminal"),
        P(Terminal(), "1", False, id="NO_COLOR"),
        P(io.StringIO(), None, False, id="no terminal"),
        P(object(), None, False, id="cannot be asked"),
    ],
)
def test_dev_colour(
    stream: Any, no_color: str | None, colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    assert coloured(stream) is colour
    if isinstance(stream, io.StringIO):
        serve(AccessLog(format="dev", sink=stream)(app))
        assert ("\x1b[32m200\x1b[0m" in stream.getvalue()) is colour


def test_dev_sizes() -> None:
    def big(size: int) -> Any:
        def inner(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [])
            return [bytes(size)]

        return inner

    assert " 16.4 kB " in line_of("dev", big(16384))
    assert " 20.0 MB " in line_of("dev", big(20_000_000))


# The entry.


def test_entry_has_every_field() -> None:
    _, entry = written("json")
    assert tuple(entry) == FIELDS
    assert entry["user"] is entry["extra"] is entry["reasons"] is entry["peer_addr"] is None


def test_entry_takes_the_request_of_the_start_and_the_user_of_the_end() -> None:
    def inner(environ: Any, start_response: Any) -> Any:
        environ.update(
            REQUEST_METHOD="PUT", PATH_INFO="/moved", SCRIPT_NAME="/x", QUERY_STRING="z",
            SERVER_PROTOCOL="HTTP/9", HTTP_HOST="evil", HTTP_USER_AGENT="other", HTTP_REFERER="r",
            REMOTE_ADDR="198.51.100.9", REMOTE_USER="ada",
        )  # fmt: skip
        environ["wsgimw.route"] = "/<x>"
        return app(environ, start_response)

    _, entry = written("json", inner, make_environ(HTTP_USER_AGENT="me"))
    names = "method path query protocol host user_agent referer remote_addr peer_addr user route"
    assert [entry[name] for name in names.split()] == [
        "GET", "/", None, "HTTP/1.1", "example.org", "me", None, "198.51.100.9", "192.0.2.1", "ada",
        "/<x>",
    ]  # fmt: skip


def test_entry_of_an_emptied_environ() -> None:
    """Rule 3: an app may empty environ."""

    def inner(environ: Any, start_response: Any) -> Any:
        environ.clear()
        return app(environ, start_response)

    line, entry = written("combined", inner)
    assert (entry["remote_addr"], entry["peer_addr"], entry["path"]) == ("192.0.2.1", None, "/")
    assert line.startswith("192.0.2.1 - - ")


def test_the_record_comes_before_environ() -> None:
    inner = say(user="ada", route="/r", request_id="i", trace_id="t", span_id="s", error="E")
    environ = make_environ(REMOTE_USER="eve", **{"wsgimw.route": "/other"})
    line, entry = written("json", inner, environ)
    names = ["user", "route", "request_id", "trace_id", "span_id", "error"]
    assert [entry[name] for name in names] == [
        "ada", "/r", "i", "t", "s", "E",
    ]  # fmt: skip
    assert json.loads(line)["span_id"] == "s"


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError


class Str(str):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        P("a", "a", id="str"),
        P("", "", id="empty"),
        P(5, 5, id="int"),
        P(True, True, id="bool"),
        P(None, None, id="None"),
        P(1.5, 1.5, id="float"),
        P(float("nan"), None, id="nan"),
        P(float("-inf"), None, id="infinity"),
        P([1], "[1]", id="list"),
        P(Hostile(), "Hostile", id="str() raises"),
        P(Str("x"), "x", id="subclass"),
        P(10**5000, "int", id="too long for int()"),
        P("\ud83d\ude00", "\U0001f600", id="surrogate pair"),
        P("\ud83d", "\ud83d", id="lone surrogate"),
    ],
)
def test_scalar(value: Any, shown: Any) -> None:
    assert scalar(value) == shown
    assert type(scalar(value)) is type(shown)


def test_plain_text_of_odd_values() -> None:
    assert [plain_text(value) for value in (None, "", 0, Hostile())] == [None, None, "0", "Hostile"]


# The way back.

TEMPLATES = [
    "common",
    "combined",
    "vhost",
    "json",
    "logfmt",
    '%h\t%u'.replace("\t", "|"),
    "%r %u",
    "%r-%u-%m-%U-%s-%b-%h",
    "%u\\%m\\%r\\%q",
    "%t 1%s1%u1%b1%D1%{user}x1",
    "x%ux%mx%rx%Ux%qx%Hx%Lx",
    '"%r" %{X-A}i %{X-B}o %{ENV}e %{Referer}i|%{User-Agent}i',
    "/%u/%U/%r/%{path}x/",
    "?%r?%q?%u?",
    " ".join(f"%{{{name}}}x" for name in FIELDS),
    "u%{error}xu%{reasons}xu%{extra}xu",
    "%{us}T %{ms}T %T %%",
]  # fmt: skip

HOSTILE = [
    "\r", "\n", "\r\n", "\x1b[31m", "\x07", "\x00", "\x7f", "\x80\x9b", "\x85", "\u2028", "\u2029",
    '"', "\\", '\\"', "\u202e", "\ud800", "\udfff", "\ud83d\ude00", "-", "--", " ", "a b", "x41",
    "\\x41", "\\x20", "\\u0020", "?", "%", "%41", "&token=x", "é", "漢", "\U0001f600", "x" * 8192,
    "null", "5", "true", "=", ",", "/",
]  # fmt: skip
TEXT = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=20), st.text('-\\"x 10u?%/=\n', max_size=8)
)
MAYBE = st.one_of(st.none(), TEXT)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.lists(st.integers(), max_size=2)
)


@st.composite
def requests(draw: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    keys = [
        "REMOTE_ADDR",
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "PATH_INFO",
        "QUERY_STRING",
        "SERVER_PROTOCOL",
        "HTTP_HOST",
        "HTTP_REFERER",
        "HTTP_USER_AGENT",
        "REMOTE_USER",
        "HTTP_X_A",
        "ENV",
        "SERVER_NAME",
    ]
    environ = {key: draw(MAYBE) for key in keys}
    names = ["user", "route", "request_id", "trace_id", "span_id", "error", "fingerprint"]
    known: dict[str, Any] = {name: draw(MAYBE) for name in names}
    known["reasons"] = draw(st.lists(TEXT, max_size=3))
    known["extra"] = draw(st.dictionaries(TEXT, SCALARS, max_size=3))
    known["response"] = draw(TEXT)
    return environ, known


def check_law(format: str, environ: dict[str, Any], known: dict[str, Any]) -> None:
    """`parse(written)[field] == entry[field]`; one line, printable ASCII."""
    lines = io.StringIO()
    entries: list[dict[str, Any]] = []

    def inner(environ: Any, start_response: Any) -> Any:
        for name, value in known.items():
            if name != "response":
                setattr(record(environ), name, value)
        start_response("200 OK", [("X-B", known["response"])])
        return [b"hello"]

    def keep(entry: dict[str, Any]) -> bool:
        entries.append(entry)
        return True

    # With `keep` the entry and the line are of the same request; without, the fast way is taken.
    environ = make_environ(**environ)
    serve(AccessLog(format=format, sink=lines, keep=keep)(inner), dict(environ))
    serve(AccessLog(format=format, sink=lines)(inner), dict(environ))
    assert len(lines.getvalue().split("\n")) == 3
    (entry,) = entries
    slow, fast = lines.getvalue().splitlines(keepends=True)
    for line in (slow, fast):
        assert re.fullmatch(r"[ -~]*\n", line)
        found = parse(line, format)
        for field in found.keys() & entry.keys():
            if field == "time":
                assert abs(found[field] - entry[field]) < 1
            elif field.endswith("_ms"):
                if line is slow:
                    precise = {"%T": 1000, "%{ms}T": 1}.get(format, 0.001)
                    assert abs((found[field] or 0) - (entry[field] or 0)) < precise
            else:
                assert found[field] == entry[field], (field, line)
    if format in ("json", "logfmt"):
        assert found.keys() >= entry.keys()
    no_times = re.compile(r'_ms"?[:=][0-9.]+|( [0-9.]+){4} complete')
    if not re.search("D|T|_ms", format):
        assert no_times.sub("", slow) == no_times.sub("", fast)


@pytest.mark.parametrize("format", TEMPLATES)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(request=requests())
def test_round_trip(format: str, request: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """For any environ, head and record a line is one line, and says what the entry says."""
    check_law(format, *request)


LITERAL = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=4)
DIRECTIVES = st.sampled_from(
    [
        "%h",
        "%u",
        "%r",
        "%m",
        "%U",
        "%q",
        "%H",
        "%s",
        "%b",
        "%B",
        "%D",
        "%L",
        "%t",
        "%{X-A}i",
        "%{X-B}o",
        "%{ENV}e",
        "%{extra}x",
        "%{reasons}x",
        "%l",
    ]
)


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    parts=st.lists(st.tuples(DIRECTIVES, LITERAL), min_size=1, max_size=5),
    last=st.one_of(st.just(""), DIRECTIVES),
    request=requests(),
)
def test_round_trip_of_any_template(
    parts: list[tuple[str, str]], last: str, request: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """The same for any template that has a literal between two directives."""
    template = "".join(directive + literal.replace("%", "%%") for directive, literal in parts)
    check_law(template + last, *request)


@pytest.mark.parametrize("format", ["common", "combined", "vhost", "json", "logfmt", "dev"])
@pytest.mark.parametrize("hostile", HOSTILE, ids=[ascii(text)[:12] for text in HOSTILE])
def test_log_forging(format: str, hostile: str) -> None:
    """CVE-2022-30123, CVE-2025-25184, CVE-2020-7694, CVE-2025-48432, CVE-2024-1681."""
    environ = dict.fromkeys(
        [
            "REMOTE_ADDR",
            "REQUEST_METHOD",
            "PATH_INFO",
            "QUERY_STRING",
            "SERVER_PROTOCOL",
            "HTTP_HOST",
            "HTTP_REFERER",
            "HTTP_USER_AGENT",
            "REMOTE_USER",
        ],
        f"a{hostile}b",
    )
    line = written(format, app, make_environ(**environ))[0]
    assert line.endswith("\n") and line.count("\n") == 1
    assert line.isprintable() or re.fullmatch(
        r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]*\n", line
    )
    if format != "dev":
        assert re.fullmatch(r"[ -~]*\n", line)


@pytest.mark.parametrize("format", ["combined", "json"])
def test_what_clients_send_does_not_fill_the_memory(format: str) -> None:
    """All tables together: each text is as long as is kept, and shown as long as it can be."""
    tables = [table for table in vars(lines).values() if isinstance(table, Remembered)]
    hostile = [f"{number:04}" + "\xe9" * 252 for number in range(1100)]
    for text in hostile:
        keys = ("REMOTE_ADDR", "SERVER_PROTOCOL", "HTTP_HOST", "HTTP_USER_AGENT", "REMOTE_USER")
        line_of(format, PATH_INFO=f"/{text[1:]}", **dict.fromkeys(keys, text))
    assert max(map(len, tables)) <= 1024
    sizes = [sys.getsizeof(text) for table in tables for item in table.items() for text in item]
    assert sum(sizes) < 12 << 20
    long = "a" * 257
    found = parse(line_of(format, HTTP_USER_AGENT=long, PATH_INFO=f"/{long}"), format)
    assert (found["user_agent"], found["path"]) == (long, f"/{long}")
    assert not any(long in table or f"/{long}" in table for table in tables)


@pytest.mark.parametrize(
    ("line", "format", "message"),
    [
        P("x", "combined", "at column 2: ' ' is expected", id="cut short"),
        P("", "%h %u", "at column 1: a value is expected", id="empty"),
        P("a b", "%h-%u", "at column 4: '-' is expected", id="other literal"),
        P("a b", "x%h", "at column 1: 'x' is expected", id="first literal"),
        P("200 x", "%s y", "at column 4: ' y' is expected", id="last literal"),
        P("abc", "%s", "at column 1: a number is expected", id="no number"),
        P("2002 yz", "%s y", "at column 7: 'z' is too much", id="too much"),
        P("[10/Foo/2000:20:55:36 +0000]", "%t", "at column 1: no time", id="no month"),
        P("[1", "%t", "at column 1: no time", id="half a time"),
        P("-", "%q", "at column 1: a query begins with", id="no query"),
        P("GET /", "%r", "at column 1: method, target and protocol", id="two parts"),
        P("a\\q", "%h", "at column 2: '\\\\q' is too much", id="no escape"),
        P("\\Uffffffff", "%h", "at column 1: no character", id="no character"),
        P("[", "json", "at column 2: Expecting value", id="no JSON"),
        P("[]", "json", "at column 1: an object is expected", id="no object"),
        P('{"time": 5}', "json", "at column 1", id="no time in JSON"),
        P('{"time": "2000-10-10T20:55:36x"}', "json", "at column 1: no time", id="no RFC 3339"),
        P("a=1", "logfmt", "at column 1: no field is named 'a'", id="no field"),
        P("status=200 x", "logfmt", "at column 12: key=value is expected", id="no pair"),
        P("", "logfmt", "at column 1: key=value is expected", id="no pairs"),
        P("status=x", "logfmt", "at column 1: a number is expected", id="no status"),
        P("x", "dev", "'dev' is for people", id="dev"),
        P("x", "%h%u", "nothing before %u at column 3", id="adjacent"),
        P("x", "combind", "did you mean 'combined'", id="no format"),
    ],
)
def test_parse_misfit(line: str, format: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(line, format)
    assert message in str(caught.value)


def test_parse_never_raises_anything_else() -> None:
    for format in ("combined", "json", "logfmt", "%r-%u", "%u\\%h"):
        for line in ("", "\\", '"', "-", "=", "a=", "extra.=", 'a="', "{", "[" * 100_000, "\\x4"):
            try:
                parse(line, format)
            except ValueError:
                continue


def test_parse_the_default_and_a_line_of_apache() -> None:
    line = '::1 - - [10/Oct/2000:13:55:36 -0700] "GET /a?x=1 HTTP/1.0" 304 - "-" "Moz \\"x\\""'
    found = parse(line)
    assert (found["status"], found["bytes"], found["user_agent"]) == (304, 0, 'Moz "x"')
    assert found["time"] == 971_211_336.0


def test_the_most_precise_counts() -> None:
    assert parse("1 2 3000", "%T %{ms}T %D")["duration_ms"] == 3.0
    assert parse("3000 1", "%D %T")["duration_ms"] == 3.0


@pytest.mark.parametrize(
    ("format", "message"),
    [
        P("%h %Z", "'%Z' at column 4", id="unknown letter"),
        P("100%", "'%' at column 4", id="a lone percent sign"),
        P("%{X}i%{foo", "'%{foo' at column 6", id="not closed"),
        P("%i", "it needs a name: %{Name}i", id="no name"),
        P("%{a b}i", "'%{a b}i' at column 1", id="no field name"),
        P("%{}e", "'%{}e' at column 1", id="empty name"),
        P("%{outcom}x", "did you mean %{outcome}x?", id="near field"),
        P("%{zzz}x", "fields are time, ", id="far field"),
        P("%{s}T", "'%{s}T' at column 1", id="unit"),
        P("%{%Y}t", "'%{%Y}t' at column 1", id="time pattern"),
        P("%h\n", "'\\n' at column 3", id="newline"),
        P("%h \xe9", "at column 4", id="not ASCII"),
        P("jsn", "did you mean 'json'", id="near name"),
        P("zzz", "its names are common, combined", id="far name"),
    ],
)
def test_format_misfit(format: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        AccessLog(format=format)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("format", "keys"),
    [
        ("combined", ()),
        ("%{User-Agent}i %{referer}i %h", ()),
        ("%{X-One}i %{Content-Type}i", ("HTTP_X_ONE", "CONTENT_TYPE")),
        ("vhost", ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT")),
    ],
)
def test_a_format_reads_no_more_of_the_request_than_it_shows(
    format: str, keys: tuple[str, ...]
) -> None:
    """What every entry has is read in any case: to read it twice was a tenth of the price."""
    template = template_of(format)
    assert template is not None
    assert template.request_keys == keys


def test_format_of_the_wrong_kind() -> None:
    with pytest.raises(TypeError, match="format is 5; it takes one of common, combined"):
        AccessLog(format=5)  # type: ignore[arg-type]


@given(st.text(), st.sampled_from(["", " ", '"', "\\", "x", "0", "-", "a"]))
@settings(derandomize=True, deadline=None)
def test_escape_and_back(text: str, first: str) -> None:
    """What was escaped is printable ASCII, lacks what follows, and can be read back."""
    shown = escape(text, first)
    assert re.fullmatch(r"[ -~]*", shown)
    assert unescape(shown) == text


def test_unescape_refuses() -> None:
    with pytest.raises(ValueError, match="no escape"):
        unescape("a\\q")
