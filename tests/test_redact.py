"""Which names are secret, and what is shown instead."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgimw.redact import (
    REDACTED,
    is_secret,
    mask_query,
    mask_url,
    of_the_process,
    secret_names,
    words,
)

P = pytest.param


SECRET = """
    pass key apikey auth sig sid pin otp pwd dsn api_key apiKey X-Api-Key user_token API_KEY APIKEY
    userPass user.pwd db-dsn password passwd passphrase my_passwords secret clientSecret SECRETS
    token accessToken refreshtoken credential AWSCredentials signature X-Amz-Signature session
    JSESSIONID PHPSESSION cookie HTTP_COOKIE Set-Cookie csrf csrfmiddlewaretoken jwt myjwt 2_otp
    authorization Authorization Proxy-Authorization HTTP_AUTHORIZATION user[password]
"""
HARMLESS = """
    a keyword monkey author passenger compass design opinion signal sidebar authority option spin
    host X-Forwarded-For __ \xe9
"""


@pytest.mark.parametrize("name", SECRET.split())
def test_secret(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["", *HARMLESS.split()])
def test_not_secret(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        P("X-Api-Key", ["x", "api", "key"], id="dashes"),
        P("userTokenId", ["user", "token", "id"], id="camel case"),
        P("a1B", ["a1b"], id="a digit is no small letter"),
        P("HTTPKey", ["httpkey"], id="a run of capitals"),
        P("é_É", ["é", "é"], id="case-free"),
        P(" .[]", [], id="nothing"),
    ],
)
def test_words(name: str, split: list[str]) -> None:
    assert words(name) == split


@pytest.mark.parametrize(
    ("more", "name", "secret"),
    [
        P(["iban"], "user_IBAN", True, id="as a word"),
        P(["iban"], "ibanez", False, id="not as a part"),
        P(["customer_id"], "customer_id", True, id="whole"),
        P(["customer_id"], "customerid", False, id="whole, run together"),
        P(["customer_id"], "customerId", True, id="whole, camel case"),
        P(["customer_id"], "X-Customer-Id", False, id="not within"),
        P(["--"], "--", True, id="no words"),
        P(["iban"], "token", True, id="the built-in ones stay"),
        P([], "token", True, id="none more"),
        P(["iban"], "x" * 300 + "-iban", True, id="long"),
    ],
)
def test_more_names(more: list[str], name: str, secret: bool) -> None:
    assert secret_names(more)(name) is secret


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        P("", "", id="empty"),
        P("a=1&b", "a=1&b", id="harmless"),
        P("token=x", "token=[redacted]", id="secret"),
        P("token=", "token=", id="nothing to mask"),
        P("token", "token", id="a name alone"),
        P("a=1&token=x;b=2", "a=1&token=[redacted];b=2", id="both separators"),
        P("token=x=y", "token=[redacted]", id="an equals sign in the value"),
        P("token=x;y;b=1", "token=[redacted];[redacted];b=1", id="a semicolon in the value"),
        P("%74oken=x", "%74oken=[redacted]", id="percent-decoded"),
        P("%ff%zz=x&%70in=1", "%ff%zz=x&%70in=[redacted]", id="no UTF-8"),
        P("token=x&token=y", "token=[redacted]&token=[redacted]", id="twice"),
        P("my+key=1", "my+key=[redacted]", id="plus"),
        P("\udc80%74oken=x", "\udc80%74oken=[redacted]", id="lone surrogate"),
        P("secret=a&&;=b", "secret=[redacted]&&;=b", id="empty parts"),
    ],
)
def test_mask_query(query: str, shown: str) -> None:
    assert mask_query(query) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        P("http://h/a?b=1", "http://h/a?b=1", id="harmless"),
        P("http://u:p@h/", "http://[redacted]@h/", id="userinfo"),
        P("http://u@h", "http://[redacted]@h", id="user"),
        P("http://a@b@h:80/x@y", "http://[redacted]@h:80/x@y", id="two at signs"),
        P("//u:p@h/", "//[redacted]@h/", id="no scheme"),
        P("/a//b@c", "/a//b@c", id="a path"),
        P("mailto:a@b", "mailto:a@b", id="no authority"),
        P("http://h?x=//a@b", "http://h?x=//a@b", id="in the query"),
        P("/?sid=1#my_token=2", "/?sid=[redacted]#my_token=[redacted]", id="fragment"),
        P("http://h/#a?token=1", "http://h/#a?token=[redacted]", id="query in a fragment"),
        P("", "", id="empty"),
    ],
)  # fmt: skip
def test_mask_url(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@given(st.lists(st.tuples(st.text("abt%=", max_size=5), st.text(max_size=8)), max_size=4))
@settings(derandomize=True, deadline=None)
def test_a_secret_is_never_shown(pairs: list[tuple[str, str]]) -> None:
    """Whatever stands round it, the value of a secret parameter is not in the result."""
    noise = "&".join(f"{name}={value}" for name, value in pairs)
    assert "hunter2" not in mask_query(f"{noise}&password=hunter2&{noise}")
    assert "hunter2" not in mask_url(f"http://u:hunter2@h/?token=hunter2&{noise}")


def test_linear() -> None:
    """A megabyte of anything takes well under a second."""
    started = time.process_time()
    for text in (
        "&;" * 500_000,
        "a=" * 500_000,
        "%74" * 300_000 + "=",
        "@" * 1_000_000,
        "aA" * 500_000,
    ):
        mask_query(text)
        mask_url("http://" + text)
        is_secret(text)
    assert time.process_time() - started < 20
    assert REDACTED == "[redacted]"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        P("WSGIMW_TESTED", "here", True, id="the variable"),
        P("WSGIMW_TESTED", "there", False, id="another value"),
        P("WSGIMW_NOT_THERE", "here", False, id="another name"),
        P("WSGIMW_TESTED", b"here", False, id="bytes"),
        P(7, "here", False, id="no str"),
        P("\ud800", "here", False, id="a name that the system cannot have"),
        P("n" * 10**6, "here", False, id="a long name"),
    ],
)
def test_the_process_environment(
    name: Any, value: Any, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSGIMW_TESTED", "here")
    assert of_the_process(name, value) is expected
