"""Authenticate: what it deletes and sets, what it answers, and what it does to heads."""

from __future__ import annotations

import copy
import io
import pickle
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from webtest import TestApp

from tests.auth_kit import ADA, PASSWORD, ask, basic, headed, left_of, posting, sha, show
from wsgimw import CatchErrors, RequestId, compose, unless
from wsgimw.auth import (
    APIKey,
    Authenticate,
    Basic,
    Bearer,
    Denied,
    Event,
    Identity,
    RemoteUser,
    Require,
    Tokens,
    TrustedHeader,
    Unavailable,
    Users,
    hash_token,
    identity,
    is_preflight,
)
from wsgimw.auth.deciding import wait
from wsgimw.testing import check_middleware, lint
from wsgimw.testing.server import Call, make_environ

TOKEN = "t0ken"
USERS = Users({ADA: sha(PASSWORD), "Zoë": sha("z")})
TOKENS = Tokens({"ci": hash_token(TOKEN)})
BASIC, BEARER, KEY = Basic(USERS), Bearer(TOKENS), APIKey(TOKENS)
ASK_BASIC = 'Basic realm="Restricted", charset="UTF-8"'
ASK_BEARER = 'Bearer realm="Restricted"'
ASK_KEY = 'ApiKey realm="Restricted"'


@dataclass(frozen=True)
class Fixed:
    """A scheme that says what it was told to."""

    said: Any
    name: str = "Fixed"
    reads: frozenset[str] = frozenset({"HTTP_X_FIXED"})

    def authenticate(self, environ: Any) -> Any:
        if isinstance(self.said, BaseException):
            raise self.said
        return self.said

    def challenge(self, realm: str, denied: Denied | None) -> str | None:
        return f'Fixed realm="{realm}"'


# On the way in.


@pytest.mark.parametrize(
    "key", ["REMOTE_USER", "AUTH_TYPE", "wsgimw.identity", "HTTP_REMOTE_USER", "HTTP_AUTH_TYPE"]
)
@pytest.mark.parametrize("layer", [Authenticate(BASIC, required=False)])
def test_what_says_who_somebody_is_is_deleted_first(layer: Any, key: str) -> None:
    """CVE-2015-0219, CVE-2026-3902, CVE-2025-64484: a name that came with the request."""
    call = ask(layer, **{key: "root"})
    assert call.raw == b"nobody"
    assert call.environ.get(key) is None


def test_success() -> None:
    call = ask(Authenticate(BASIC), auth=basic("Zoë", "z"))
    assert call.environ["REMOTE_USER"] == "Zo\xc3\xab"
    assert call.environ["AUTH_TYPE"] == "Basic"
    assert identity(call.environ) == Identity("Zoë", scheme="Basic")
    assert call.environ["wsgimw.record"].user == "Zoë"
    assert call.environ["wsgimw.record"].reasons == ["auth:basic:verified"]


def test_anonymous() -> None:
    call = ask(Authenticate(BASIC, required=False))
    assert call.environ["wsgimw.identity"] is None
    assert call.environ["wsgimw.record"].reasons == ["auth:anonymous"]
    assert "REMOTE_USER" not in call.environ and "AUTH_TYPE" not in call.environ


def test_what_is_read_is_masked_in_logs() -> None:
    masked: dict[str, Any] = {"wsgimw.redact": frozenset({"a"})}
    call = ask(Authenticate(KEY), HTTP_X_API_KEY=TOKEN, **masked)
    assert call.environ["wsgimw.redact"] == {
        "a",
        "HTTP_X_API_KEY",
        "HTTP_AUTHORIZATION",
        "HTTP_PROXY_AUTHORIZATION",
    }


@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param(basic(), "200", id="the first decides"),
        pytest.param(f"Bearer {TOKEN}", "200", id="the second decides"),
        pytest.param(basic(ADA, "no"), "401", id="the first refuses, nobody else is asked"),
        pytest.param("Digest x", "200", id="an unlisted scheme is nothing sent, the key decides"),
    ],
)
def test_schemes_are_asked_in_order(header: str, status: str) -> None:
    call = ask(Authenticate(BASIC, BEARER, KEY), auth=header, HTTP_X_API_KEY=TOKEN)
    assert call.status[:3] == status


def test_credentials_are_taken_out() -> None:
    layer = Authenticate(BASIC, KEY, forward_credentials=False)
    call = ask(layer, auth=basic(), HTTP_X_API_KEY="x")
    assert call.status[:3] == "200"
    assert "HTTP_AUTHORIZATION" not in call.environ and "HTTP_X_API_KEY" not in call.environ
    kept = ask(Authenticate(BASIC), auth=basic())
    assert kept.environ["HTTP_AUTHORIZATION"] == basic()
    anonymous = Authenticate(BASIC, required=False, forward_credentials=False)
    assert "HTTP_AUTHORIZATION" not in ask(anonymous, auth="Digest x").environ


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(ValueError("secret-in-error"), id="an exception"),
        pytest.param("ada", id="what is neither Identity nor Denied"),
        pytest.param(RecursionError(), id="RecursionError"),
    ],
)
def test_what_a_scheme_raises_is_logged_and_answered_with_503(
    said: Any, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Event] = []
    call = ask(Authenticate(Fixed(said), on_event=events.append), HTTP_X_FIXED="secret-in-error")
    assert call.status == "503 Service Unavailable"
    assert call.values("Retry-After") == ["1"]
    (record,) = caplog.records
    assert record.name == "wsgimw.auth"
    assert "secret-in-error" not in caplog.text
    assert "Fixed" in caplog.text
    assert [(event.kind, event.code) for event in events] == [("unavailable", "error")]


def test_base_exceptions_pass() -> None:
    with pytest.raises(SystemExit):
        ask(Authenticate(Fixed(SystemExit())))


# The answers.


ANSWERS = [
    pytest.param({}, "401", [ASK_BASIC, ASK_BEARER, ASK_KEY], id="nothing sent"),
    pytest.param(
        {"HTTP_AUTHORIZATION": "Basic"}, "401", [ASK_BASIC, ASK_BEARER, ASK_KEY], id="malformed"
    ),
    pytest.param(
        {"HTTP_AUTHORIZATION": basic("x", "y")},
        "401",
        [ASK_BASIC, ASK_BEARER, ASK_KEY],
        id="wrong",
    ),
    *(
        pytest.param(
            {"HTTP_AUTHORIZATION": header},
            "400",
            [
                f'{ASK_BEARER}, error="invalid_request", '
                'error_description="The header holds no bearer token"'
            ],
            id=f"invalid_request: {header!r}",
        )
        for header in (
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a, Bearer b",
            "bearer é",
            "Bearer =",
        )
    ),
    pytest.param(
        {"HTTP_AUTHORIZATION": "Bearer unknown"},
        "401",
        [
            ASK_BASIC,
            f'{ASK_BEARER}, error="invalid_token", error_description="The token is not valid"',
            ASK_KEY,
        ],
        id="invalid_token",
    ),
    pytest.param(
        {"HTTP_X_API_KEY": "unknown"}, "401", [ASK_BASIC, ASK_BEARER, ASK_KEY], id="wrong key"
    ),
    pytest.param(
        {"HTTP_X_API_KEY": "a, b"}, "401", [ASK_BASIC, ASK_BEARER, ASK_KEY], id="two keys"
    ),
]


@pytest.mark.parametrize(("keys", "status", "challenges"), ANSWERS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_the_answer_to_a_denial(
    keys: dict[str, str], status: str, challenges: list[str], method: str
) -> None:
    call = ask(Authenticate(BASIC, BEARER, KEY), REQUEST_METHOD=method, **keys)
    body = f"{call.status}\n".encode()
    assert call.status[:3] == status
    assert call.headers == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Vary", "Authorization, X-Api-Key"),
        *(("WWW-Authenticate", text) for text in challenges),
    ]
    assert call.raw == (b"" if method == "HEAD" else body)


ODD: list[tuple[Any, str]] = [("5", "1"), (None, "1"), (-1, "1"), (10**400, "86400")]


@pytest.mark.parametrize(
    ("denied", "status", "extra"),
    [
        pytest.param(Denied(429, "x", retry_after=0.2), "429", [("Retry-After", "1")], id="429"),
        pytest.param(Denied(429, "x", retry_after=1.1), "429", [("Retry-After", "2")], id="429, 2"),
        pytest.param(Denied(503, "x"), "503", [("Retry-After", "1")], id="503"),
        pytest.param(Denied(413, "x"), "413", [], id="413"),
        pytest.param(Denied(403, "x"), "403", [], id="403"),
        pytest.param(Unavailable(7), "503", [("Retry-After", "7")], id="Unavailable"),
        *(
            pytest.param(Unavailable(odd), "503", [("Retry-After", text)], id=f"after {odd!r:.9}")
            for odd, text in ODD
        ),
    ],
)
def test_what_a_scheme_of_ones_own_says(denied: Any, status: str, extra: list[Any]) -> None:
    call = ask(Authenticate(Fixed(denied)))
    assert call.status[:3] == status
    assert call.headers[2:] == [("Cache-Control", "no-store"), ("Vary", "X-Fixed"), *extra]


def test_a_scheme_of_ones_own_lets_in() -> None:
    events: list[Event] = []
    call = ask(Authenticate(Fixed(Identity("ada")), on_event=events.append))
    assert call.environ["wsgimw.identity"].scheme == call.environ["AUTH_TYPE"] == "Fixed"
    assert events == [Event("granted", "Fixed", "ada", "verified", "127.0.0.1")]
    assert ask(Authenticate(Fixed(None), required=False)).raw == b"nobody"


def test_quotes_in_a_realm_are_escaped() -> None:
    call = ask(Authenticate(BASIC, realm='a "b" \\'))
    assert call.values("WWW-Authenticate") == ['Basic realm="a \\"b\\" \\\\", charset="UTF-8"']


@pytest.mark.parametrize("scheme", [TrustedHeader("X-User", proxies=["unix"]), RemoteUser()])
def test_a_401_has_a_challenge_whatever_the_scheme(scheme: Any) -> None:
    """RFC 9110, 15.5.2."""
    call = ask(Authenticate(scheme))
    assert call.values("WWW-Authenticate") == [f'{scheme.name} realm="Restricted"']


def test_a_401_of_the_app_gets_the_challenges() -> None:
    layer = Authenticate(BASIC, BEARER, required=False)
    call = ask(layer, app=headed("401 Unauthorized"))
    assert call.values("WWW-Authenticate") == [ASK_BASIC, ASK_BEARER]
    own = ask(layer, app=headed("401 Unauthorized", ("www-authenticate", "Mine")))
    assert own.values("WWW-Authenticate") == ["Mine"]
    assert ask(layer, app=headed("403 Forbidden")).values("WWW-Authenticate") == []


def test_a_401_of_flask_makes_the_browser_ask() -> None:
    import flask

    app = flask.Flask(__name__)

    @app.get("/")
    def page() -> str:
        flask.abort(401)

    answer = TestApp(lint(Authenticate(BASIC, required=False)(app))).get("/", status=401)
    assert answer.headers["WWW-Authenticate"] == ASK_BASIC


def test_wait_is_whole_seconds() -> None:
    assert [wait(s) for s in (0, -3, 2, 2.5, float("inf"), float("nan"), 10**9, None)] == [
        "1",
        "1",
        "2",
        "3",
        "1",
        "1",
        "86400",
        "1",
    ]


# Drain.


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param([Authenticate(BASIC)], id="Authenticate"),
        pytest.param([Require("nobody")], id="Require"),
    ],
)
@pytest.mark.parametrize(
    ("keys", "left"),
    [
        pytest.param({}, b"", id="a body"),
        pytest.param({"HTTP_EXPECT": "100-continue"}, b"body", id="Expect: 100-continue"),
        pytest.param({"CONTENT_LENGTH": "9999999999"}, b"body", id="longer than drain"),
        pytest.param({"CONTENT_LENGTH": "x"}, b"body", id="a length that is none"),
        pytest.param(
            {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}, b"body", id="unknown"
        ),
        pytest.param(
            {
                "CONTENT_LENGTH": "",
                "HTTP_TRANSFER_ENCODING": "chunked",
                "wsgi.input_terminated": True,
            },
            b"",
            id="terminated",
        ),
    ],
)
def test_a_body_is_read_before_a_refusal(layers: list[Any], keys: Any, left: bytes) -> None:
    call = Call(compose(*layers)(show), make_environ(**posting(b"body") | keys)).run()
    assert call.status[:3] in ("401", "403")
    assert left_of(call) == left
    assert "connection" not in {name.lower() for name, _ in call.headers}


def test_drain_has_a_bound() -> None:
    call = ask(Authenticate(BASIC, drain=3), **posting(b"body"))
    assert left_of(call) == b"body"


def test_errors_of_read_end_it_silently() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("gone")

    keys: dict[str, Any] = posting(b"x") | {"wsgi.input": Broken()}
    assert ask(Authenticate(BASIC), **keys).status[:3] == "401"


# On the way out.


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        pytest.param([], ["Authorization, X-Api-Key"], id="none"),
        pytest.param(["Cookie"], ["Cookie, Authorization, X-Api-Key"], id="another"),
        pytest.param(["authorization, x-api-key"], ["authorization, x-api-key"], id="there"),
        pytest.param(["X-API-Key"], ["X-API-Key, Authorization"], id="one of them"),
        pytest.param(["*"], ["*"], id="star"),
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "304 Not Modified", "404 Not Found"])
@pytest.mark.parametrize("auth", [None, basic()])
def test_vary_on_every_response(
    held: list[str], wanted: list[str], status: str, auth: str | None
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [("Vary", value) for value in held])
        return []

    call = ask(Authenticate(BASIC, KEY, required=False), app=app, auth=auth)
    assert call.values("Vary") == wanted


@pytest.mark.parametrize(
    ("held", "wanted", "events"),
    [
        pytest.param([], ["private"], 0, id="none"),
        pytest.param(["max-age=60"], ["max-age=60, private"], 0, id="max-age"),
        pytest.param(["no-cache"], ["no-cache, private"], 0, id="no-cache"),
        pytest.param(["private"], ["private"], 0, id="private"),
        pytest.param(["Private, max-age=1"], ["Private, max-age=1"], 0, id="private, any case"),
        pytest.param(['private="x"'], ['private="x", private'], 0, id="private for one field"),
        pytest.param(["no-store"], ["no-store"], 0, id="no-store"),
        pytest.param(["public"], ["public"], 1, id="public stands, with an event"),
        pytest.param(["s-maxage=9"], ["s-maxage=9"], 1, id="s-maxage stands, with an event"),
        pytest.param(["max-age=1", "public"], ["max-age=1", "public"], 1, id="two lines"),
        pytest.param(["x-public"], ["x-public, private"], 0, id="what looks like public"),
    ],
)
def test_what_is_for_one_is_private(held: list[str], wanted: list[str], events: int) -> None:
    """mozilla-ai/any-llm#973, HarperFast/harper#1565: caches protect `Authorization` alone."""
    seen: list[Event] = []
    app = headed("200 OK", *(("Cache-Control", value) for value in held))
    layer = Authenticate(KEY, required=False, on_event=seen.append)
    call = ask(layer, app=app, HTTP_X_API_KEY=TOKEN)
    assert call.values("Cache-Control") == wanted
    shared = [event for event in seen if event.kind == "shared-cache"]
    assert shared == [Event("shared-cache", "ApiKey", "ci", "public", "127.0.0.1")] * events
    assert ask(layer, app=app).values("Cache-Control") == held, "an anonymous one is for all"


def test_a_second_head_is_edited_anew() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Cache-Control", "public")])
        try:
            raise ValueError
        except ValueError:
            head = [("Content-Type", "text/plain"), ("Cache-Control", "public")]
            start_response("200 OK", head, sys.exc_info())
        return [b"x"]

    seen: list[Event] = []
    call = ask(Authenticate(Basic(USERS), on_event=seen.append), app=app, auth=basic())
    assert call.values("Vary") == ["Authorization"]
    assert [event.kind for event in seen] == ["granted", "shared-cache"]


def test_what_on_event_raises_is_swallowed() -> None:
    def raising(event: Event) -> None:
        raise RuntimeError

    assert ask(Authenticate(BASIC, on_event=raising)).status[:3] == "401"
    assert ask(Authenticate(BASIC, on_event=raising), auth=basic()).status[:3] == "200"


# Composition.


def test_two_of_them_authenticate_each_for_itself() -> None:
    inner = Authenticate(KEY, required=False)
    call = ask(Authenticate(BASIC), inner, auth=basic())
    assert call.raw == b"nobody"
    assert call.values("Vary") == ["X-Api-Key, Authorization"]


def test_exemptions_are_the_work_of_unless() -> None:
    """Flask-HTTPAuth lets every OPTIONS through."""
    layer = unless(is_preflight, Authenticate(BASIC))
    preflight = {
        "REQUEST_METHOD": "OPTIONS",
        "HTTP_ORIGIN": "https://a.example",
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT",
    }
    assert ask(layer, **preflight).status[:3] == "200"
    assert ask(layer, REQUEST_METHOD="OPTIONS").status[:3] == "401"
    for more in (
        {"HTTP_AUTHORIZATION": "x"},
        {"HTTP_COOKIE": "a=b"},
        {"CONTENT_LENGTH": "5"},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": "P T"},
        {"HTTP_ORIGIN": ""},
        {"REQUEST_METHOD": "GET"},
    ):
        assert not is_preflight(preflight | more), more


def test_an_iterable_is_closed_when_the_client_leaves_and_write_works() -> None:
    """repoze.who: neither."""

    class Blocks:
        closed = 0

        def __iter__(self) -> Any:
            return iter([b"one", b"two"])

        def close(self) -> None:
            self.closed += 1

    blocks = Blocks()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])(b"zero")
        return blocks

    call = Call(lint(Authenticate(BASIC)(app)), make_environ(HTTP_AUTHORIZATION=basic())).begin()
    call.pull()
    call.close()
    assert (call.raw, blocks.closed) == (b"zeroone", 1)


STACKS = [
    pytest.param([Authenticate(BASIC, required=False)], id="anonymous"),
    pytest.param([Require("anyone")], id="Require"),
    pytest.param(
        [Authenticate(BASIC, BEARER, KEY, RemoteUser(), required=False), Require({"/": "anyone"})],
        id="both",
    ),
    pytest.param([RequestId(), Authenticate(BASIC, required=False)], id="inside RequestId"),
]


@pytest.mark.parametrize("layers", STACKS)
@pytest.mark.parametrize("depth", [1, 6])
@pytest.mark.parametrize("auth", [None, basic()])
def test_conformance(layers: list[Any], depth: int, auth: str | None) -> None:
    environ = {} if auth is None else {"HTTP_AUTHORIZATION": auth}
    assert check_middleware(compose(*layers * depth), environ=environ)


def test_under_webtest_with_an_error_page() -> None:
    app = compose(CatchErrors(), Authenticate(BASIC), Require("authenticated"))(show)
    client = TestApp(lint(app))
    assert client.get("/", status=401).text == "401 Unauthorized\n"
    client.authorization = ("Basic", (ADA, PASSWORD))
    assert client.get("/").text == ADA
    assert client.head("/").headers["Vary"] == "Authorization"


# Options.


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        pytest.param([], {}, TypeError, "at least one scheme", id="no scheme"),
        pytest.param(
            [Basic], {}, TypeError, r"item 1 is Basic, a class; write Basic\(", id="class"
        ),
        pytest.param([[BASIC]], {}, TypeError, r"unpack it: Authenticate\(\*schemes\)", id="list"),
        pytest.param([BASIC, USERS], {}, TypeError, r"item 2 .*write Basic\(Users", id="a table"),
        pytest.param([TOKENS], {}, TypeError, r"write Bearer\(Tokens", id="a verifier"),
        pytest.param(["hunter2"], {}, TypeError, "item 1 is a str, which is no scheme", id="text"),
        pytest.param([Fixed(None, name="")], {}, TypeError, "becomes AUTH_TYPE", id="no name"),
        pytest.param(
            [Fixed(None, reads="HTTP_X")],  # type: ignore[arg-type]
            {},
            TypeError,
            "a set of environ keys",
            id="reads is text",
        ),
        pytest.param([BASIC], {"realm": "a\nb"}, ValueError, "realm is latin-1", id="realm"),
        pytest.param([BASIC], {"realm": "\u20ac"}, ValueError, "realm is latin-1", id="euro"),
        pytest.param([BASIC], {"realm": 3}, TypeError, "takes a str", id="realm of a number"),
        pytest.param([BASIC], {"required": 1}, TypeError, "True or False", id="required"),
        pytest.param([BASIC], {"drain": "1"}, TypeError, "it is bytes", id="drain of text"),
        pytest.param([BASIC], {"drain": -1}, ValueError, "0 or more", id="drain below nought"),
        pytest.param([BASIC], {"on_event": 3}, TypeError, "function of an event", id="on_event"),
        pytest.param([BASIC], {"relm": "x"}, TypeError, "did you mean realm", id="misspelt"),
    ],
)
def test_options_that_make_no_sense(
    arguments: list[Any], options: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        Authenticate(*arguments, **options)
    assert "hunter2" not in str(caught.value)


def test_a_challenge_that_cannot_stand_in_a_header_is_found_when_binding() -> None:
    class Bad(Fixed):
        def challenge(self, realm: str, denied: Denied | None) -> str | None:
            return "Bad\r\nSet-Cookie: a=b"

    with pytest.raises(ValueError, match=r"challenge of .* cannot stand in a header"):
        Authenticate(Bad(None))(show)


def test_a_challenge_of_somebodys_own_is_asked_for_each_time() -> None:
    """It may hold what is good once, as the nonce of Digest (RFC 7616) is."""
    numbers = iter("0123")

    class Nonce(Fixed):
        def challenge(self, realm: str, denied: Denied | None) -> str | None:
            return f'Nonce nonce="{next(numbers)}"'

    app = Authenticate(BASIC, Nonce(Denied(401, "stale")))(show)
    for number in "12":  # the first was asked for when it was bound
        call = ask(lambda inner: app)
        assert call.values("WWW-Authenticate") == [ASK_BASIC, f'Nonce nonce="{number}"']


def test_a_refusal_of_ours_is_the_same_again() -> None:
    app = Authenticate(BASIC, BEARER)(show)
    heads = [
        (call.status, call.headers)
        for auth in (basic(ADA, "no"), "Bearer no", "Basic !", basic(ADA, "no"), "Bearer no")
        for call in [ask(lambda inner: app, auth=auth)]
    ]
    assert heads[0] == heads[2] == heads[3]
    assert heads[1] == heads[4] != heads[0]


def test_who_gets_a_refusal_may_change_its_head() -> None:
    """Rule 12: it is remembered, and the list that goes out is not."""
    app = Authenticate(BASIC)(show)
    given: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        given.append([*headers])
        headers.clear()

    for _ in range(2):
        app(make_environ(HTTP_AUTHORIZATION=basic(ADA, "no")), start_response)
    assert given[0] == given[1] != []


def test_a_body_passes_as_it_is() -> None:
    blocks = iter([b"a"])

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return blocks

    environ = make_environ(HTTP_AUTHORIZATION=basic())
    assert Authenticate(BASIC)(app)(environ, lambda *head: print) is blocks


def test_what_the_app_raises_goes_up() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Authenticate(BASIC)(app)(make_environ(HTTP_AUTHORIZATION=basic()), lambda *head: print)


@pytest.mark.parametrize(
    "later", [ValueError(), "Bad\r\nSet-Cookie: a=b"], ids=["raises", "is bad"]
)
def test_a_challenge_that_fails_later_is_logged(
    caplog: pytest.LogCaptureFixture, later: Any
) -> None:
    class Bad(Fixed):
        def challenge(self, realm: str, denied: Denied | None) -> str | None:
            if denied is None:
                return "Good"
            if isinstance(later, Exception):
                raise later
            return str(later)

    call = ask(Authenticate(BASIC, Bad(Denied(401, "x"))))
    assert call.status[:3] == "401"
    assert call.values("WWW-Authenticate") == [ASK_BASIC, "Good"], "as if nothing had been sent"
    assert "the challenge of Fixed failed" in caplog.text


def test_it_is_a_value() -> None:
    layer = Authenticate(BASIC, realm="Staff", required=False)
    assert layer == Authenticate(BASIC, realm="Staff", required=False) != Authenticate(BASIC)
    assert repr(layer) == "Authenticate(Basic(Users(<2 users>)), realm='Staff', required=False)"
    bound: Any = layer(show)
    assert bound.__name__ == "Authenticate" and bound.__wrapped__ is show


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(lambda: Identity(""), ValueError, id="empty"),
        pytest.param(lambda: Identity("x" * 257), ValueError, id="257"),
        pytest.param(lambda: Identity("a\nb"), ValueError, id="newline"),
        pytest.param(lambda: Identity("\ud800"), ValueError, id="surrogate"),
        pytest.param(lambda: Identity(3), TypeError, id="number"),  # type: ignore[arg-type]
        pytest.param(lambda: Identity("a", roles="admin"), TypeError, id="a bare str"),  # type: ignore[arg-type]
        pytest.param(lambda: Denied(200, "x"), ValueError, id="Denied that is none"),
    ],
)
def test_identities_that_are_none(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_claims_are_read_only_and_not_shown() -> None:
    who = Identity("ada", claims={"password": "hunter2"})
    assert "hunter2" not in repr(who)
    with pytest.raises(TypeError):
        who.claims["x"] = 1  # type: ignore[index]


def test_an_identity_survives_a_pickle_and_a_copy() -> None:
    who = Identity("ada", "Basic", frozenset("a"), frozenset("b"), {"c": [1]}, 5.0)
    for again in (pickle.loads(pickle.dumps(who)), copy.deepcopy(who), copy.copy(who)):
        assert again == who and again.claims == {"c": [1]}
        claims: Any = again.claims
        with pytest.raises(TypeError):
            claims["x"] = 1


def test_schemes_survive_a_pickle() -> None:
    schemes = [
        BASIC,
        BEARER,
        KEY,
        RemoteUser(),
        TrustedHeader("X-User", proxies=["unix"], roles_header="X-Roles"),
    ]
    for scheme in schemes:
        again: Any = pickle.loads(pickle.dumps(scheme))
        assert repr(again) == repr(scheme)
