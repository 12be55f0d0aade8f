"""Credentials that crash others, and an application that must survive all of them.

`HOSTILE`: values of `Authorization`; `KEYS`: of `X-API-Key` and `X-User`. None of them is right, so
each answer is 400 or 401. `application` is what the real servers serve.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Any

from tests.auth_kit import sent, sha
from wsgimw import compose
from wsgimw.auth import (
    ANY,
    JWT,
    APIKey,
    Authenticate,
    Basic,
    Bearer,
    Require,
    Signature,
    Tokens,
    TrustedHeader,
    Users,
    hash_token,
)

USER, PASSWORD, TOKEN, SECRET = "ada", "correct horse", "right-token", bytes(range(32))
USERS = Users({USER: sha(PASSWORD), "Zoë": sha("z")})
TOKENS = Tokens({"ci": hash_token(TOKEN)})
JWTS = JWT(SECRET, algorithms=["HS256"], issuer=ANY, audience=ANY)


def both(token: str) -> Any:
    """Ask the tokens, then the JWTs."""
    return TOKENS.verify(token) or JWTS.verify(token)


LAYERS = (
    Authenticate(
        Basic(USERS),
        Bearer(both),
        APIKey(TOKENS),
        TrustedHeader("X-User", proxies=["10.0.0.0/8"]),
        Signature("sixteen bytes at least"),
    ),
    Require({"/": "authenticated", "/admin": "nobody"}),
)


def page(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Say who it is."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [
        b"" if environ["REQUEST_METHOD"] == "HEAD" else environ["REMOTE_USER"].encode("latin-1")
    ]


application = compose(*LAYERS)(page)


def b64(data: bytes | str) -> str:
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _basic() -> Iterator[str]:
    right = sent(f"{USER}:{PASSWORD}")
    yield from (
        "Basic",
        "Basic ",
        "basic",
        "BASIC  ",
        "Basic\t",
        "Basic =",
        "Basic ====",
        "Basic !",
    )
    yield from (f"{right}, {right}", f"{right}, Basic x", f"{right},", f"{right}\t", f"{right} x")
    yield from (right.replace(" ", "\t"), right.replace(" ", ""), right.replace(" ", "=", 1))
    yield from (right + "=", right + "==", right[:-1], right[:-2], right[:9], right + "A")
    yield from (right.replace("=", ""), right.replace("=", "%3D"), right.lower(), f'"{right}"')
    yield from (f"Basic realm=x {right}", f"Basic {USER}:{PASSWORD}", f"Basic  {USER}")
    for data in (
        b"",
        b":",
        b"::",
        b":x",
        b"ada",
        b"ada:",
        b"ada:\x00",
        b"\x00",
        b"\x00:\x00",
        b"ada\x00:correct horse",
        b"ada:correct horse\x00",
        b"ada:correct horse\n",
        b"ada:correct horse\r\n",
        b"ada:correct\thorse",
        b"ada\r\nX: y:correct horse",
        b" ada:correct horse",
        b"ada :correct horse",
        b"ada: correct horse",
        b"ADA:correct horse",
        b"ada:Correct horse",
        b"ad\xe9:x",
        b"\xff\xfe",
        b"\xff:\xff",
        b"\xc3:x",
        b"\xc0\x80:x",
        b"\xed\xa0\x80:x",
        b"\xf4\x90\x80\x80:x",
        b"\xef\xbb\xbfada:correct horse",
        "Zoe\u0308:z".encode(),
        "Zoë:\uff5a".encode(),
        "\u202eada:correct horse".encode(),
        "ad\u0430:correct horse".encode(),
        "\ufffd:\ufffd".encode(),
        "\x85:x".encode(),
        "ada:correct horse".encode("utf-16"),
        "ada:correct horse".encode("utf-7") + b"+AAA-",
        b"ada:" + sha(PASSWORD).encode(),
        b"{SHA}:{SHA}",
        b"ada:" + b"x" * 72,
        b"ada:" + b"x" * 73,
        b"ada:" + b"x" * 1024,
        b"ada:" + b"x" * 1025,
        b"a" * 256 + b":x",
        b"a" * 257 + b":x",
        b"ada:" + b"x" * 5000,
        b"' OR 1=1 --:x",
        b"*)(uid=*:x",
        b"../../etc/passwd:x",
        b"%s%n:%s",
        b"${jndi:ldap://x}:x",
        b"{{7*7}}:x",
        b"ada:correct horse:",
        b":ada:correct horse",
        b"ada::correct horse",
    ):
        yield sent(data)


def _bearer() -> Iterator[str]:
    yield from ("Bearer", "Bearer ", "bearer", "Bearer  ", "Bearer\t", "Bearer =", "Bearer ==")
    yield from (f"Bearer {TOKEN} {TOKEN}", f"Bearer {TOKEN},", f"Bearer {TOKEN}, Basic x")
    yield from (f"Bearer\t{TOKEN}", f'Bearer "{TOKEN}"', f"Bearer {TOKEN}=", f"Bearer {TOKEN}\t")
    yield from (f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN.upper()}", f"Bearer token={TOKEN}")
    yield from ("Bearer null", "Bearer undefined", "Bearer None", "Bearer 0", "Bearer -")
    yield from ("Bearer .", "Bearer ..", "Bearer ...", "Bearer a.b.c", "Bearer e30.e30.e30")
    yield from ("Bearer é", "Bearer \xff\xfe", "Bearer ☃".encode().decode("latin-1"))
    yield from (f"Bearer {'x' * 4000}", f"Bearer {'.' * 4000}", f"Bearer {'=' * 3000}")
    headers: list[Any] = [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS256", "kid": 1},
        {"alg": "HS256", "kid": []},
        {"alg": "HS256", "kid": "../../dev/null"},
        {"alg": "HS256", "crit": ["x"]},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": "HS256", "jwk": {"kty": "oct", "k": ""}},
        {"alg": "HS256", "jku": "http://127.0.0.1:1/"},
        {"alg": "RS256"},
        {"alg": None},
        {"alg": 1},
        {"alg": ["HS256"]},
        {"alg": {}},
        {},
        [],
        None,
        "HS256",
        1e308,
    ]
    for header in headers:
        yield f"Bearer {b64(json.dumps(header))}.{b64('{}')}.{b64(b'x' * 32)}"
    for payload in (
        '{"exp": NaN}',
        '{"exp": 1e400}',
        "[" * 2500,
        '{"a":' * 600,
        "\x00",
        '"\\ud800"',
    ):
        yield f"Bearer {b64(json.dumps({'alg': 'HS256'}))}.{b64(payload)}.{b64(b'x' * 32)}"
    yield f"Bearer {b64(json.dumps({'alg': 'HS256'}))}.e30."
    yield f"Bearer {b64('[' * 2500)}.e30.AAAA"


def _others() -> Iterator[str]:
    yield from ("", " ", ",", "=", ":", ";", "x", "Digest", "Digest username=ada", "Negotiate YII=")
    yield from ("NTLM TlRMTVNTUAABAAAA", "AWS4-HMAC-SHA256 Credential=x", "Token x", "Basically x")
    yield from ("Bearerx x", "ba sic x", "\xe9", "%42asic x", "Basic\xa0YWRhOng=", "null")


HOSTILE = list(dict.fromkeys([*_basic(), *_bearer(), *_others()]))
KEYS = ["", " ", ",", "x,y", "é", "=", "x" * 4000, TOKEN[:-1], f"{TOKEN},{TOKEN}", "..", "\xff"]
SIGNATURES = [
    "",
    "sha256=",
    "sha256=" + "0" * 64,
    "sha1=x",
    "sha256=" + "g" * 64,
    "\xff",
    "x" * 4000,
]
