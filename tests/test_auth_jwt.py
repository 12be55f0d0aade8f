"""JWT: what is accepted, and every way in which others were fooled."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pickle
import warnings
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt as jose
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from tests.auth_kit import Clock, ask
from tests.test_auth_passwords import without
from wsgimw.auth import ANY, JWT, APIKey, Authenticate, Bearer, Identity, jwt, key_sets, verified
from wsgimw.auth.jwt_claims import read_object, split

NOW = 1_800_000_000.0
RSA = RSAKey.generate_key(2048)
OTHER = RSAKey.generate_key(2048)
with warnings.catch_warnings(action="ignore"):
    SHORT = RSAKey.generate_key(1024)
EC = ECKey.generate_key("P-256")
EC384 = ECKey.generate_key("P-384")
ED = OKPKey.generate_key("Ed25519")
SECRET = bytes(range(32))
OCT = OctKey.import_key(SECRET)
PEM = RSA.as_pem(private=False).decode()
CLAIMS = {"sub": "ada", "iss": "https://id.example", "aud": "api", "exp": NOW + 600}


@pytest.fixture(autouse=True)
def wall(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(NOW)
    monkeypatch.setattr(jwt, "time", clock)
    return clock


def verifier(keys: Any = PEM, **options: Any) -> JWT:
    defaults = {"algorithms": ["RS256"], "issuer": "https://id.example", "audience": "api"}
    return JWT(keys, **defaults | options)


def b64(data: bytes | str) -> str:
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: Any, claims: Any, key: Any = RSA) -> str:
    """Sign whatever it is, by hand, so that no library may object."""
    text = ".".join(
        b64(part if isinstance(part, str) else json.dumps(part)) for part in (header, claims)
    )
    if isinstance(key, bytes):
        return f"{text}.{b64(hmac.new(key, text.encode(), hashlib.sha256).digest())}"
    from joserfc.jws import JWSRegistry

    alg = {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519", "oct": "HS256"}[key.key_type]
    return f"{text}.{b64(JWSRegistry.algorithms[alg].sign(text.encode(), key))}"


def token(header: dict[str, Any] | None = None, key: Any = RSA, **claims: Any) -> str:
    merged = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return signed({"alg": "RS256"} | (header or {}), merged, key)


def test_a_token_of_joserfc() -> None:
    claims = CLAIMS | {"roles": ["a"], "scope": "read write", "email": "a@example.org"}
    found = verifier().verify(jose.encode({"alg": "RS256", "typ": "JWT"}, claims, RSA))
    assert found == Identity(
        "ada",
        roles=frozenset({"a"}),
        scopes=frozenset({"read", "write"}),
        claims=claims,
        expires=NOW + 600,
    )


@pytest.mark.parametrize(
    ("keys", "algorithms", "signing", "alg"),
    [
        pytest.param(SECRET, ["HS256"], OCT, "HS256", id="a secret"),
        pytest.param(PEM, ["RS256"], RSA, "RS256", id="a PEM"),
        pytest.param(PEM, ["PS256", "RS256"], RSA, "PS256", id="PS256"),
        pytest.param(RSA.as_pem(private=True).decode(), ["RS256"], RSA, "RS256", id="private PEM"),
        pytest.param(EC.as_pem(private=False).decode(), ["ES256"], EC, "ES256", id="ES256"),
        pytest.param(EC384.as_dict(private=False), ["ES384"], EC384, "ES384", id="ES384"),
        pytest.param(ED.as_dict(private=False), ["EdDSA"], ED, "EdDSA", id="EdDSA"),
        pytest.param(ED.as_pem(private=False).decode(), ["Ed25519"], ED, "Ed25519", id="Ed25519"),
        pytest.param(OCT.as_dict(), ["HS256"], OCT, "HS256", id="a secret as a JWK"),
        pytest.param(
            KeySet([RSA, EC]).as_dict(private=False), ["RS256", "ES256"], EC, "ES256", id="a set"
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_families(keys: Any, algorithms: list[str], signing: Any, alg: str) -> None:
    text = jose.encode({"alg": alg}, CLAIMS, signing, algorithms=[alg])
    checked = verifier(keys, algorithms=algorithms)
    assert checked.verify(text)
    head, _, mark = text.rpartition(".")
    assert checked.verify(f"{head}.{'A' if mark[0] != 'A' else 'B'}{mark[1:]}") is None


PUBLIC = {
    "PEM": RSA.as_pem(private=False),
    "PEM without its last newline": RSA.as_pem(private=False).strip(),
    "DER": RSA.as_der(private=False),
    "JWK": json.dumps(RSA.as_dict(private=False)).encode(),
    "base64": base64.b64encode(RSA.as_der(private=False)),
    "empty": b"",
}
ATTACKS = {
    "CVE-2015-9235: alg none": lambda: signed({"alg": "none"}, CLAIMS, b"")[: -len("x" * 43)],
    "none with a signature": lambda: signed({"alg": "none"}, CLAIMS, b"x"),
    "None in another case": lambda: signed({"alg": "nOnE"}, CLAIMS, b"x"),
    **{
        f"CVE-2016-10555, 2017-11424, 2022-29217, 2026-48526: HS with the public key as {name}": (
            partial(signed, {"alg": "HS256"}, CLAIMS, key)
        )
        for name, key in PUBLIC.items()
    },
    "CVE-2026-22817 (Hono): the alg of the token": lambda: token({"alg": "PS256"}),
    "CVE-2026-22818 (Hono): the alg of the key": lambda: signed({"alg": "ES256"}, CLAIMS, EC),
    "CVE-2025-62610 (Hono): another audience": lambda: token(aud="other"),
    "CVE-2025-59420: crit": lambda: token({"crit": ["exp"]}),
    "CVE-2026-32597: an unknown crit": lambda: token({"crit": ["x"], "x": 1}),
    "an empty crit": lambda: token({"crit": []}),
    "b64 false": lambda: token({"b64": False}),
    "b64 true": lambda: token({"b64": True}),
    "CVE-2026-27962: an embedded jwk": lambda: token({"jwk": OTHER.as_dict(private=False)}, OTHER),
    "jku": lambda: token({"jku": "https://evil.example/jwks"}, OTHER),
    "x5u": lambda: token({"x5u": "https://evil.example/x"}, OTHER),
    "x5c": lambda: token({"x5c": ["MIIB"]}, OTHER),
    "GHSA-75c5-xw7c-p5pm: a partial iss": lambda: token(iss="https://id.example.evil"),
    "iss with a slash": lambda: token(iss="https://id.example/"),
    "iss cut short": lambda: token(iss="https://id"),
    "iss in capitals": lambda: token(iss="https://ID.example"),
    "iss a list": lambda: token(iss=["https://id.example"]),
    "no iss": lambda: token(iss=None),
    "aud cut short": lambda: token(aud="ap"),
    "aud a list of others": lambda: token(aud=["x", "y"]),
    "aud an object": lambda: token(aud={"api": 1}),
    "aud a number": lambda: token(aud=1),
    "no aud": lambda: token(aud=None),
    "GHSA-jq35-7prp-9v3f: a key of another kind": lambda: signed({"alg": "RS256"}, CLAIMS, EC),
    "another key": lambda: token(key=OTHER),
    "CVE-2025-61920: very long": lambda: token(x="y" * 9000),
    "no exp": lambda: token(exp=None),
    "exp past": lambda: token(exp=NOW - 31),
    "exp as str": lambda: token(exp=str(NOW + 600)),
    "exp true": lambda: token(exp=True),
    "exp null": lambda: signed({"alg": "RS256"}, CLAIMS | {"exp": None}),
    "exp NaN": lambda: signed({"alg": "RS256"}, json.dumps(CLAIMS | {"exp": float("nan")})),
    "exp Infinity": lambda: signed({"alg": "RS256"}, json.dumps(CLAIMS | {"exp": float("inf")})),
    "exp 1e400": lambda: signed(
        {"alg": "RS256"}, json.dumps(CLAIMS).replace("1800000600.0", "1e400")
    ),
    "exp 5000 digits": lambda: signed(
        {"alg": "RS256"}, json.dumps(CLAIMS).replace("1800000600.0", "9" * 5000)
    ),
    "exp a list": lambda: token(exp=[NOW + 600]),
    "exp below nought": lambda: token(exp=-1),
    "nbf of the future": lambda: token(nbf=NOW + 31),
    "nbf as str": lambda: token(nbf="0"),
    "iat of the future": lambda: token(iat=NOW + 31),
    "iat false": lambda: token(iat=False),
    "typ of an id token": lambda: token({"typ": "logout+jwt"}),
    "typ a number": lambda: token({"typ": 1}),
    "typ null": lambda: token({"typ": None}),
    "no sub": lambda: token(sub=None),
    "sub a number": lambda: token(sub=7),
    "sub empty": lambda: token(sub=""),
    "sub with a newline": lambda: token(sub="a\nb"),
    "sub of 257 characters": lambda: token(sub="x" * 257),
    "sub a lone surrogate": lambda: signed(
        {"alg": "RS256"}, json.dumps(CLAIMS | {"sub": "\ud800"})
    ),
    "kid a number": lambda: token({"kid": 1}),
    "kid a list": lambda: token({"kid": ["a"]}),
    "kid an object": lambda: token({"kid": {}}),
    "kid null": lambda: token({"kid": None}),
    "alg a list": lambda: token({"alg": ["RS256"]}),
    "alg null": lambda: token({"alg": None}),
    "alg in small letters": lambda: token({"alg": "rs256"}),
    "a name twice in the claims": lambda: signed(
        {"alg": "RS256"}, json.dumps(CLAIMS)[:-1] + ', "sub": "root"}'
    ),
    "a name twice in the header": lambda: signed('{"alg": "RS256", "alg": "RS256"}', CLAIMS),
    "claims that are a list": lambda: signed({"alg": "RS256"}, [CLAIMS]),
    "claims that are text": lambda: signed({"alg": "RS256"}, '"ada"'),
    "claims that are no JSON": lambda: signed({"alg": "RS256"}, "ada"),
    "claims with a BOM": lambda: signed({"alg": "RS256"}, "\ufeff" + json.dumps(CLAIMS)),
    "claims nested deeply": lambda: signed({"alg": "RS256"}, "[" * 5500),
    "a header nested deeply": lambda: f"{b64('[' * 5000)}.e30.AA",
    "a header that is a list": lambda: signed([], CLAIMS),
    "two parts": lambda: token().rpartition(".")[0],
    "four parts": lambda: f"{token()}.AA",
    "five parts": lambda: f"{token()}.AA.AA",
    "an empty signature": lambda: token().rpartition(".")[0] + ".",
    "padding": lambda: f"{token()}==",
    "a part of one character": lambda: f"{token().rpartition('.')[0]}.A",
    "standard base64": lambda: token().replace("-", "+").replace("_", "/") + "+",
    "empty": lambda: "",
    "dots": lambda: "..",
    "junk": lambda: "hello",
}


@pytest.mark.parametrize("make", [pytest.param(v, id=k) for k, v in ATTACKS.items()])
def test_attacks(make: Any) -> None:
    text = make()
    assert verifier().verify(text) is None
    answer = ask(Authenticate(Bearer(verifier())), auth=f"Bearer {text}")
    assert answer.status[:3] in ("401", "400")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param('{"a": 1, "b": -2}', {"a": 1, "b": -2}, id="numbers"),
        pytest.param('{"a": 999999999999999999}', {"a": 999999999999999999}, id="18 digits"),
        pytest.param('{"a": -99999999999999999}', {"a": -99999999999999999}, id="and a sign"),
        pytest.param('{"a": 1000000000000000000}', None, id="19 digits"),
        pytest.param('{"a": 1.5e3}', {"a": 1500.0}, id="a fraction"),
        pytest.param('{"a": 1e309}', None, id="beyond a float"),
        pytest.param('{"a": -Infinity}', None, id="-Infinity"),
        pytest.param('{"a": {"b": [true, null]}}', {"a": {"b": [True, None]}}, id="nested"),
        pytest.param('{"a": {"b": 1, "b": 1}}', None, id="twice, deep inside"),
        pytest.param('{"a": ' + "[" * 90 + "]" * 90 + "}", dict, id="90 deep"),
        pytest.param('{"a": ' + "[" * 99999 + "]" * 99999 + "}", None, id="99999 deep"),
        pytest.param(b'{"a": "\xff"}', None, id="not UTF-8"),
        pytest.param('{"a": 1} x', None, id="more behind it"),
        pytest.param("null", None, id="null"),
        pytest.param("", None, id="empty"),
    ],
)
def test_json_is_read_strictly(text: str | bytes, wanted: Any) -> None:
    found = read_object(text if isinstance(text, bytes) else text.encode())
    assert found == wanted or (wanted is dict and isinstance(found, dict))


@pytest.mark.parametrize(
    "text",
    [
        "e30.e30",
        "e30.e.AA",
        "e30.e30.A",
        "e.e30.AA",
        "e30.e30.AA.",
        "e30..AA",
        "e30.e30.A=",
        "W10.e30.AA",
    ],
)
def test_what_is_no_token(text: str) -> None:
    assert split(text) is None


def test_a_token_taken_apart() -> None:
    parts = split("eyJhIjoxfQ.eyJiIjoyfQ._-8")
    assert parts == ({"a": 1}, b'{"b":2}', b"\xff\xef", b"eyJhIjoxfQ.eyJiIjoyfQ")


@pytest.mark.parametrize("moment", [int, float])
def test_times_are_whole_numbers_or_fractions(moment: Any) -> None:
    times = {"exp": moment(NOW + 60), "nbf": moment(NOW), "iat": moment(NOW)}
    found = verifier().verify(token(**times))
    assert found is not None and found.expires == NOW + 60
    for late in ({"exp": moment(NOW - 60)}, {"nbf": moment(NOW + 60)}, {"iat": moment(NOW + 60)}):
        assert verifier().verify(token(**times | late)) is None


def test_the_leeway_to_the_second() -> None:
    strict = verifier(leeway=0)
    assert strict.verify(token(exp=NOW)) is None
    assert strict.verify(token(exp=NOW + 1, nbf=NOW, iat=NOW))
    assert strict.verify(token(nbf=NOW + 1)) is None


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        pytest.param({}, {}, id="plain"),
        pytest.param({"typ": "jwt"}, {}, id="typ in another case"),
        pytest.param({"typ": "application/at+JWT"}, {}, id="typ with application/"),
        pytest.param({"jku": "https://x", "x5c": [], "jwk": {}}, {}, id="hints are ignored"),
        pytest.param({"kid": "../../etc/passwd"}, {}, id="kid a path, and one key"),
        pytest.param({}, {"exp": NOW - 29}, id="within the leeway"),
        pytest.param({}, {"exp": NOW + 0.5}, id="a fraction"),
        pytest.param({}, {"nbf": NOW + 29, "iat": NOW + 29}, id="clocks that differ"),
        pytest.param({}, {"aud": ["x", "api"]}, id="one of several audiences"),
        pytest.param({}, {"sub": "Zoë"}, id="a subject beyond ASCII"),
        pytest.param({}, {"roles": "admin", "scp": 7}, id="roles of a wrong type are none"),
    ],
)
def test_what_is_accepted(header: dict[str, Any], claims: dict[str, Any]) -> None:
    found = verifier().verify(token(header, **claims))
    assert found is not None
    assert not found.roles and not found.scopes


@pytest.mark.parametrize(
    ("claims", "roles", "scopes"),
    [
        pytest.param({"roles": ["a", 1, "b"]}, {"a", "b"}, set(), id="roles"),
        pytest.param({"scope": "a  b"}, set(), {"a", "b"}, id="scope"),
        pytest.param({"scp": ["a", "b"]}, set(), {"a", "b"}, id="scp"),
        pytest.param({"scp": "a b"}, set(), {"a", "b"}, id="scp as text"),
        pytest.param({"scope": "a", "scp": ["b"]}, set(), {"a"}, id="scope comes first"),
    ],
)
def test_roles_and_scopes(claims: dict[str, Any], roles: set[str], scopes: set[str]) -> None:
    found = verifier().verify(token(**claims))
    assert found and set(found.roles) == roles and set(found.scopes) == scopes


def test_any_is_no_check() -> None:
    checked = verifier(issuer=ANY, audience=ANY)
    assert checked.verify(token(iss=None, aud=None))
    assert checked.verify(token(iss=["x"])) is None
    assert repr(checked) == "JWT(<keys>, algorithms=('RS256',), issuer=ANY, audience=ANY)"
    assert pickle.loads(pickle.dumps(ANY)) is ANY


def test_several_issuers_and_audiences() -> None:
    checked = verifier(issuer=["a", "b"], audience={"x", "y"})
    assert checked.verify(token(iss="b", aud="y"))
    assert checked.verify(token(iss="c", aud="y")) is None


def one_of(*keys: Any, **more: Any) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) | more for key in keys]}


@pytest.mark.parametrize(
    ("keys", "kid", "accepted"),
    [
        pytest.param(one_of(RSA, kid="a"), "a", True, id="the kid"),
        pytest.param(one_of(RSA, kid="a"), "b", False, id="another kid"),
        pytest.param(one_of(RSA, kid="a"), None, True, id="no kid, one key"),
        pytest.param(one_of(RSA, OTHER), None, False, id="no kid, two keys"),
        pytest.param(one_of(RSA, EC, kid="a"), "a", True, id="one kid, another kind beside it"),
        pytest.param(one_of(RSA, OTHER, kid="a"), "a", False, id="one kid, two keys"),
        pytest.param(
            {
                "keys": [
                    *one_of(RSA, kid="a", alg="RS256")["keys"],
                    *one_of(OTHER, kid="b", use="enc")["keys"],
                ]
            },
            None,
            True,
            id="use enc is ignored",
        ),
        pytest.param(
            one_of(RSA) | {"keys": [{"kty": "x"}, 3, *one_of(RSA, kid="a")["keys"]]},
            "a",
            True,
            id="others are skipped",
        ),
        pytest.param(RSA.as_dict(private=False) | {"kid": "a"}, "b", False, id="a JWK with a kid"),
        pytest.param(
            {k: v for k, v in RSA.as_dict(private=False).items() if k != "kid"},
            "b",
            True,
            id="a JWK without",
        ),
    ],
)
def test_kid_is_a_key_into_a_dictionary(keys: Any, kid: str | None, accepted: bool) -> None:
    text = token({} if kid is None else {"kid": kid})
    checked = verifier(keys, algorithms=["RS256", "ES256"])
    assert bool(checked.verify(text)) is accepted


@pytest.mark.parametrize(
    ("keys", "options", "error", "says"),
    [
        pytest.param(PEM, {"algorithms": None}, TypeError, "algorithms=", id="no algorithms"),
        pytest.param(PEM, {"algorithms": "RS256"}, TypeError, "algorithms=", id="a bare str"),
        pytest.param(PEM, {"algorithms": []}, ValueError, "is empty", id="none of them"),
        pytest.param(PEM, {"algorithms": ["none"]}, ValueError, "none is not", id="none"),
        pytest.param(
            PEM, {"algorithms": ["RS256", "HS256"]}, ValueError, "never stands", id="HS, RS"
        ),
        pytest.param(
            b"hunter2" * 4, {"algorithms": ["HS256"]}, ValueError, "this one has 28", id="28"
        ),
        pytest.param(SECRET, {}, ValueError, "are a secret", id="bytes for RS256"),
        pytest.param(PEM, {"algorithms": ["HS256"]}, ValueError, "no key for", id="PEM for HS256"),
        pytest.param(
            PEM.encode(), {"algorithms": ["HS256"]}, ValueError, "everybody", id="PEM bytes"
        ),
        pytest.param("hunter2", {}, ValueError, "no PEM", id="text"),
        pytest.param(PEM.replace("MII", "XXX"), {}, ValueError, "no key for", id="a broken PEM"),
        pytest.param(PEM, {"algorithms": ["ES256"]}, ValueError, "no key for", id="RSA for ES256"),
        pytest.param(SHORT.as_pem(private=False).decode(), {}, ValueError, "2048", id="1024 bits"),
        pytest.param(one_of(SHORT), {}, ValueError, "none of the keys", id="1024 bits in a set"),
        pytest.param(one_of(RSA, use="enc"), {}, ValueError, "none of the keys", id="enc"),
        pytest.param(one_of(RSA, key_ops=["sign"]), {}, ValueError, "none of", id="key_ops"),
        pytest.param(one_of(RSA, alg="PS256"), {}, ValueError, "none of the keys", id="PS256"),
        pytest.param(one_of(RSA, kid=3), {}, ValueError, "none of the keys", id="kid 3"),
        pytest.param(
            {"kty": "oct", "k": "c2hvcnQ"}, {"algorithms": ["HS256"]}, ValueError, "none", id="oct"
        ),
        pytest.param({"keys": {}}, {}, ValueError, "list under keys", id="keys no list"),
        pytest.param(3, {}, TypeError, "keys of type int", id="a number"),
        pytest.param(PEM, {"issuer": 3}, TypeError, "it is a str", id="issuer"),
        pytest.param(PEM, {"issuer": []}, ValueError, "no check is ANY", id="no issuer"),
        pytest.param(PEM, {"audience": ""}, ValueError, "no check is ANY", id="empty audience"),
        pytest.param(PEM, {"leeway": "1"}, TypeError, "seconds", id="leeway"),
        pytest.param(PEM, {"leeway": 601}, ValueError, "0 to 600", id="leeway 601"),
        pytest.param(PEM, {"types": "JWT"}, TypeError, "collection", id="types"),
        pytest.param(PEM, {"cache": 0}, ValueError, "1 to 600", id="cache"),
    ],
)
def test_options_that_make_no_sense(
    keys: Any, options: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        verifier(keys, **options)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("missing", ["algorithms", "issuer", "audience"])
def test_what_has_no_default(missing: str) -> None:
    options: dict[str, Any] = {"algorithms": ["RS256"], "issuer": ANY, "audience": ANY}
    del options[missing]
    with pytest.raises(TypeError, match=f"needs {missing}"):
        JWT(PEM, **options)
    with pytest.raises(TypeError, match="keyword-only") as caught:
        JWT("x", "hunter2", **options)  # type: ignore[call-arg]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("keys", [SECRET, PEM, RSA.as_dict(private=False)])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, keys: Any) -> None:
    without(monkeypatch, "joserfc")
    algorithms = ["HS256"] if isinstance(keys, bytes) else ["RS256"]
    with pytest.raises(ImportError, match=r'needs joserfc: pip install "wsgimw\[jwt\]"'):
        verifier(keys, algorithms=algorithms)


@pytest.mark.parametrize(
    "unfit",
    [
        pytest.param({"key_ops": ["encrypt"]}, id="not for verifying"),
        pytest.param({"use": "enc"}, id="for encryption"),
        pytest.param({"kid": 7}, id="an id that is no text"),
        pytest.param({"alg": ["RS256"]}, id="an algorithm that is no text"),
        pytest.param({"kty": "EC"}, id="of another kind than its members"),
        pytest.param({"n": "AQAB"}, id="a modulus of 17 bits"),
        pytest.param(SHORT.as_dict(private=False), id="1024 bits"),
        pytest.param({"kty": "oct", "k": b64(bytes(32))}, id="a published secret"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # joserfc warns of the short one
def test_unfit_keys_are_left_out_of_a_set(unfit: dict[str, Any]) -> None:
    good = RSA.as_dict(private=False)
    found = key_sets.read_set({"keys": [good | unfit, good | {"kid": "good"}]})
    assert [key.kid for key in found] == ["good"]


def test_a_short_secret_in_a_set_is_left_out() -> None:
    keys = [{"kty": "oct", "k": b64(bytes(size)), "kid": str(size)} for size in (31, 32)]
    found = key_sets.read_set({"keys": keys}, secrets=True)
    assert [key.kid for key in found] == ["32"]


@pytest.mark.filterwarnings("ignore")
def test_a_pem_that_does_not_fit() -> None:
    for pem, algorithm in ((SHORT.as_pem(private=False).decode(), "RS256"), (PEM, "ES256")):
        with pytest.raises(ValueError, match="the PEM holds no key for these algorithms"):
            key_sets.read_keys(pem, (algorithm,))


def test_a_key_that_says_another_kind_is_not_used() -> None:
    assert key_sets._checked(RSA, "EC", None, None) is None


@pytest.mark.parametrize("keys", [SECRET, PEM, RSA.as_dict(private=False)])
def test_keys_without_their_extra(monkeypatch: pytest.MonkeyPatch, keys: Any) -> None:
    without(monkeypatch, "joserfc")
    algorithm = "HS256" if isinstance(keys, bytes) else "RS256"
    with pytest.raises(ImportError, match=r'needs joserfc: pip install "wsgimw\[jwt\]"'):
        key_sets.read_keys(keys, (algorithm,))


def test_it_shows_no_key() -> None:
    checked = verifier(SECRET, algorithms=["HS256"])
    assert repr(checked).startswith("JWT(<keys>, algorithms=('HS256',)")
    assert (
        checked
        == verifier(SECRET, algorithms=["HS256"])
        != verifier(bytes(32), algorithms=["HS256"])
    )


# The cache.


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(jwt, "monotonic", clock)
    monkeypatch.setattr(verified, "monotonic", clock)
    return clock


def counted(checked: JWT, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    real = JWT._proven

    def proven(self: JWT, text: str) -> Any:
        made.append(text)
        return real(self, text)

    monkeypatch.setattr(JWT, "_proven", proven)
    return made


def test_a_token_is_remembered_until_it_expires(
    clock: Clock, wall: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = verifier()
    made = counted(checked, monkeypatch)
    layer = Authenticate(Bearer(checked))
    text = token(exp=NOW + 50)
    for age, count in ((0, 1), (49, 1), (2, 2), (1, 3)):
        clock.now += age
        wall.now += age
        assert ask(layer, auth=f"Bearer {text}").status[:3] == "200"
        assert len(made) == count
    wall.now += 60
    assert ask(layer, auth=f"Bearer {text}").status[:3] == "401"


def test_no_longer_than_the_cache(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = verifier(cache=60)
    made = counted(checked, monkeypatch)
    for age, count in ((0, 1), (59, 1), (2, 2)):
        clock.now += age
        assert ask(Authenticate(Bearer(checked)), auth=f"Bearer {token()}").status[:3] == "200"
        assert len(made) == count


def test_without_a_cache_and_of_failures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = verifier(cache=None)
    made = counted(checked, monkeypatch)
    for text in (token(), token(), token(aud="x"), token(aud="x")):
        ask(Authenticate(Bearer(checked)), auth=f"Bearer {text}")
    assert len(made) == 4
    assert not checked._verified.entries


def test_two_schemes_with_one_verifier_are_kept_apart() -> None:
    checked = verifier()
    layer = Authenticate(Bearer(checked), APIKey(checked))
    for _ in range(2):
        assert ask(layer, auth=f"Bearer {token()}").environ["AUTH_TYPE"] == "Bearer"
        call = ask(layer, HTTP_X_API_KEY=token())
        assert call.environ["AUTH_TYPE"] == call.environ["wsgimw.identity"].scheme == "ApiKey"


@pytest.mark.parametrize("between", ["\t", ",", '"', "=", "/", ""])
def test_what_is_malformed_stays_so_when_its_token_is_remembered(between: str) -> None:
    layer = Authenticate(Bearer(verifier()))
    assert ask(layer, auth=f"Bearer {token()}").status[:3] == "200"
    assert ask(layer, auth=f"bearer {token()}").status[:3] == "200"
    assert ask(layer, auth=f"Bearer{between}{token()}").status[:3] in ("400", "401")


def test_events_are_of_what_was_verified_alone() -> None:
    events: list[Any] = []
    layer = Authenticate(Bearer(verifier()), on_event=events.append)
    reasons = [
        ask(layer, auth=f"Bearer {token()}").environ["wsgimw.record"].reasons for _ in range(2)
    ]
    assert reasons == [["auth:bearer:verified"], ["auth:bearer:cached"]]
    assert [event.kind for event in events] == ["granted"]


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(st.characters(max_codepoint=0x2FF), max_size=60), st.binary(max_size=40))
def test_no_token_raises(text: str, data: bytes) -> None:
    """Whatever comes: an identity that was signed for, or None."""
    checked = verifier()
    for attempt in (text, f"{b64(data)}.{b64(data)}.{b64(data)}", f"{text}.{b64(data)}.AA"):
        assert checked.verify(attempt) is None
        split(attempt)
