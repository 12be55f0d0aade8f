"""No secret in any log line, repr, event or traceback: canaries everywhere, and a search."""

from __future__ import annotations

import io
import logging
import traceback
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.auth_kit import basic, encoded, posting, sent, sha
from wsgimw import AccessLog, CatchErrors, Require, compose
from wsgimw.auth import (
    ANY,
    JWKS,
    JWT,
    APIKey,
    Authenticate,
    Basic,
    Bearer,
    Event,
    Identity,
    LimitsStore,
    Signature,
    Throttle,
    Tokens,
    TrustedHeader,
    Users,
    hash_password,
    hash_token,
)
from wsgimw.auth.masked import log_masked
from wsgimw.testing.server import Call, Errors, make_environ

CANARY = "cAnArY-7f3a91"
PASSWORD, TOKEN = f"pw-{CANARY}", f"tok-{CANARY}"
SECRET = f"secret-{CANARY}-of-more-than-32-bytes".encode()
CANARIES = [
    CANARY,
    CANARY.lower(),
    sent(f"ada:{PASSWORD}").split()[1],
    sha(PASSWORD)[5:],
    hash_token(TOKEN)[7:],
    SECRET.hex(),
]


class Failing:
    """A table, verifier and store whose errors tell everything."""

    def lookup(self, username: str) -> Any:
        raise LookupError(f"no row for {username!r} in SELECT ... WHERE name = {username!r}")

    def decoy(self, n: int) -> str:
        return sha(PASSWORD)

    def verify(self, token: str) -> Any:
        try:
            raise KeyError(token)
        except KeyError as error:
            error.add_note(f"the token was {token}")
            raise ValueError(f"cannot read {token.encode()!r}") from error

    def wait(self, key: str, limit: int, window: float) -> float:
        raise OSError(f"redis://:{CANARY}@host refused")

    def fail(self, key: str, limit: int, window: float) -> None:
        raise OSError(CANARY)


def check(username: str, password: str) -> Any:
    raise ValueError(f"bind failed: {username}:{password} {password!r} {password.encode()!r}")


def group(username: str, password: str) -> Any:
    raise ExceptionGroup(f"for {password}", [ValueError(password), KeyError(password)])


def all_parts() -> list[Any]:
    users = Users({"ada": sha(PASSWORD), "bob": hash_password(PASSWORD)})
    tokens = Tokens({"ci": hash_token(TOKEN)})
    tokens_of_jwt = JWT(SECRET, algorithms=["HS256"], issuer=ANY, audience=ANY)
    return [
        users,
        users.lookup("ada"),
        tokens,
        tokens_of_jwt,
        JWKS(f"https://id.example/?token={CANARY}"),
        LimitsStore(f"redis://:{CANARY}@127.0.0.1:1/0"),
        Basic(users, throttle=Throttle(store=LimitsStore(f"redis://:{CANARY}@127.0.0.1:1/0"))),
        Bearer(tokens),
        Bearer(tokens_of_jwt),
        APIKey(tokens),
        Signature(SECRET, SECRET.decode()),
        Identity("ada", claims={"token": TOKEN}),
    ]


@pytest.fixture
def places(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Collect what is written anywhere, and search it."""
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    yield said
    said.append(caplog.text)
    said += [repr(record.__dict__) for record in caplog.records]
    for text in said:
        for canary in CANARIES:
            assert canary not in text, text


def test_reprs(places: list[str]) -> None:
    parts = all_parts()
    places += [repr(part) for part in parts]
    places += [repr(Authenticate(part)) for part in parts if hasattr(part, "authenticate")]
    bound: Any = Authenticate(parts[6])(lambda environ, start: [])
    places.append(bound.__qualname__)


REQUESTS: list[dict[str, Any]] = [
    {"HTTP_AUTHORIZATION": basic("ada", PASSWORD)},
    {"HTTP_AUTHORIZATION": basic("ada", PASSWORD), "PATH_INFO": "/fails"},
    {"HTTP_AUTHORIZATION": basic("ada", f"wrong-{CANARY}")},
    {"HTTP_AUTHORIZATION": basic(CANARY, PASSWORD)},
    {"HTTP_AUTHORIZATION": basic("ada", f"é {CANARY} \\ ' \"")},
    {"HTTP_AUTHORIZATION": f"Basic {CANARY}"},
    {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"},
    {"HTTP_AUTHORIZATION": f"Bearer x{TOKEN}"},
    {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}, {TOKEN}"},
    {"HTTP_X_API_KEY": TOKEN, "PATH_INFO": "/fails"},
    {"HTTP_X_API_KEY": f"{TOKEN} x"},
    {"HTTP_X_USER": f"{CANARY},{CANARY}", "REMOTE_ADDR": "10.0.0.1"},
    posting(b"x", HTTP_X_HUB_SIGNATURE_256=f"sha256={SECRET.hex()[:64]}"),
]


@pytest.mark.parametrize(
    "schemes",
    [
        pytest.param(
            lambda: [
                Basic(Users({"ada": sha(PASSWORD)}), throttle=Throttle(store=Failing())),
                Bearer(Tokens({"ci": hash_token(TOKEN)})),
                APIKey(Tokens({"ci": hash_token(TOKEN)})),
                TrustedHeader("X-User", proxies=["10.0.0.0/8"]),
                Signature(SECRET),
            ],
            id="as it should be",
        ),
        pytest.param(
            lambda: [Basic(Failing()), Bearer(Failing()), APIKey(Failing())], id="tables that fail"
        ),
        pytest.param(lambda: [Basic(check), Bearer(Failing())], id="a function that fails"),
        pytest.param(lambda: [Basic(group)], id="a group of exceptions"),
        pytest.param(
            lambda: [Bearer(JWT(SECRET, algorithms=["HS256"], issuer=ANY, audience=ANY))], id="JWT"
        ),
    ],
)
@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_requests(schemes: Any, number: int, places: list[str]) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/fails":
            raise LookupError("the app's own")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    events: list[Event] = []
    reports: list[Any] = []
    lines, errors = io.StringIO(), Errors()
    stack = compose(
        AccessLog(sink=lines, format='%h %u "%r" %{Authorization}i %{X-Api-Key}i'),
        CatchErrors(report=lambda report, error: reports.append(report)),
        Authenticate(*schemes(), on_event=events.append),
        Require("authenticated"),
    )
    environ = make_environ(**{"wsgi.errors": errors} | REQUESTS[number])
    call = Call(stack(app), environ).run()
    places += [lines.getvalue(), errors.getvalue(), repr(events), repr(reports)]
    places += [repr(call.headers), repr(environ.get("wsgimw.identity")), repr(call.raw)]
    places.append(repr(environ["wsgimw.record"]))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Users({"ada": CANARY}), id="Users"),
        pytest.param(lambda: Users(CANARY), id="Users of text"),  # type: ignore[arg-type]
        pytest.param(lambda: Users({"ada": sha("x")}, CANARY, CANARY), id="too many"),  # type: ignore[call-arg, arg-type]
        pytest.param(lambda: Tokens({"ci": CANARY}), id="Tokens"),
        pytest.param(lambda: JWT(CANARY, algorithms=["RS256"], issuer=ANY, audience=ANY), id="JWT"),
        pytest.param(
            lambda: JWT(CANARY.encode(), algorithms=["HS256"], issuer=ANY, audience=ANY), id="HS"
        ),
        pytest.param(
            lambda: JWT(
                {"kty": "oct", "k": CANARY}, algorithms=["HS256"], issuer=ANY, audience=ANY
            ),
            id="JWK",
        ),
        pytest.param(lambda: Signature(CANARY), id="Signature"),
        pytest.param(lambda: Signature("whsec_" + CANARY + "!", style="standard"), id="whsec"),
        pytest.param(lambda: Basic(CANARY), id="Basic"),  # type: ignore[arg-type]
        pytest.param(lambda: Bearer(CANARY), id="Bearer"),  # type: ignore[arg-type]
        pytest.param(lambda: Authenticate(CANARY), id="Authenticate"),  # type: ignore[arg-type]
        pytest.param(lambda: JWKS(f"https://u:{CANARY}@id.example/"), id="JWKS"),
        pytest.param(lambda: LimitsStore(f"x://:{CANARY}@h"), id="LimitsStore"),
        pytest.param(lambda: hash_token(f"{CANARY} {CANARY}"), id="hash_token"),
        pytest.param(lambda: hash_password(f"{CANARY}\n"), id="hash_password"),
    ],
)
def test_messages_at_construction(make: Any, places: list[str]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    trace = traceback.TracebackException.from_exception(caught.value)
    shown = [trace]
    while shown:
        each = shown.pop()
        places.append("".join(each.format_exception_only()))
        shown += [inner for inner in (each.__cause__,) if inner]
        if not each.__suppress_context__ and each.__context__:
            shown.append(each.__context__)


def test_a_short_secret_hides_the_message(caplog: pytest.LogCaptureFixture) -> None:
    """To take two letters out of a text would tell where they stood."""
    environ = make_environ(HTTP_AUTHORIZATION=basic("ada", "pw"))
    log_masked("it", ValueError("the pw is wrong"), environ, ["HTTP_AUTHORIZATION"])
    assert "ValueError: [redacted" in caplog.text
    assert "the pw" not in caplog.text


def test_an_error_that_cannot_be_shown(caplog: pytest.LogCaptureFixture) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError(CANARY)

    class Notes(list[str]):
        def __iter__(self) -> Any:
            raise RuntimeError(CANARY)

    error = Odd()
    error.__notes__ = Notes(["x"])
    log_masked("it", error, make_environ(), [])
    assert "Odd" in caplog.text and CANARY not in caplog.text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("HTTP_COOKIE", f"session={CANARY}", id="a cookie"),
        pytest.param("HTTP_COOKIE", f"a=b; session={CANARY}; c=d", id="one of several"),
        pytest.param("HTTP_COOKIE", f'a=b; session="{CANARY}"', id="quoted"),
        pytest.param("HTTP_COOKIE", f"session={CANARY}.time.mark", id="a part of a signed one"),
        pytest.param("HTTP_COOKIE", f"session={encoded(CANARY)}.time.mark", id="and encoded"),
        pytest.param("HTTP_COOKIE", f"session={CANARY.replace('-', '%2D')}", id="and escaped"),
        pytest.param("HTTP_AUTHORIZATION", f'Digest nonce=x, response="{CANARY}"', id="Digest"),
        pytest.param("HTTP_AUTHORIZATION", f"Token {CANARY}", id="a scheme of one's own"),
        pytest.param("HTTP_AUTHORIZATION", f"Basic !{encoded(CANARY)}", id="junk before base64"),
        pytest.param("HTTP_X_SIGNED", f"t=1,v1={CANARY}", id="a signature"),
        pytest.param(
            "HTTP_AUTHORIZATION",
            f"Bearer {urlsafe_b64encode(f'ÿ?~{CANARY}'.encode()).decode().rstrip('=')}",
            id="url-safe base64",
        ),
    ],
)
def test_a_scheme_of_ones_own_that_tells_everything(
    key: str, value: str, places: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Telling:
        name = "Telling"
        reads = frozenset({key})

        def authenticate(self, environ: Any) -> Any:
            said = f"ÿ?~{CANARY}" if environ[key].startswith("Bearer") else CANARY
            raise LookupError(f"nobody has {said}")

        def challenge(self, realm: str, denied: Any) -> str | None:
            return None

    environ = make_environ(**{key: value})
    call = Call(Authenticate(Telling())(lambda environ, start: []), environ).run()
    assert call.status[:3] == "503"
    places.append(repr(call.headers))
    assert "LookupError: nobody has [redacted" in caplog.text, "and no more than that is hidden"
