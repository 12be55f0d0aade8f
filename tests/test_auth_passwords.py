"""Password hashes: formats, what is refused, and that no stored hash is a password."""

from __future__ import annotations

import base64
import builtins
import hashlib
import subprocess
import sys
from typing import Any

import bcrypt
import passlib.hash
import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type, hash_secret
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.security import check_password_hash, generate_password_hash

from tests.auth_kit import sha
from tests.venvs import ROOT
from wsgimw.auth import hash_password
from wsgimw.auth.passwords import verifier

PASSWORD = "correct hörse"


def ssha(password: str, salt: bytes = b"salty") -> str:
    digest = hashlib.sha1(password.encode() + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def argon2(kind: Type, **costs: int) -> str:
    options: dict[str, Any] = {"time_cost": 1, "memory_cost": 64, "parallelism": 1, "hash_len": 16}
    made = hash_secret(PASSWORD.encode(), b"saltsalt", type=kind, **options | costs)
    return made.decode()


def scrypt(n: int = 16, r: int = 1, p: int = 1) -> str:
    made = hashlib.scrypt(PASSWORD.encode(), salt=b"pepper", n=n, r=r, p=p)
    return f"scrypt:{n}:{r}:{p}$pepper${made.hex()}"


def pbkdf2(rounds: int = 10) -> str:
    made = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"pepper", rounds)
    return f"pbkdf2:sha256:{rounds}$pepper${made.hex()}"


BCRYPT = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
OLD: Any = passlib.hash  # its attributes are made when they are asked for
FORMATS = {
    "{SHA}": sha(PASSWORD),
    "{SSHA}": ssha(PASSWORD),
    "scrypt": scrypt(),
    "werkzeug's scrypt": generate_password_hash(PASSWORD, method="scrypt:1024:8:1"),
    "pbkdf2": pbkdf2(),
    "werkzeug's pbkdf2": generate_password_hash(PASSWORD, method="pbkdf2:sha256:10"),
    "argon2id": argon2(Type.ID),
    "argon2i": argon2(Type.I),
    "$2a$": BCRYPT.replace("$2b$", "$2a$"),
    "$2b$": BCRYPT,
    "$2y$, of htpasswd -B": BCRYPT.replace("$2b$", "$2y$"),
    "$apr1$, of htpasswd -m": OLD.apr_md5_crypt.hash(PASSWORD),
    "$1$": OLD.md5_crypt.hash(PASSWORD),
    "$5$": OLD.sha256_crypt.using(rounds=1000).hash(PASSWORD),
    "$5$ without rounds": OLD.sha256_crypt.using(rounds=5000).hash(PASSWORD),
    "$6$": OLD.sha512_crypt.using(rounds=1000).hash(PASSWORD),
    "DES, of htpasswd -d": OLD.des_crypt.hash(PASSWORD),
}
EACH = pytest.mark.parametrize("stored", [pytest.param(v, id=k) for k, v in FORMATS.items()])


@EACH
def test_the_password_and_no_other(stored: str) -> None:
    verify = verifier(stored)
    assert verify(PASSWORD.encode())
    wrongs = ["", "x", PASSWORD.upper(), f" {PASSWORD}", "correct ho\u0308rse"]
    if len(stored) == 13:  # DES reads eight bytes, here and in Apache
        del wrongs[-1]
    for wrong in wrongs:
        assert not verify(wrong.encode()), wrong


@EACH
def test_the_stored_hash_is_no_password(stored: str) -> None:
    """passlib 1.7.4 lets in who sends the hash; libpass 1.9.4 for argon2, {SSHA}, $1$, yescrypt."""
    assert not verifier(stored)(stored.encode())


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param("", id="empty"),
        pytest.param("hunter2 in the clear", id="plain text"),
        pytest.param("hunter2", id="plain word"),
        pytest.param("{PLAIN}hunter2", id="plain by name"),
        pytest.param("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317", id="yescrypt"),
        pytest.param("{SHA}aHVudGVyMg==", id="SHA of a wrong size"),
        pytest.param("{SHA}!!!!", id="SHA that is no base64"),
        pytest.param(f"{{SSHA}}{'A' * 27}=", id="SSHA without salt"),
        pytest.param("{SSHA}é", id="SSHA beyond ASCII"),
        pytest.param("$2x$04$" + "a" * 53, id="the bad bcrypt"),
        pytest.param(BCRYPT[:-1], id="bcrypt cut short"),
        pytest.param(BCRYPT + "\n", id="bcrypt and a newline"),
        pytest.param(argon2(Type.D), id="argon2d"),
        pytest.param("$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$" + "A" * 22, id="argon2 t=0"),
        pytest.param("$argon2id$v=19$m=7,t=1,p=1$c2FsdHNhbHQ$" + "A" * 22, id="argon2 m=7"),
        pytest.param("scrypt:15:1:1$a$" + "0" * 128, id="scrypt N no power of two"),
        pytest.param("scrypt:16:0:1$a$" + "0" * 128, id="scrypt r=0"),
        pytest.param("scrypt:16:1:1$a$" + "0" * 64, id="scrypt of a wrong size"),
        pytest.param("pbkdf2:sha256:0$a$" + "0" * 64, id="pbkdf2 of nought"),
        pytest.param("pbkdf2:md5:1000$a$" + "0" * 32, id="pbkdf2 of md5"),
        pytest.param("pbkdf2:sha256:\u0661\u0660$a$" + "0" * 64, id="digits that are not ASCII"),
        pytest.param("$2b$03$" + "a" * 53, id="bcrypt of cost 3"),
        pytest.param("$5$rounds=1000$a$!", id="sha-crypt malformed"),
    ],
)
def test_an_unknown_or_malformed_format_is_an_error_that_does_not_show_it(stored: str) -> None:
    with pytest.raises(ValueError) as caught:
        verifier(stored)
    assert not stored or stored not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        pytest.param(
            "$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHQ$" + "A" * 22, "256 MiB", id="argon2 memory"
        ),
        pytest.param(
            "$argon2id$v=19$m=64,t=33,p=1$c2FsdHNhbHQ$" + "A" * 22, "t=33", id="argon2 time"
        ),
        pytest.param(
            "$argon2id$v=19$m=640,t=1,p=17$c2FsdHNhbHQ$" + "A" * 22, "p=17", id="argon2 lanes"
        ),
        pytest.param("$2b$17$" + "a" * 53, "cost 17", id="bcrypt"),
        pytest.param("scrypt:1048576:8:1$a$" + "0" * 128, "1024 MiB", id="scrypt memory"),
        pytest.param("scrypt:16:1:17$a$" + "0" * 128, "p=17", id="scrypt lanes"),
        pytest.param("pbkdf2:sha256:10000001$a$" + "0" * 64, "10000001", id="pbkdf2"),
        pytest.param("$5$rounds=1000001$a$" + "a" * 43, "1000001 rounds", id="sha256-crypt"),
        pytest.param("$6$rounds=1000001$a$" + "a" * 86, "1000001 rounds", id="sha512-crypt"),
    ],
)
def test_costs_that_could_hurt_are_refused(stored: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"{why}.* more than .*hash the password anew"):
        verifier(stored)


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param("$argon2id$v=19$m=262144,t=32,p=16$c2FsdHNhbHQ$" + "A" * 22, id="argon2"),
        pytest.param("$2b$16$" + "a" * 53, id="bcrypt"),
        pytest.param("scrypt:262144:8:16$a$" + "0" * 128, id="scrypt"),
        pytest.param("pbkdf2:sha256:10000000$a$" + "0" * 64, id="pbkdf2"),
        pytest.param("$6$rounds=1000000$a$" + "a" * 86, id="sha-crypt"),
    ],
)
def test_costs_at_the_bound_are_not(stored: str) -> None:
    assert callable(verifier(stored))


def test_more_than_72_bytes_against_bcrypt_are_refused_after_the_same_work() -> None:
    seventy_two = "é" * 36
    verify = verifier(bcrypt.hashpw(seventy_two.encode(), bcrypt.gensalt(4)).decode())
    assert verify(seventy_two.encode())
    assert not verify(f"{seventy_two}!".encode())
    assert not verify((seventy_two * 1000).encode())


def test_hash_password_makes_argon2id() -> None:
    stored = hash_password(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert PasswordHasher().verify(stored, PASSWORD)
    assert verifier(stored)(PASSWORD.encode())


def test_hash_password_without_the_extra_makes_scrypt_that_werkzeug_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "argon2")
    stored = hash_password(PASSWORD)
    assert stored.startswith("scrypt:32768:8:1$")
    assert verifier(stored)(PASSWORD.encode())
    assert check_password_hash(stored, PASSWORD)


@pytest.mark.parametrize("password", ["", "x" * 1025, "a\nb", "a\x7fb"])
def test_hash_password_refuses_what_no_client_can_send(password: str) -> None:
    with pytest.raises(ValueError, match="password"):
        hash_password(password)


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make a package look as if it were not installed."""
    real = builtins.__import__

    def importing(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(f"No module named {package!r}", name=package)
        return real(name, *args, **options)

    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", importing)


@pytest.mark.parametrize(
    ("package", "stored", "extra"),
    [
        pytest.param("argon2", argon2(Type.ID), "passwords", id="argon2"),
        pytest.param("bcrypt", BCRYPT, "passwords", id="bcrypt"),
        pytest.param("passlib", FORMATS["$1$"], "htpasswd-legacy", id="legacy"),
    ],
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, package: str, stored: str, extra: str
) -> None:
    without(monkeypatch, package)
    with pytest.raises(ImportError, match=rf'needs {package}: pip install "wsgimw\[{extra}\]"'):
        verifier(stored)
    assert verifier(sha(PASSWORD))(PASSWORD.encode())


def test_the_formats_that_need_nothing_import_nothing() -> None:
    """Werkzeug's module costs 165 ms."""
    code = (
        "import sys\nfrom wsgimw.auth.passwords import verifier\n"
        f"assert verifier({scrypt()!r})({PASSWORD!r}.encode())\n"
        f"assert verifier({pbkdf2()!r})({PASSWORD!r}.encode())\n"
        "names = ('werkzeug', 'argon2', 'bcrypt', 'passlib')\n"
        "print(*[name for name in names if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    st.text(max_size=200) | st.sampled_from(sorted(FORMATS.values())).map(lambda s: s[:-1] + "$")
)
def test_no_text_is_anything_but_a_hash_or_a_value_error(stored: str) -> None:
    """Whatever a table holds: a verifier, or ValueError."""
    try:
        verify = verifier(stored)
    except ValueError:
        return
    assert not verify(stored.encode("utf-8", "surrogatepass"))
