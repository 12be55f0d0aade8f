"""Bearer, APIKey and Tokens; TrustedHeader and RemoteUser; Signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
from functools import partial
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.auth_kit import Clock, ask, basic, left_of, posting, sha, show
from wsgimw.auth import (
    APIKey,
    Authenticate,
    Basic,
    Bearer,
    Identity,
    RemoteUser,
    Signature,
    Tokens,
    TrustedHeader,
    Unavailable,
    Users,
    hash_token,
    new_token,
    signature,
)
from wsgimw.testing.server import Call, make_environ

TOKEN = new_token()
TOKENS = Tokens(
    {"ci": [hash_token("old"), hash_token(TOKEN)], "bot": hash_token("b")},
    roles={"ci": ["deploy"]},
    scopes={"ci": ["read", "write"]},
)


# Tokens, Bearer, APIKey.


@pytest.mark.parametrize("token", ["old", TOKEN], ids=["old", "new"])
def test_either_of_two_tokens_counts(token: str) -> None:
    call = ask(Authenticate(Bearer(TOKENS)), auth=f"Bearer {token}")
    assert call.environ["wsgimw.identity"] == Identity(
        "ci", scheme="Bearer", roles=frozenset({"deploy"}), scopes=frozenset({"read", "write"})
    )


@pytest.mark.parametrize(
    ("header", "status"),
    [
        pytest.param(f"bEARER   {TOKEN}  ", "200", id="any case, more spaces"),
        pytest.param(f" Bearer {TOKEN}", "200", id="a space in front"),
        pytest.param(f"Bearer {TOKEN[:-1]}", "401", id="cut short"),
        pytest.param(f"Bearer {TOKEN}=", "401", id="one character more"),
        pytest.param(f"Bearer {TOKEN.swapcase()}", "401", id="another case"),
        pytest.param(f"Bearer {hash_token(TOKEN)[7:]}", "401", id="the digest"),
        pytest.param("Bearer", "400", id="Flask-HTTPAuth < 4.8.1, sanic-jwt#143: empty"),
        pytest.param("Bearer   ", "400", id="spaces alone"),
        pytest.param(f"Bearer\t{TOKEN}", "400", id="a tab"),
        pytest.param(f"Bearer {TOKEN}\n", "400", id="a newline"),
        pytest.param(f"Bearer {TOKEN}, {TOKEN}", "400", id="a comma"),
        pytest.param(f"Bearer {TOKEN} x", "400", id="two"),
        pytest.param(f'Bearer "{TOKEN}"', "400", id="quoted"),
        pytest.param("Bearer a=b", "400", id="= in the middle"),
        pytest.param("Bearer \xe9", "400", id="not ASCII"),
        pytest.param("Bearer " + "x" * 8192, "400", id="over 8 KiB"),
        pytest.param(f"Token {TOKEN}", "401", id="another scheme"),
        pytest.param(f"Bearerx {TOKEN}", "401", id="a longer name"),
    ],
)
def test_bearer(header: str, status: str) -> None:
    assert ask(Authenticate(Bearer(TOKENS)), auth=header).status[:3] == status


@pytest.mark.parametrize(
    ("value", "status"),
    [
        pytest.param(TOKEN, "200", id="right"),
        pytest.param("", "401", id="empty is not nothing"),
        pytest.param(f" {TOKEN}", "401", id="space"),
        pytest.param(f"{TOKEN},{TOKEN}", "401", id="merged"),
        pytest.param("x" * 8193, "401", id="too long"),
        pytest.param("\xe9", "401", id="not ASCII"),
        pytest.param("\u20ac", "401", id="of a broken server"),
    ],
)
def test_api_key(value: str, status: str) -> None:
    layer = Authenticate(APIKey(TOKENS), required=False)
    assert ask(layer, HTTP_X_API_KEY=value).status[:3] == status


def test_a_key_in_the_query_is_nothing_sent() -> None:
    call = ask(Authenticate(APIKey(TOKENS, header="X-Token")), QUERY_STRING=f"X-Token={TOKEN}")
    assert call.status[:3] == "401"
    assert call.values("Vary") == ["X-Token"]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        pytest.param("ada", "200", id="a subject"),
        pytest.param(Identity("ada"), "200", id="an Identity"),
        pytest.param(None, "401", id="None"),
        pytest.param("", "401", id="an empty subject"),
        pytest.param("a\nb", "401", id="a subject that is none"),
        pytest.param("x" * 300, "401", id="a subject that is too long"),
        pytest.param(True, "503", id="True is a mistake"),
        pytest.param(Unavailable(3), "503", id="Unavailable"),
        pytest.param(KeyError("x"), "503", id="an exception"),
    ],
)
def test_a_function_for_a_verifier(said: Any, status: str) -> None:
    def check(token: str) -> Any:
        if isinstance(said, Exception):
            raise said
        return said

    call = ask(Authenticate(Bearer(check)), auth="Bearer x")
    assert call.status[:3] == status


def test_roles_and_scopes_of_functions_are_asked_each_time() -> None:
    count = iter("abc")
    tokens = Tokens({"ci": hash_token("x")}, scopes=lambda name: [next(count)])
    scopes = [found.scopes for _ in range(2) if (found := tokens.verify("x"))]
    assert scopes == [{"a"}, {"b"}]


@pytest.mark.parametrize(
    ("mapping", "error", "says"),
    [
        pytest.param({}, ValueError, "is empty", id="empty"),
        pytest.param({"ci": []}, ValueError, "is empty", id="no digest"),
        pytest.param(["x"], TypeError, "takes a mapping", id="a list"),
        pytest.param({"ci": "hunter2"}, ValueError, "no digest for 'ci'.*hash_token", id="plain"),
        pytest.param({"ci": "sha256:" + "A" * 64}, ValueError, "hash_token", id="capitals"),
        pytest.param({"ci": "sha256:" + "a" * 63}, ValueError, "hash_token", id="short"),
        pytest.param({"ci": [None]}, ValueError, "hash_token", id="None"),
        pytest.param({"a\n": hash_token("x")}, ValueError, "no control", id="a name"),
        pytest.param(
            {"a": hash_token("x"), "b": hash_token("x")},
            ValueError,
            "for 'a' and for 'b'",
            id="two",
        ),
    ],
)
def test_tokens_refuses(mapping: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        Tokens(mapping)
    assert "hunter2" not in str(caught.value)


def test_tokens_is_a_value_that_shows_nothing() -> None:
    assert repr(TOKENS).startswith("Tokens(<3 tokens>, roles=")
    assert hash_token(TOKEN)[7:] not in repr(TOKENS)
    assert Tokens({"a": hash_token("x")}) == Tokens({"a": hash_token("x")})


@pytest.mark.parametrize("token", ["", "a b", "é", "x" * 8193, "a=b"])
def test_hash_token_refuses_what_no_client_can_send(token: str) -> None:
    with pytest.raises(ValueError, match="new_token"):
        hash_token(token)
    with pytest.raises(TypeError):
        hash_token(b"x")  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", [Bearer, APIKey])
@pytest.mark.parametrize("verifier", [3, None, {"ci": "hunter2"}, Tokens])
def test_what_is_no_verifier(scheme: Any, verifier: Any) -> None:
    with pytest.raises(TypeError, match=r"write \w+\(Tokens") as caught:
        scheme(verifier)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("header", ["X Key", "", "X_Key", "Content-Type", "Host", 3])
def test_what_is_no_header(header: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="APIKey"):
        APIKey(TOKENS, header=header)


# TrustedHeader and RemoteUser.

PROXY = "10.0.0.9"
TRUSTED = TrustedHeader("X-User", proxies=["10.0.0.0/8", "unix"], roles_header="X-Roles")


@pytest.mark.parametrize(
    ("keys", "status", "user"),
    [
        pytest.param({"HTTP_X_USER": "ada"}, "200", b"ada", id="the proxy says so"),
        pytest.param(
            {"HTTP_X_USER": "Zo\xc3\xab"}, "200", "Zoë".encode(), id="latin-1 back to UTF-8"
        ),
        pytest.param({"HTTP_X_USER": " ada "}, "200", b"ada", id="blanks round it"),
        pytest.param({"HTTP_X_USER": "ada", "REMOTE_ADDR": ""}, "200", b"ada", id="unix"),
        pytest.param({"HTTP_X_USER": ""}, "401", None, id="empty"),
        pytest.param({}, "401", None, id="absent"),
        pytest.param(
            {"HTTP_X_USER": "root,ada"}, "400", None, id="CVE-2026-33433: two lines in one"
        ),
        pytest.param({"HTTP_X_USER": "ada,"}, "400", None, id="merged with an empty one"),
        pytest.param({"HTTP_X_USER": "ad\xe9"}, "400", None, id="not UTF-8"),
        pytest.param({"HTTP_X_USER": "a\x85b"}, "400", None, id="no UTF-8 of a control"),
        pytest.param({"HTTP_X_USER": "x" * 257}, "400", None, id="too long"),
        pytest.param(
            {"HTTP_X_USER": "ada", "HTTP_X_ROLES": "\xe9"}, "400", None, id="roles not UTF-8"
        ),
        pytest.param(
            {"HTTP_X_USER": "root", "REMOTE_ADDR": "192.0.2.1"},
            "401",
            None,
            id="GHSA-7r4p-vjf4-gxv4: an untrusted peer",
        ),
        pytest.param(
            {"HTTP_X_USER": "root", "REMOTE_ADDR": "10.0.0.9x"},
            "401",
            None,
            id="a malformed address is not trusted",
        ),
        pytest.param(
            {"HTTP_X_USER": "root", "REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": PROXY},
            "401",
            None,
            id="CVE-2026-54763: X-Forwarded-For proves nothing",
        ),
        pytest.param(
            {"REMOTE_USER": "root", "HTTP_REMOTE_USER": "root"}, "401", None, id="other names"
        ),
    ],
)
def test_trusted_header(keys: dict[str, str], status: str, user: bytes | None) -> None:
    call = ask(Authenticate(TRUSTED), **{"REMOTE_ADDR": PROXY} | keys)
    assert call.status[:3] == status
    assert user is None or call.raw == user


def test_roles_of_the_proxy() -> None:
    keys = {"HTTP_X_USER": "ada", "HTTP_X_ROLES": "a, b,,c ", "REMOTE_ADDR": PROXY}
    assert ask(Authenticate(TRUSTED), **keys).environ["wsgimw.identity"].roles == {"a", "b", "c"}


def test_headers_of_a_stranger_are_deleted() -> None:
    """GHSA-f59h-q822-g45g: the app must not see them even if nobody was asked to prove anything."""
    layer = Authenticate(TRUSTED, required=False)
    call = ask(layer, HTTP_X_USER="root", HTTP_X_ROLES="admin", REMOTE_ADDR="192.0.2.1")
    assert call.raw == b"nobody"
    assert "HTTP_X_USER" not in call.environ and "HTTP_X_ROLES" not in call.environ
    kept = ask(layer, HTTP_X_ROLES="x", REMOTE_ADDR=PROXY)
    assert kept.environ["HTTP_X_ROLES"] == "x"


def test_the_headers_go_also_where_another_scheme_decides() -> None:
    """CVE-2026-39858: a valid password, and a name of somebody else beside it."""
    users = Users({"ada": sha("x")})
    call = ask(Authenticate(Basic(users), TRUSTED), auth=basic("ada", "x"), HTTP_X_USER="root")
    assert call.raw == b"ada"
    assert "HTTP_X_USER" not in call.environ


def test_two_proxies_with_one_header() -> None:
    one = TrustedHeader("X-User", proxies=["10.0.0.1"])
    two = TrustedHeader("X-User", proxies=["10.0.0.2"])
    assert ask(Authenticate(one, two), HTTP_X_USER="ada", REMOTE_ADDR="10.0.0.2").raw == b"ada"


def test_remote_user_may_be_the_name_of_the_header() -> None:
    layer = Authenticate(TrustedHeader("Remote-User", proxies=[PROXY]))
    assert ask(layer, HTTP_REMOTE_USER="ada", REMOTE_ADDR=PROXY).raw == b"ada"
    stranger = ask(layer, HTTP_REMOTE_USER="ada", REMOTE_ADDR="192.0.2.1")
    assert stranger.status[:3] == "401" and "HTTP_REMOTE_USER" not in stranger.environ


@pytest.mark.parametrize(
    ("peer", "user"),
    [(PROXY, b"ada"), ("192.0.2.1", b"nobody")],
    ids=["behind our proxy", "a stranger who forges X-Forwarded-For"],
)
def test_the_peer_is_that_of_before_proxy_fix(peer: str, user: bytes) -> None:
    layer = Authenticate(TRUSTED, required=False)
    keys = {"HTTP_X_USER": "ada", "HTTP_X_FORWARDED_FOR": PROXY, "REMOTE_ADDR": peer}
    app = partial(ProxyFix, x_for=1)(layer(show))
    assert Call(app, make_environ(**keys)).run().raw == user


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        pytest.param({}, TypeError, "needs proxies", id="proxies has no default"),
        pytest.param({"proxies": []}, ValueError, "is empty", id="nobody"),
        pytest.param({"proxies": "10.0.0.1"}, TypeError, "one string", id="a bare str"),
        pytest.param({"proxies": ["10.0.0.1/8"]}, ValueError, "write '10.0.0.0/8'", id="host bits"),
        pytest.param({"proxies": ["proxy"]}, ValueError, "an address, a network", id="a name"),
        pytest.param(
            {"proxies": ["unix"], "roles_header": "X-User"}, ValueError, "another", id="=="
        ),
    ],
)
def test_trusted_header_refuses(options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        TrustedHeader("X-User", **options)


@pytest.mark.parametrize(
    ("keys", "status", "kind"),
    [
        pytest.param(
            {"REMOTE_USER": "ada", "AUTH_TYPE": "Negotiate"}, "200", "Negotiate", id="both"
        ),
        pytest.param({"REMOTE_USER": "ada"}, "200", "RemoteUser", id="a user alone"),
        pytest.param({"REMOTE_USER": ""}, "401", None, id="empty"),
        pytest.param({"REMOTE_USER": "\xe9"}, "401", None, id="not UTF-8"),
        pytest.param({"REMOTE_USER": "a\nb"}, "401", None, id="a newline"),
        pytest.param({"HTTP_REMOTE_USER": "ada"}, "401", None, id="a header is no server"),
    ],
)
def test_remote_user(keys: dict[str, str], status: str, kind: str | None) -> None:
    call = ask(Authenticate(RemoteUser()), **keys)
    assert call.status[:3] == status
    assert call.environ.get("AUTH_TYPE") == kind
    assert call.values("Vary") == []


def test_remote_user_is_no_way_round_a_scheme_that_refuses() -> None:
    layer = Authenticate(Basic(Users({"ada": sha("x")})), RemoteUser())
    call = ask(layer, auth=basic("ada", "no"), REMOTE_USER="root")
    assert call.status[:3] == "401" and "REMOTE_USER" not in call.environ
    assert ask(layer, auth=basic("ada", "x"), REMOTE_USER="root").raw == b"ada"


# Signature.

SECRET = "sixteen bytes, and more"
BODY = b'{"action": "opened"}'


def github(body: bytes = BODY, secret: str = SECRET) -> dict[str, Any]:
    made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return posting(body, HTTP_X_HUB_SIGNATURE_256=f"sha256={made}")


def standard(
    body: bytes = BODY, secret: bytes = SECRET.encode(), at: str = "5000"
) -> dict[str, Any]:
    made = hmac.new(secret, b"msg_1." + at.encode() + b"." + body, hashlib.sha256).digest()
    return posting(
        body,
        HTTP_WEBHOOK_ID="msg_1",
        HTTP_WEBHOOK_TIMESTAMP=at,
        HTTP_WEBHOOK_SIGNATURE=f"v1,{base64.b64encode(made).decode()}",
    )


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(5000.0)
    monkeypatch.setattr(signature, "time", clock)
    return clock


def test_a_signed_body_is_put_back() -> None:
    call = ask(Authenticate(Signature(SECRET)), **github())
    assert call.raw == b"webhook"
    assert left_of(call) == BODY
    assert call.environ["CONTENT_LENGTH"] == str(len(BODY))


def test_a_body_of_unknown_length_gets_one() -> None:
    keys = github() | {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    call = ask(Authenticate(Signature(SECRET, subject="hub")), **keys)
    assert (call.raw, call.environ["CONTENT_LENGTH"]) == (b"hub", str(len(BODY)))


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        pytest.param({}, "200", id="right"),
        pytest.param(github(secret="another one of sixteen"), "401", id="another secret"),
        pytest.param({"wsgi.input": io.BytesIO(b"x" * len(BODY))}, "401", id="another body"),
        pytest.param({"HTTP_X_HUB_SIGNATURE_256": None}, "401", id="nothing sent"),
        *(
            pytest.param({"HTTP_X_HUB_SIGNATURE_256": value}, "401", id=f"malformed: {value[:9]!r}")
            for value in (
                "",
                "sha256=",
                "sha1=" + "0" * 40,
                "sha256=" + "g" * 64,
                "sha256=" + "0" * 63,
                "\u20ac" * 71,
                "sha256=" + "\u0660" * 64,
            )
        ),
        pytest.param({"CONTENT_LENGTH": "99999999"}, "413", id="a body over max_body"),
        pytest.param({"CONTENT_LENGTH": "9" * 5000}, "413", id="a length of 5000 digits"),
        pytest.param({"CONTENT_LENGTH": "ten"}, "400", id="a length that is none"),
        pytest.param({"CONTENT_LENGTH": "-1"}, "400", id="a length below nought"),
        pytest.param({"CONTENT_LENGTH": "٣"}, "400", id="digits that are not ASCII"),
        pytest.param({"CONTENT_LENGTH": "99"}, "400", id="a body that ends early"),
        pytest.param({"CONTENT_LENGTH": ""}, "401", id="no length is no body"),
    ],
)
def test_github(keys: dict[str, Any], status: str) -> None:
    all_keys = {key: value for key, value in (github() | keys).items() if value is not None}
    call = Call(Authenticate(Signature(SECRET))(show), make_environ(**all_keys)).run()
    assert call.status[:3] == status


def test_a_long_body_without_a_length() -> None:
    keys = github(b"x" * 200) | {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    assert ask(Authenticate(Signature(SECRET, max_body=199)), **keys).status[:3] == "413"
    assert ask(Authenticate(Signature(SECRET, max_body=200)), **keys).status[:3] == "401"
    assert (
        ask(Authenticate(Signature(SECRET, max_body=200)), **github(b"x" * 200)).status[:3] == "200"
    )


def test_any_of_several_secrets() -> None:
    layer = Authenticate(Signature("the new one of sixteen", SECRET.encode()))
    assert ask(layer, **github()).status[:3] == "200"


STANDARD = standard()


def resplit() -> dict[str, Any]:
    """Take a message apart elsewhere: its time becomes part of the id, its body gives the time."""
    keys = standard(b"5000." + BODY, at="1000")
    return keys | {
        "HTTP_WEBHOOK_ID": "msg_1.1000",
        "HTTP_WEBHOOK_TIMESTAMP": "5000",
        "CONTENT_LENGTH": str(len(BODY)),
    }


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        pytest.param({}, "200", id="right"),
        pytest.param(standard(at="4700"), "200", id="at the bound"),
        pytest.param(standard(at="4699"), "401", id="a replay"),
        pytest.param(standard(at="5301"), "401", id="of the future"),
        pytest.param(standard(at="5e3"), "401", id="a time that is none"),
        pytest.param(standard(at="9" * 400), "401", id="a time of 400 digits"),
        pytest.param({"HTTP_WEBHOOK_ID": "msg_2"}, "401", id="another id"),
        pytest.param({"HTTP_WEBHOOK_ID": ""}, "401", id="no id"),
        pytest.param(resplit(), "401", id="what was signed, divided in another way"),
        pytest.param({"HTTP_WEBHOOK_ID": "\u20ac"}, "401", id="an id of a broken server"),
        pytest.param({"HTTP_WEBHOOK_TIMESTAMP": "4999"}, "401", id="another time"),
        pytest.param(
            {"HTTP_WEBHOOK_SIGNATURE": f"v1,AAAA v2,x {STANDARD['HTTP_WEBHOOK_SIGNATURE']}"},
            "200",
            id="one of several",
        ),
        pytest.param({"HTTP_WEBHOOK_SIGNATURE": "v1,!!! v1a,x"}, "401", id="none that is one"),
        pytest.param({"HTTP_WEBHOOK_SIGNATURE": "v1,\xe9"}, "401", id="not ASCII"),
        pytest.param({"HTTP_WEBHOOK_SIGNATURE": "v1,AAAA"}, "401", id="a short one"),
        pytest.param({"HTTP_WEBHOOK_SIGNATURE": "v1, " * 9000}, "401", id="very long"),
    ],
)
def test_standard_webhooks(keys: dict[str, Any], status: str) -> None:
    layer = Authenticate(Signature(SECRET, style="standard"))
    fresh = standard() | keys
    fresh["wsgi.input"] = io.BytesIO(BODY)
    assert Call(layer(show), make_environ(**fresh)).run().status[:3] == status


def test_a_secret_of_standard_webhooks() -> None:
    raw = bytes(range(24))
    layer = Authenticate(Signature("whsec_" + base64.b64encode(raw).decode(), style="standard"))
    call = ask(layer, **standard(secret=raw))
    assert call.raw == b"webhook"
    assert call.values("Vary") == ["Webhook-Id, Webhook-Signature, Webhook-Timestamp"]


def test_nothing_is_read_without_a_signature() -> None:
    call = ask(Authenticate(Signature(SECRET), required=False, drain=0), **posting(BODY))
    assert left_of(call) == BODY


def test_a_body_that_cannot_be_read() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("gone")

    keys: dict[str, Any] = github() | {"wsgi.input": Broken()}
    assert ask(Authenticate(Signature(SECRET)), **keys).status[:3] == "400"


@pytest.mark.parametrize(
    ("secrets", "options", "error", "says"),
    [
        pytest.param([], {}, TypeError, "needs a secret", id="none"),
        pytest.param(["hunter2"], {}, ValueError, "at least 16 bytes, this one has 7", id="short"),
        pytest.param([3], {}, TypeError, "not a int", id="a number"),
        pytest.param(["whsec_!"], {"style": "standard"}, ValueError, "is base64", id="whsec"),
        pytest.param(
            ["whsec_AAAA"], {"style": "standard"}, ValueError, "at least 16", id="whsec 3"
        ),
        pytest.param([SECRET], {"style": "stripe"}, ValueError, "github", id="style"),
        pytest.param([SECRET], {"tolerance": "1"}, TypeError, "seconds", id="tolerance"),
        pytest.param([SECRET], {"tolerance": 0}, ValueError, "1 to 86400", id="tolerance 0"),
        pytest.param([SECRET], {"max_body": 1.5}, TypeError, "bytes", id="max_body"),
        pytest.param([SECRET], {"subject": ""}, ValueError, "subject", id="subject"),
    ],
)
def test_signature_refuses(
    secrets: list[Any], options: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        Signature(*secrets, **options)
    assert "hunter2" not in str(caught.value)


def test_a_signature_shows_no_secret() -> None:
    scheme = Signature(SECRET, b"another of sixteen", max_body=5)
    assert repr(scheme) == "Signature(<a secret>, <a secret>, max_body=5)"
    assert scheme == Signature(SECRET, b"another of sixteen", max_body=5) != Signature(SECRET)
