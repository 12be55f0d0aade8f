"""The examples of authentication: each does what it says."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import re
import sys
from datetime import datetime
from typing import Any

import pytest
import webtest
from flask import Flask

from examples import api_with_jwt, private_area, session_cookie, webhook
from tests import test_auth_jwt
from tests.auth_kit import ask
from tests.test_auth_jwt import ATTACKS, NOW, token
from tests.venvs import ROOT
from wsgimw import Authenticate
from wsgimw.auth import Bearer
from wsgimw.testing import lint


def test_private_area() -> None:
    app = private_area.app
    assert isinstance(app, Flask)
    client = webtest.TestApp(lint(app))
    assert "Everybody" in client.get("/")
    refused = client.get("/private/", status=401)
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="Private area", charset="UTF-8"'
    client.authorization = ("Basic", ("bob", "bobbobbob"))
    answer = client.get("/private/")
    assert "Hello, bob" in answer
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("private", "Authorization")
    for path in ("/private/admin", "//private//admin", "/PRIVATE/admin"):
        client.get(path, status=403)
    client.authorization = ("Basic", ("ada", "adaadaada"))
    assert "Hello, admin" in client.get("/private/admin")


def test_api_with_jwt(capsys: pytest.CaptureFixture[str]) -> None:
    client = webtest.TestApp(lint(api_with_jwt.application))
    assert client.get("/orders", status=401).headers["WWW-Authenticate"] == (
        'Bearer realm="Restricted"'
    )
    client.authorization = ("Bearer", api_with_jwt.make_token("ada", "orders.read"))
    assert client.get("/orders").json == {"user": "ada", "orders": [1, 2, 3]}
    assert client.head("/orders").headers["Content-Type"] == "application/json"
    refused = client.post("/orders", status=403)
    assert refused.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", scope="orders.write"'
    )
    client.get("/else", status=403)


def test_webhook() -> None:
    client = webtest.TestApp(lint(webhook.application))
    body = '{"action": "opened"}'
    made = hmac.new(webhook.SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={made}"}
    assert client.post("/hook", body, headers=headers).text == "Thanks for opened\n"
    client.post("/hook", body + " ", headers=headers, status=401)
    client.post("/hook", body, status=401)
    client.get("/", status=404)


# What is signed by the right key, and of which PyJWT thinks otherwise than `JWT` does.
LENIENT = {
    "b64 true",
    "CVE-2025-61920: very long",
    "nbf as str",
    "iat false",
    "typ of an id token",
    "typ a number",
    "typ null",
    "a name twice in the claims",
    "a name twice in the header",
    "claims with a BOM",
    "padding",
}


def recipe() -> Any:
    """Make the verifier that the guide shows; `key` is the reader's own."""
    guide = (ROOT / "docs" / "auth.md").read_text()
    (source,) = [
        text
        for text in re.findall(r"^```python\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE)
        if "PyJWT" in text
    ]
    names: dict[str, Any] = {"key": test_auth_jwt.PEM}
    exec(compile(source, "docs/auth.md", "exec"), names)
    return names["PyJWT"]()


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the clock of PyJWT to the moment of the tests of `JWT`."""

    class Fixed(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(NOW, tz)

    monkeypatch.setattr("jwt.api_jwt.datetime", Fixed)


@pytest.mark.usefixtures("at_now")
def test_the_recipe_of_pyjwt() -> None:
    call = ask(Authenticate(Bearer(recipe())), auth=f"Bearer {token(email='a@example.org')}")
    known = call.environ["wsgimw.identity"]
    assert (known.subject, known.scheme, known.expires) == ("ada", "Bearer", NOW + 600)
    assert known.claims["email"] == "a@example.org"


@pytest.mark.parametrize(
    ("name", "make"), [pytest.param(name, make, id=name) for name, make in ATTACKS.items()]
)
@pytest.mark.usefixtures("at_now")
def test_the_recipe_of_pyjwt_under_attack(
    name: str, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """None gets in that the key has not signed, and none makes it raise."""
    call = ask(Authenticate(Bearer(recipe())), auth=f"Bearer {make()}")
    assert call.status[:3] in ("400", "401") or name in LENIENT
    assert call.status[:3] != "503" and not caplog.records


def test_session_cookie() -> None:
    client = webtest.TestApp(lint(session_cookie.application))
    client.get("/", status=401)
    assert client.get("/enter").text == "Hello, stranger\n"
    answer = client.get("/")
    assert answer.text == "Hello, guest\n"
    assert answer.headers["Vary"] == "Cookie"
    for value in ("guest", "", "guest.x.y", '"', "a=b; session=x"):
        client.reset()
        assert client.get("/", headers={"Cookie": f"session={value}"}, status=401)


def test_the_scheme_of_ones_own_is_short() -> None:
    lines = inspect.getsource(session_cookie.SessionCookie).splitlines()
    assert len(lines) <= 40
    assert "itsdangerous" in sys.modules
