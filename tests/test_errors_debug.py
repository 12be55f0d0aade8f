"""The debug page: who sees it, what is on it, and what never is."""

from __future__ import annotations

import gc
import json
import linecache
import re
import shlex
import weakref
from collections.abc import Iterable, Iterator
from html import unescape
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import pytest

from tests.errors_apps import HEAD, Body, Fault, lazy, printed, raised, raising, returning
from wsgimw import CatchErrors, RequestId, compose
from wsgimw.errors import HTTPError
from wsgimw.errors.debug.values import show
from wsgimw.peers import closed_gates
from wsgimw.record import Record
from wsgimw.testing import check_middleware
from wsgimw.testing.server import App, Call, Environ, FileWrapper, StartResponse, make_environ

HTML = {"HTTP_ACCEPT": "text/html"}
DEBUG = CatchErrors(debug=True)
IDS = "error line layers chain frames response request curl webtest traceback gates versions"


def ask(app: App, layer: Any = DEBUG, **keys: Any) -> Call:
    return Call(compose(layer)(app), make_environ(**{**HTML, **keys})).run()


class Page(HTMLParser):
    """The sections of a page, by id, as text; and what a browser would do with it."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.sections: dict[str, str] = {}
        self.html: dict[str, str] = {}
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.now = ""
        text = call.raw.decode()
        for part in re.findall(r'<section id="(\w+)">(.*?)</section>', text, re.DOTALL):
            self.html[part[0]] = part[1]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "section":
            self.now = dict(attrs)["id"] or ""
            self.sections[self.now] = ""

    def handle_data(self, data: str) -> None:
        if self.now:
            self.sections[self.now] += data


def is_debug(call: Call) -> bool:
    return b'<section id="frames">' in call.raw


class TestGates:
    """All gates, on every request."""

    @pytest.mark.parametrize(
        ("keys", "says"),
        [
            pytest.param({}, None, id="open"),
            pytest.param({"REMOTE_ADDR": "127.8.9.1"}, None, id="127/8"),
            pytest.param({"REMOTE_ADDR": "::1"}, None, id="::1"),
            pytest.param({"REMOTE_ADDR": "::ffff:127.0.0.1"}, None, id="mapped"),
            pytest.param({"REMOTE_ADDR": "192.0.2.1"}, "debug_peers=('192.0.2.1',)", id="peer"),
            pytest.param({"REMOTE_ADDR": ""}, "debug_peers=", id="unix"),
            pytest.param({"REMOTE_ADDR": None}, "debug_peers=", id="no str"),
            pytest.param({"REMOTE_ADDR": "localhost"}, "debug_peers=", id="a name"),
            pytest.param({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, "X-Forwarded-For", id="XFF"),
            pytest.param({"HTTP_X_FORWARDED_ANY": ""}, "X-Forwarded-Any", id="X-Forwarded-*"),
            pytest.param({"HTTP_FORWARDED": "for=x"}, "Forwarded", id="Forwarded"),
            pytest.param({"HTTP_VIA": "1.1 x"}, "Via", id="Via"),
            pytest.param({"HTTP_X_REAL_IP": "127.0.0.1"}, "X-Real-Ip", id="X-Real-IP"),
            pytest.param(
                {"werkzeug.proxy_fix.orig": {"REMOTE_ADDR": "192.0.2.1"}}, "peers", id="ProxyFix"
            ),
            pytest.param({"HTTP_HOST": "localhost:8000"}, None, id="port"),
            pytest.param({"HTTP_HOST": "LocalHost"}, None, id="case"),
            pytest.param({"HTTP_HOST": "shop.localhost"}, None, id="*.localhost"),
            pytest.param({"HTTP_HOST": "127.0.0.2:1"}, None, id="host 127/8"),
            pytest.param({"HTTP_HOST": "[::1]:80"}, None, id="host [::1]"),
            pytest.param({"HTTP_HOST": "evil.test"}, "debug_hosts=('evil.test',)", id="rebinding"),
            pytest.param({"HTTP_HOST": "localhost.evil.test"}, "debug_hosts", id="prefix"),
            pytest.param({"HTTP_HOST": "evillocalhost"}, "debug_hosts", id="suffix"),
            pytest.param({"HTTP_HOST": "127.1"}, "debug_hosts", id="short"),
            pytest.param({"HTTP_HOST": "127.evil.test"}, "debug_hosts", id="127.name"),
            pytest.param({"HTTP_HOST": "localhost, evil.test"}, "malformed", id="several"),
            pytest.param({"HTTP_HOST": "localhost@evil.test"}, "malformed", id="userinfo"),
            pytest.param({"HTTP_HOST": "localhost\n"}, "malformed", id="line feed"),
            pytest.param({"HTTP_HOST": ""}, "missing", id="empty"),
            pytest.param({"HTTP_HOST": None}, "missing", id="absent"),
        ],
    )
    @pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
    def test_each(self, keys: Any, says: str | None, accept: str) -> None:
        secret = "5ecret"
        call = ask(raising(Fault(secret)), HTTP_ACCEPT=accept, **keys)
        assert (secret.encode() in call.raw) is (says is None)
        withheld = [line for line in printed(call).splitlines() if "debug page withheld: " in line]
        assert len(withheld) == (says is not None)
        if says is not None:
            assert says in withheld[0]
            closed = ask(raising(Fault(secret)), CatchErrors(), HTTP_ACCEPT=accept)
            assert (closed.status, closed.headers, closed.raw) == (
                call.status,
                [*call.headers[:-1], closed.headers[-1]],
                call.raw.replace(
                    call.values("X-Error-Fingerprint")[0].encode(),
                    closed.values("X-Error-Fingerprint")[0].encode(),
                ),
            )

    def test_they_are_asked_before_the_inner_call(self) -> None:
        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            del environ["HTTP_X_FORWARDED_FOR"]
            raise Fault

        assert not is_debug(ask(app, HTTP_X_FORWARDED_FOR="192.0.2.1"))

    def test_options_open_them(self) -> None:
        layer = CatchErrors(debug=True, debug_peers=("192.0.2.0/24",), debug_hosts=("Shop.test",))
        keys = {"REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": "shop.TEST:80"}
        assert is_debug(ask(raising(Fault()), layer, **keys))
        assert not is_debug(ask(raising(Fault()), layer, **keys, HTTP_VIA="x"))

    @pytest.mark.parametrize(("value", "shown"), [("0", False), ("1", True), ("", True)])
    def test_the_process_may_only_switch_it_off(
        self, value: str, shown: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WSGIMW_DEBUG", value)
        call = ask(raising(Fault()))
        assert is_debug(call) is shown
        assert ("WSGIMW_DEBUG=0" in printed(call)) is not shown
        assert not is_debug(ask(raising(Fault()), CatchErrors()))

    def test_below_500_there_is_no_detail(self) -> None:
        call = ask(raising(HTTPError(404)))
        assert not is_debug(call)
        assert printed(call) == ""

    @pytest.mark.parametrize(
        ("options", "error", "says"),
        [
            pytest.param({"debug": 1}, TypeError, "debug=1", id="debug"),
            pytest.param({"debug_hosts": "x"}, TypeError, "debug_hosts=('shop.test',)", id="str"),
            pytest.param({"debug_hosts": [3]}, TypeError, "holds 3", id="int"),
            pytest.param({"debug_hosts": ["*.test"]}, ValueError, "wildcard", id="wildcard"),
            pytest.param({"debug_hosts": ["a:80"]}, ValueError, "no port", id="port"),
            pytest.param({"debug_peers": True}, TypeError, "networks only", id="everybody"),
            pytest.param({"debug_peers": len}, TypeError, "networks only", id="function"),
            pytest.param({"debug_peers": "::1"}, TypeError, "debug_peers", id="peer str"),
            pytest.param({"debug_peers": ["x"]}, ValueError, "'x'", id="no address"),
        ],
    )
    def test_options_that_cannot_be(self, options: Any, error: type[Exception], says: str) -> None:
        with pytest.raises(error) as caught:
            CatchErrors(**options)
        assert says in str(caught.value)

    def test_the_function_alone(self) -> None:
        environ = {"REMOTE_ADDR": "192.0.2.1", "HTTP_HOST": "a.test", "HTTP_VIA": "x"}
        assert len(closed_gates(environ, (), lambda environ: False, "x_")) == 3


def helper(who: str, password: str = "hunter2") -> None:
    numbers = [1, 2]
    try:
        {"one": 1}["missing"]
    except KeyError as error:
        error.add_note("looked in a small dict")
        raise ValueError("no such user: " + who + str(len(numbers))) from error


def shop(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "sid=s3cr3t")])
    helper(environ["PATH_INFO"])
    return []


def outer(app: App) -> App:
    return lambda environ, start_response: app(environ, start_response)


REQUEST = {
    "REQUEST_METHOD": "POST",
    "PATH_INFO": "/users/it's",
    "QUERY_STRING": "page=2&token=s3cr3t",
    "CONTENT_LENGTH": "5",
    "HTTP_COOKIE": "theme=dark; sid=s3cr3t",
    "HTTP_X_QUOTE": 'it\'s "here" $HOME `id`',
    "HTTP_AUTHORIZATION": "Bearer s3cr3t",
}


class TestContent:
    """Top to bottom."""

    @pytest.fixture
    def call(self) -> Call:
        known = Record()
        known.request_id, known.route = "id-1", "/users/<name>"
        return ask(shop, compose(outer, DEBUG, outer), **REQUEST, **{"wsgimw.record": known})

    @pytest.fixture
    def page(self, call: Call) -> Page:
        return Page(call)

    def test_the_head(self, call: Call) -> None:
        (policy,) = call.values("Content-Security-Policy")
        (nonce,) = set(re.findall(r"'nonce-([\w-]{20,})'", policy))
        assert policy == (
            f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        assert call.raw.count(f'nonce="{nonce}"'.encode()) == 2
        assert call.values("Referrer-Policy") == ["no-referrer"]
        assert call.values("X-Robots-Tag") == ["noindex"]
        assert call.values("Content-Length") == [str(len(call.raw))]
        again = ask(shop).values("Content-Security-Policy")
        assert again != [policy]

    def test_sections_in_order(self, page: Page) -> None:
        assert list(page.sections) == IDS.split()

    def test_error(self, page: Page) -> None:
        text = page.sections["error"]
        for part in (
            "ValueError: no such user: /users/it's2",
            "500 Internal Server Error",
            "POST /users/it's",
            "route /users/<name>",
            "request id-1",
            "fingerprint ",
        ):
            assert part in text

    def test_line(self, page: Page) -> None:
        text = page.sections["line"]
        assert 'raise ValueError("no such user: " + who + str(len(numbers))) from error' in text
        assert "^^^^" in text
        assert page.html["line"].count("\n") < 20
        assert "/users/it's" in text
        assert "[1, 2]" in text

    def test_layers(self, page: Page) -> None:
        items = re.findall(r"<li[^>]*>(.*?)</li>", page.html["layers"])
        assert items == ["the server", "outer", "CatchErrors(debug=True)", "outer", "the app"]
        assert '<li class="failed">the app</li>' in page.html["layers"]
        assert "It failed after the head, before any byte." in page.sections["layers"]

    def test_the_failing_layer(self) -> None:
        def broken(app: App) -> App:
            def breaking(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
                raise Fault("here")

            return breaking

        page = Page(ask(shop, compose(DEBUG, broken)))
        assert page.html["layers"].count('class="failed"') == 1
        assert re.search(r'class="failed">[\w.&;]*broken</li>', page.html["layers"])
        assert "before the head was given" in page.sections["layers"]

    def test_the_phase(self) -> None:
        page = Page(ask(lazy(b"", b"", Fault())))
        assert "after 2 blocks, 0 bytes" in page.sections["layers"]

    def test_chain(self, page: Page) -> None:
        text = page.sections["chain"]
        assert text.index("KeyError") < text.index("looked in a small dict")
        assert text.index("which caused") < text.index("ValueError")

    def test_frames(self, page: Page) -> None:
        html = page.html["frames"]
        assert "library frames</summary>" in html
        assert "<summary>locals</summary>" in html
        assert "[redacted 7 chars]" in page.sections["frames"]
        assert "hunter2" not in html

    def test_response_and_request(self, page: Page) -> None:
        assert "200 OK" in page.sections["response"]
        assert "[redacted]" in page.sections["response"]
        assert "theme, sid" in page.sections["request"]
        assert "http://localhost/users/it's?page=2&token=[redacted]" in page.sections["request"]

    def test_curl(self, page: Page) -> None:
        command = page.sections["curl"].partition("copy\n")[2].strip()
        words = shlex.split(command)
        assert words[:4] == ["curl", "-X", "POST", "--globoff"]
        assert words[4] == "http://localhost/users/it's?page=2&token=[redacted]"
        assert 'X-Quote: it\'s "here" $HOME `id`' in words
        assert "Authorization: [redacted]" in words

    def test_curl_of_odd_fields(self) -> None:
        fields = {"HTTP_X_EMPTY": "", "HTTP_@FILE": "1", "HTTP_X_AT": "@/etc/passwd"}
        page = Page(ask(shop, **{**REQUEST, **fields}))
        words = shlex.split(page.sections["curl"].partition("copy\n")[2])
        assert "X-Empty;" in words
        assert "X-At: @/etc/passwd" in words
        assert not [word for word in words if word.startswith("@")]
        assert "@File" not in page.sections["webtest"]

    @pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
    def test_webtest_fails_today(self, method: str) -> None:
        page = Page(ask(shop, **{**REQUEST, "REQUEST_METHOD": "POST"}))
        source = page.sections["webtest"].partition("copy\n")[2].replace("'POST'", f"'{method}'")
        space: dict[str, Any] = {}
        exec(source, space)
        with pytest.raises(ValueError, match="no such user: /users/it's"):
            space["test_replay"](CatchErrors()(shop))
        with pytest.raises(AssertionError):
            space["test_replay"](returning([b"x"], "500 X"))
        space["test_replay"](returning([b""], "200 OK") if method == "HEAD" else plain)
        assert "# The request had a body of 5 bytes" in source

    def test_the_rest(self, page: Page) -> None:
        assert "Traceback (most recent call last)" in page.sections["traceback"]
        assert "debug=True stands in the code" in page.sections["gates"]
        assert "Python" in page.sections["versions"]

    def test_no_secret_is_anywhere(self, call: Call) -> None:
        assert b"s3cr3t" not in call.raw
        for accept in ("application/json", "text/plain"):
            detail = ask(shop, **{**REQUEST, "HTTP_ACCEPT": accept})
            assert b"s3cr3t" not in detail.raw
            assert b"hunter2" not in detail.raw

    def test_json_and_text_have_detail(self) -> None:
        problem = json.loads(ask(shop, HTTP_ACCEPT="application/json").raw)
        assert problem["exception"]["type"] == "ValueError"
        assert problem["exception"]["cause"]["type"] == "KeyError"
        text = ask(shop, HTTP_ACCEPT="text/plain").raw.decode()
        assert text.startswith("500 Internal Server Error\nFingerprint: ")
        assert "Traceback (most recent call last):" in text

    def test_a_head_has_no_body(self) -> None:
        call = ask(shop, REQUEST_METHOD="HEAD")
        assert (call.status[:3], call.raw) == ("500", b"")


def plain(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"fine"]


VECTORS = [
    "<script>alert(1)</script>",
    "</pre></section><script>alert(1)</script>",
    "</textarea><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "<!--><script>alert(1)</script>-->",
    "\u2028</style><script>",
    "{{7*7}}${7*7}",
]


@pytest.mark.parametrize("vector", VECTORS)
def test_backlash_django_2017_12794_laravel_nothing_breaks_out(vector: str) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        local = {vector: [vector]}
        start_response(f"200 {vector.encode('ascii', 'ignore').decode()}", [(vector, vector)])
        error = type("Evil", (Exception,), {"__qualname__": vector, "__module__": vector})(vector)
        error.add_note(vector)
        raise ExceptionGroup(vector, [error, KeyError(local)]) from Fault(vector)

    raw = vector.encode("latin-1", "ignore").decode("latin-1")
    call = ask(
        app,
        PATH_INFO="/" + raw,
        QUERY_STRING=raw,
        HTTP_X_EVIL=raw,
        HTTP_COOKIE=raw,
        REQUEST_METHOD=raw,
        SERVER_SOFTWARE=raw,
    )
    assert is_debug(call)
    page = Page(call)
    assert page.tags.count("script") == 1
    assert not {"img", "svg", "iframe", "a", "form", "object", "textarea"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert names <= {
        "charset", "class", "content", "data-copy", "hidden", "id", "lang", "name", "nonce", "open",
        "scope", "type",
    }  # fmt: skip
    assert b"<!--" not in call.raw


class TestMessages:
    """Two kilobytes of them, the rest folded."""

    def test_short(self) -> None:
        html = Page(ask(raising(Fault("short")))).html["error"]
        assert "short</span></h1>" in html
        assert "<pre" not in html
        assert "<details" not in html

    def test_none(self) -> None:
        html = Page(ask(raising(Fault()))).html["error"]
        assert '<span class="type">tests.errors_apps.Fault</span></h1>' in html

    @pytest.mark.parametrize("said", ["one\n  two", "\nafter a line feed", "x" * 1000])
    def test_several_lines_or_a_long_one(self, said: str) -> None:
        html = Page(ask(raising(Fault(said)))).html["error"]
        first = "\n" if said.startswith("\n") else ""
        assert f'<pre class="text">{first}{said}</pre>' in html
        assert "<details" not in html

    def test_more_than_two_kilobytes(self) -> None:
        page = Page(ask(raising(Fault("y " * 4000))))
        assert "<details><summary>the whole message</summary>" in page.html["error"]
        shown = page.html["error"].partition("the whole message")
        assert 1000 < shown[0].count("y") < 1300
        assert shown[2].count("y") > 4000


def nesting(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    nested, other = [environ], {"SOME_PLACE": "of the app"}
    raise Fault(len(nested) + len(other))


class TestTheProcessEnvironment:
    """wsgiref puts `os.environ` into environ; it is never shown."""

    @pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
    def test_it_is_nowhere(self, accept: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid")
        monkeypatch.setenv("SOME_PLACE", "in the process")
        given = {"HTTP_PROXY": "http://proxy.invalid", "SOME_PLACE": "in the process"}
        layer = CatchErrors(debug=True, report=lambda report, error: reports.append(report))
        reports: list[Any] = []

        raw = ask(nesting, layer, **given, HTTP_ACCEPT=accept).raw
        assert b"proxy.invalid" not in raw
        assert b"in the process" not in raw
        if accept == "text/html":
            assert b"... 2 of the process environment" in raw
            assert b"of the app" in raw
        assert "proxy.invalid" not in json.dumps(reports)

    def test_what_a_client_sends_is_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid")
        assert b"http://sent.invalid" in ask(shop, HTTP_PROXY="http://sent.invalid").raw


class TestHints:
    """PEP 3333 faults."""

    @pytest.mark.parametrize(
        ("app", "says"),
        [
            pytest.param(returning(None), "the app returned None", id="None"),
            pytest.param(returning("text"), "the app returned a str", id="str for the list"),
            pytest.param(returning(b"text"), "return a list with one block", id="bytes"),
            pytest.param(returning(["text"]), "a block of the body is a str", id="str block"),
            pytest.param(returning(iter(["text"])), "encode it: text.encode()", id="str, late"),
            pytest.param(returning([bytearray(b"x")]), "write bytes(block)", id="bytearray"),
            pytest.param(lambda e, s: [b"x"], "never called start_response", id="no head"),
            pytest.param(lambda e, s: iter([b"x"]), "never called start_response", id="late"),
            pytest.param(
                lambda e, s: (s("200 OK", []), s("200 OK", [])), "2 times", id="given twice"
            ),
            pytest.param(
                lambda e, s: (s("200 OK", [("Content-Length", "five")]), 1 / 0),
                "Content-Length is 'five'",
                id="length",
            ),
            pytest.param(
                lambda e, s: (s("200 OK", [("Content-Length", "5")] * 2), 1 / 0),
                "2 Content-Length fields",
                id="two lengths",
            ),
            pytest.param(
                lambda e, s: (s("200 OK", [("Content-Length", 5)]), 1 / 0),
                "is no str",
                id="an int",
            ),
            pytest.param(
                lambda e, s: s(status="200 OK", headers=[]), "both by position", id="keywords"
            ),
        ],
    )
    def test_each(self, app: Any, says: str) -> None:
        page = Page(ask(app))
        assert says in page.sections["hints"]

    def test_none_where_there_is_nothing_to_say(self) -> None:
        odd: Any = lambda environ, start_response: (start_response("200 OK", ()), 1 / 0)  # noqa: E731
        assert "hints" not in Page(ask(shop)).sections
        assert "hints" not in Page(ask(odd)).sections


class TestNothingRuns:
    """No code of the values."""

    def test_of_a_user(self) -> None:
        ran: list[str] = []

        def say(name: str) -> Any:
            def method(self: Any, *args: Any) -> Any:
                ran.append(name)
                return ""

            return method

        class Meta(type):
            def __getattribute__(cls, name: str) -> Any:
                if name in ("__qualname__", "__module__", "__repr__"):
                    ran.append(f"meta {name}")
                return type.__getattribute__(cls, name)

        methods = (
            "__repr__ __str__ __getattr__ __len__ __iter__ __hash__ __eq__ __bool__ __format__"
        )
        space = {name: say(name) for name in methods.split()}
        evil = Meta("Evil", (), {**space, "secret": property(say("property"))})
        listed = type("EvilList", (list,), space)
        text = type("EvilStr", (str,), space)

        class Plain(Fault):
            def __str__(self) -> str:
                return "plain"

        def quiet(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            one, many, words = evil(), listed([1]), text("x")
            held = [one, {"key": many}, (words,)]
            ran.clear()
            raise Plain(held)

        assert is_debug(ask(quiet))
        assert ran == []

    def test_custom_namespaces_are_left_alone(self) -> None:
        class Space(dict[str, Any]):
            def __iter__(self) -> Iterator[str]:
                raise SystemExit

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            exec(compile("x = 1\n1/0", "<space>", "exec"), {}, Space())
            return []

        assert is_debug(ask(app))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(None, "None", id="None"),
        pytest.param("a'b", '"a\'b"', id="str"),
        pytest.param(b"x", "b'x'", id="bytes"),
        pytest.param(bytearray(b"x"), "bytearray(b'x')", id="bytearray"),
        pytest.param(10**2000, "<int of 6644 bits>", id="a great int"),
        pytest.param([1.5, True, ...], "[1.5, True, Ellipsis]", id="list"),
        pytest.param((1,), "(1,)", id="tuple of one"),
        pytest.param((), "()", id="empty tuple"),
        pytest.param(set(), "set()", id="empty set"),
        pytest.param({1}, "{1}", id="set"),
        pytest.param(frozenset({1}), "frozenset({1})", id="frozenset"),
        pytest.param([[[[1]]]], "[[[[...]]]]", id="depth"),
        pytest.param(list(range(22)), str(list(range(20)))[:-1] + ", ... 2 more]", id="items"),
        pytest.param({"pin": 1}, "{'pin': [redacted]}", id="secret int"),
        pytest.param({"token": b"abc"}, "{'token': [redacted 3 chars]}", id="secret bytes"),
        pytest.param({1: 2}, "{1: 2}", id="dict of ints"),
        pytest.param(
            {"A": "b", "B": "c", "wsgimw.redact": {"A"}},
            "{'A': [redacted 1 chars], 'B': 'c', 'wsgimw.redact': {'A'}}",
            id="keys that an environ hides",
        ),
        pytest.param("Bearer abcdef", "'Bearer [redacted 6 chars]'", id="shape"),
    ],
)  # fmt: skip
def test_values(value: Any, shown: str) -> None:
    assert show(value) == shown


def test_values_without_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = {f"MINE_{number}": str(number) for number in range(30)}
    for name, value in mine.items():
        monkeypatch.setenv(name, value)
    assert show({**mine, "a": 1, "\0": 2}) == (
        "{'a': 1, '\\x00': 2, ... 30 of the process environment}"
    )
    many = dict.fromkeys(range(100), 0)
    assert show({**mine, **many}).endswith(", ... 80 more, ... 30 of the process environment}")
    assert show(mine) == "{... 30 of the process environment}"


def test_values_of_secret_names_and_of_no_built_in_type() -> None:
    assert show("abc", "api_key") == "[redacted 3 chars]"
    assert show(object()).startswith("<builtins.object at 0x")
    endless: list[Any] = []
    endless.append(endless)
    assert show(endless) == "[[[[...]]]]"
    assert len(show("x" * 5_000_000)) < 1200
    wide = [["x" * 50] * 20] * 20
    assert 15 < show(wide).count("x" * 50) <= 20
    assert show(wide).endswith("], ... 19 more]")


def deep(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return deep(environ, start_response)


def wide_frames(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    lines = "".join(f"def f{n}(): return f{n + 1}()\n" for n in range(900))
    space: dict[str, Any] = {"f900": lambda: 1 / 0}
    exec(compile(lines, "<wide>", "exec"), space)
    space["f0"]()
    return []


def big_local(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    local, more = "&" * 5_000_000, [b"\xff" * 1000] * 1000
    many = {f"name{number}": "<" * 900 for number in range(5000)}
    raise Fault(len(local) + len(more) + len(many))


def nested_locals(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    value: Any = "x" * 50
    for _ in range(5):
        value = {f"key {number}": value for number in range(20)}
    names = "=".join(f"name{number}" for number in range(30))
    lines = "".join(
        f"def f{number}(value):\n    {names}=value\n    return f{number + 1}(value)\n"
        for number in range(60)
    )
    space: dict[str, Any] = {"f60": lambda value: 1 / 0}
    exec(compile(lines, "<nested>", "exec"), space)
    space["f0"](value)
    return []


def long_chain() -> Exception:
    error: Exception = Fault("&" * 10_000)
    for _ in range(2000):
        outer = Fault("&" * 5_000)
        outer.__cause__ = error
        error = outer
    return error


HUGE = [
    pytest.param(deep, id="recursion"),
    pytest.param(wide_frames, id="900 frames"),
    pytest.param(raising(Fault("<&" * 1_500_000)), id="3 MB message"),
    pytest.param(raising(Fault("\U0001f600" * 1_000_000)), id="4 MB of emoji"),
    pytest.param(raising(Fault("password='" * 300_000)), id="3 MB of secrets"),
    pytest.param(big_local, id="5 MB local"),
    pytest.param(nested_locals, id="3 million values in locals"),
    pytest.param(
        raising(ExceptionGroup("<" * 9999, [Fault("&" * 5000) for _ in range(1000)])), id="group"
    ),
    pytest.param(raising(long_chain()), id="chain"),
]


@pytest.mark.parametrize("app", HUGE)
@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/plain"])
def test_bounds(app: App, accept: str) -> None:
    fields = {f"HTTP_X_{number}": '"' * 5000 for number in range(500)}
    layer = CatchErrors(debug=True, log=False)
    call = ask(app, layer, HTTP_ACCEPT=accept, QUERY_STRING="<" * 100_000, **fields)
    assert call.status[:3] == "500"
    assert len(call.raw) <= 256 * 1024
    if accept == "text/html":
        assert is_debug(call)
        assert list(Page(call).sections) == IDS.split()
        call.raw.decode()
    if accept == "application/json":
        assert json.loads(call.raw)["status"] == 500


def test_recursion_is_folded() -> None:
    frames = Page(ask(deep)).sections["frames"]
    assert re.search(r"\(\d{3} repeats\)", frames)


def descend(environ: Environ, level: int) -> None:
    if not level:
        raise Fault
    descend(environ, level - 1)


@pytest.mark.parametrize(
    ("level", "frames"),
    [
        pytest.param(2, ["", "", ""], id="two steps are shown"),
        pytest.param(3, ["", "", "", ""], id="three steps are shown"),
        pytest.param(4, [" (3 repeats)", ""], id="four steps are folded"),
    ],
)
def test_what_comes_back_once_or_twice_is_not_folded(level: int, frames: list[str]) -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        descend(environ, level)
        return []

    page = Page(ask(app))
    found = re.findall(r"in <b>descend</b>([^<]*)</summary>", page.html["frames"])
    assert found == frames


def test_layers_are_no_recursion() -> None:
    page = Page(ask(shop, compose(DEBUG, RequestId(), RequestId(), outer)))
    assert "repeats" not in page.sections["frames"]


def bad(to_text: Any) -> Exception:
    made: Exception = type("Bad", (Exception,), {"__str__": to_text})()
    return made


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: bad(lambda self: 1 / 0), id="str"),
        pytest.param(lambda: bad(lambda self: None), id="None"),
        pytest.param(lambda: Fault("\ud800"), id="surrogate"),
        pytest.param(lambda: Fault(), id="no message"),
        pytest.param(lambda: Fault("one\ntwo"), id="two lines"),
        pytest.param(lambda: SyntaxError("x", ("f", 1, 1, "text")), id="SyntaxError"),
    ],
)
def test_odd_exceptions_give_a_page(make: Any) -> None:
    assert is_debug(ask(raising(make())))


def test_a_cycle_of_causes_gives_a_page() -> None:
    one, two = Fault("1"), Fault("2")
    one.__cause__, two.__cause__ = two, one
    assert "1" in Page(ask(raising(one))).sections["chain"]


def test_suppressed_contexts_are_faint() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            raise KeyError("first")
        except KeyError:
            raise Fault("second") from None

    assert '<li class="faint"><strong>KeyError' in Page(ask(app)).html["chain"]

    def handled(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            raise KeyError("first")
        except KeyError:
            raise Fault("second")  # noqa: B904

    assert "while it was handled" in Page(ask(handled)).sections["chain"]


def test_groups_are_nested_with_counts() -> None:
    group = ExceptionGroup(
        "g", [Fault("a"), ExceptionGroup("h", [Fault(str(n)) for n in range(9)])]
    )
    chain = Page(ask(raising(group))).sections["chain"]
    assert "2 exceptions in it" in chain
    assert "9 exceptions in it" in chain
    assert "cut: 4 more" in chain


def test_the_causes_of_what_is_in_a_group() -> None:
    inner = Fault("in the group")
    inner.__cause__ = KeyError("behind it")
    chain = Page(ask(raising(ExceptionGroup("g", [inner])))).sections["chain"]
    frames = Page(ask(raising(ExceptionGroup("g", [inner])))).sections["frames"]
    assert "it was never raised" in frames
    assert chain.index("behind it") < chain.index("which caused") < chain.index("in the group")


def test_a_chain_and_a_nest_without_end_are_cut() -> None:
    chain = Page(ask(raising(long_chain()))).sections["chain"]
    assert "cut: more behind it" in chain
    nest: Exception = Fault("innermost")
    for _ in range(9):
        held: list[Exception] = [nest]
        nest = ExceptionGroup("nest", held)
    assert "cut: 1 more" in Page(ask(raising(nest))).sections["chain"]
    assert "x [...]" in Page(ask(raising(Fault("x" * 600)))).sections["chain"]


def test_no_line_of_the_application() -> None:
    page = Page(ask(returning(None)))
    assert "no line of the application was running" in page.sections["line"]


def test_sources_that_are_no_utf_8_or_not_there(tmp_path: Any) -> None:
    path = tmp_path / "odd.py"
    path.write_bytes(b"# -*- coding: latin-1 -*-\ndef view(*a):\n    raise Exception('caf\xe9')\n")
    module = ModuleType("odd")
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    assert "caf\xe9" in Page(ask(module.view)).sections["line"]
    path.write_bytes(b"\xff\xfe\x00broken")
    linecache.clearcache()
    assert is_debug(ask(module.view))
    path.unlink()
    linecache.clearcache()
    assert "no source" in Page(ask(module.view)).sections["line"]


def test_carets_of_lines_with_wide_characters_and_of_several_lines(tmp_path: Any) -> None:
    path = tmp_path / "wide.py"
    path.write_text(
        "def view(environ, start_response):\n    \u00e9\u00e9 = '\u20ac'; 1/0\n"
        "def many(environ, start_response):\n    return (1 /\n        0)\n",
        encoding="utf-8",
    )
    module = ModuleType("wide")
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    html = re.sub(r"<[^>]+>", "", Page(ask(module.view)).html["line"])
    lines = unescape(html).splitlines()
    (at,) = [number for number, line in enumerate(lines) if "^" in line]
    shown = lines[at - 1]
    assert shown[lines[at].index("^") : lines[at].rindex("^") + 1] == "1/0"
    assert "^" in Page(ask(module.many)).sections["line"]


class TestFallbacks:
    """The page, then the text traceback, then bytes that were made beforehand."""

    def broken(self, error: Exception) -> Any:
        def fail(*args: Any, **options: Any) -> Any:
            raise error

        return fail

    def test_a_section_that_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsgimw.errors.debug.page._layers", self.broken(KeyError()))
        page = Page(ask(shop))
        assert "this section failed: KeyError" in page.sections["layers"]
        assert "ValueError" in page.sections["chain"]

    def test_a_page_that_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsgimw.errors.debug.page.debug_page", self.broken(KeyError()))
        call = ask(shop)
        assert call.values("Content-Type") == ["text/plain; charset=utf-8"]
        assert b"Traceback (most recent call last):" in call.raw

    @pytest.mark.parametrize("error", [MemoryError(), RecursionError()], ids=repr)
    def test_no_memory(self, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsgimw.errors.debug.page._layers", self.broken(error))
        assert ask(shop).raw == b"500 Internal Server Error\n"


class TestFlow:
    """With `debug=True` what does not fail still passes as it is."""

    def test_the_kit(self) -> None:
        layer = CatchErrors(debug=True, log=False)
        for depth in (1, 6):
            report = check_middleware(compose(*[layer] * depth), skip=(25, 27))
            assert report, report

    @pytest.mark.parametrize("body", [[b"a"], (b"a", b""), [b""]], ids=repr)
    def test_lists_untouched(self, body: Any) -> None:
        assert Call(DEBUG(returning(body)), make_environ()).begin().body is body

    def test_files_untouched(self) -> None:
        import io

        file = FileWrapper(io.BytesIO(b"x"))
        environ = make_environ(**{"wsgi.file_wrapper": FileWrapper})
        assert Call(DEBUG(returning(file)), environ).begin().body is file

    def test_midstream_goes_up(self) -> None:
        call = Call(DEBUG(lazy(b"a", Fault())), make_environ())
        assert isinstance(raised(call.run), Fault)
        assert "the response is cut off" in printed(call)

    def test_after_write_goes_up(self) -> None:
        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", HEAD)(b"w")
            raise Fault

        assert isinstance(raised(Call(DEBUG(app), make_environ()).run), Fault)

    def test_a_list_with_close_is_closed(self) -> None:
        body = Body(b"a")
        assert ask(returning(body)).raw == b"a"
        assert body.closes == 1

    def test_two_of_them(self) -> None:
        call = ask(shop, compose(DEBUG, DEBUG))
        assert printed(call).count("Traceback (most") == 2  # the cause has one of its own
        assert is_debug(call)

    def test_nothing_of_a_request_lives_on(self) -> None:
        class Local:
            pass

        alive: list[weakref.ref[Any]] = []

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            local, error = Local(), Fault("x")
            alive.extend([weakref.ref(local), weakref.ref(error)])
            try:
                raise error
            finally:
                del error

        assert is_debug(ask(app))
        alive.clear()
        gc.collect()
        gc.disable()
        try:
            ask(app)
            assert [each() for each in alive] == [None, None]
        finally:
            gc.enable()

    def test_nothing_of_it_is_loaded_without_debug(self) -> None:
        import subprocess
        import sys

        from tests.venvs import ROOT

        program = (
            "import sys; from wsgimw import CatchErrors; CatchErrors()(lambda e, s: []); "
            "assert not [n for n in sys.modules if n.startswith('wsgimw.errors.debug')]"
        )
        subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
