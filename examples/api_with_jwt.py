"""A JSON API for the bearers of JWTs, with a scope for each thing that may be done."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.jwk import OctKey

from wsgimw import Authenticate, CatchErrors, Require, compose
from wsgimw.auth import JWT, Bearer, identity, scope

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ISSUER, AUDIENCE = "https://id.example", "orders"
secret = os.urandom(32)  # of an identity provider one has JWKS("https://...") in its place


def orders(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    known = identity(environ)
    user = None if known is None else known.subject
    data = json.dumps({"user": user, "orders": [1, 2, 3]}).encode() + b"\n"
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    start_response("200 OK", headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else data]


def make_token(user: str, *scopes: str) -> str:
    """Sign a token as a provider would; it is good for ten minutes."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + 600}
    claims["scope"] = " ".join(scopes)
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))


application = compose(
    CatchErrors(),
    Authenticate(Bearer(JWT(secret, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE))),
    Require(
        {"/": "nobody", "GET /orders": scope("orders.read"), "POST /orders": scope("orders.write")}
    ),
)(orders)

if __name__ == "__main__":
    print(
        f"curl -H 'Authorization: Bearer {make_token('ada', 'orders.read')}' localhost:8000/orders"
    )

# wsgimw run examples.api_with_jwt:application
