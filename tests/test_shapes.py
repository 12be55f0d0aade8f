"""Secrets told by their shape."""

from __future__ import annotations

import pytest

from wsgimw.shapes import mask_shapes

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nabc=\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param("Bearer abcd.efgh", "Bearer [redacted 9 chars]", id="Bearer"),
        pytest.param("bearer  s3cr3t!", "bearer  [redacted 6 chars]!", id="bearer, small"),
        pytest.param("Basic dXNlcjpwYXNz", "Basic [redacted 12 chars]", id="Basic"),
        pytest.param(f"<{JWT}>", f"<[redacted {len(JWT)} chars]>", id="JWT"),
        pytest.param("eyJhbGciOi.eyJzdWIi", "[redacted 19 chars]", id="JWT without signature"),
        pytest.param("id AKIAIOSFODNN7EXAMPLE.", "id [redacted 20 chars].", id="AWS"),
        pytest.param("pg://u:p%40w@db/x", "pg://[redacted 7 chars]@db/x", id="user and password"),
        pytest.param("https://ghp_x1@host", "https://[redacted 6 chars]@host", id="user"),
        pytest.param("/a?token=abc&b=1", "/a?token=[redacted 3 chars]&b=1", id="parameter"),
        pytest.param("a=b; sid=s3", "a=b; sid=[redacted 2 chars]", id="cookie"),
        pytest.param('("A", "sid=s3")', '("A", "sid=[redacted 2 chars]")', id="pair"),
        pytest.param("password = 'hunter2'", "password = '[redacted 7 chars]'", id="source"),
        pytest.param('KEY: str = "ab"', 'KEY: str = "[redacted 2 chars]"', id="annotated"),
        pytest.param("{'pin': 'x', 'a': ''}", "{'pin': '[redacted 1 chars]', 'a': ''}", id="dict"),
        pytest.param('h["Auth"] = "x y"', 'h["Auth"] = "[redacted 3 chars]"', id="item"),
        pytest.param("f(pin=b'x', a='y')", "f(pin=b'[redacted 1 chars]', a='y')", id="argument"),
        pytest.param("if token == 'abc':", "if token == '[redacted 3 chars]':", id="comparison"),
        pytest.param(r"pwd='a\'b' x", "pwd='[redacted 4 chars]' x", id="escaped quote"),
        pytest.param("pwd='abc", "pwd='[redacted 3 chars]", id="never closed"),
        pytest.param("pwd='''a\nb''' x", "pwd='''[redacted 3 chars]''' x", id="three quotes"),
        pytest.param('pwd="""a"b""" x', 'pwd="""[redacted 3 chars]""" x', id="three double"),
    ],
)  # fmt: skip
def test_masked(text: str, masked: str) -> None:
    assert mask_shapes(text) == masked
    assert mask_shapes(f"in a (text {text}") == f"in a (text {masked}"


def test_pem_whole_and_cut() -> None:
    assert "MIIB" not in mask_shapes(PEM)
    assert mask_shapes(PEM).startswith("-----BEGIN RSA PRIVATE KEY-----[redacted ")
    assert mask_shapes(PEM + " after").endswith("-----END RSA PRIVATE KEY----- after")
    assert "MIIB" not in mask_shapes(PEM[:45])
    assert "abc" not in mask_shapes(PEM[34:])
    assert "MIIB" not in mask_shapes(PEM.replace("\n", "\\n"))


@pytest.mark.parametrize(
    "text",
    [
        "basic authentication failed",
        "the bearer token is missing",
        "Bearer realm",
        "password = os.environ['PW']",
        "keyword='x'",
        "author: 'x'",
        "monkey = 'y'",
        "KeyError: 'x'",
        "sessions.TokenException: 'x'",
        "lambda x: 'y'",
        "def f(password: str, user='ada')",
        "f({'password': x}, a='b')",
        "https://example.org/a@b",
        "?page=2&q=1",
        "f(a, password=secret)",
        "1:2 '3' = \"4\"",
        "password=''",
        "-----",
        "",
        "MAKIABC",
        "eyJ.",
    ],
)
def test_left_alone(text: str) -> None:
    assert mask_shapes(text) == text


@pytest.mark.parametrize(
    "piece",
    ["a", "-", "eyJ-", "='", "password='", "://", "://a@", "?a=", "-----BEGIN A-----", "-----END ",
     "Bearer ", "AKIA", "token ='\\", "x:", "::'", "secret", "a.", "x=", "'''", '"""=', "pwd='''"],
)  # fmt: skip
def test_half_a_megabyte_comes_back(piece: str) -> None:
    """A pattern that is not linear would not: pytest's watchdog ends the run."""
    text = (piece * (524_288 // len(piece) + 1))[:524_288]
    assert mask_shapes(text)
