"""Who the peer is, and who is trusted."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from wsgimw.peers import address, is_loopback, network, peer, trust

P = pytest.param


@pytest.mark.parametrize(
    ("text", "found"),
    [
        P("192.0.2.1", "192.0.2.1", id="IPv4"),
        P("192.0.2.1:80", "192.0.2.1", id="IPv4 with a port"),
        P("::1", "::1", id="IPv6"),
        P("[::1]", "::1", id="IPv6 in brackets"),
        P("[::1]:80", "::1", id="IPv6 with a port"),
        P("fe80::1%eth0", "fe80::1%eth0", id="zone"),
        P("::ffff:192.0.2.1", "192.0.2.1", id="mapped"),
        P("[::ffff:192.0.2.1]:80", "192.0.2.1", id="mapped, with a port"),
        P(None, None, id="absent"),
        P("", None, id="empty"),
        P("localhost", None, id="name"),
        P("010.0.0.1", None, id="leading zero"),
        P("127.1", None, id="short"),
        P("192.0.2.1:", None, id="no port"),
        P("[192.0.2.1", None, id="half a bracket"),
        P("1.2.3.4, 5.6.7.8", None, id="two"),
        P("1" * 200, None, id="long"),
    ],
)
def test_address(text: str | None, found: str | None) -> None:
    assert address(text) == (None if found is None else ip_address(found))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        P("10.0.0.0/8", "10.0.0.0/8", id="IPv4"),
        P("10.0.0.1", "10.0.0.1/32", id="address"),
        P("::ffff:10.0.0.0/104", "10.0.0.0/8", id="mapped"),
        P("2001:db8::/120", "2001:db8::/120", id="IPv6, long prefix"),
        P("::/0", "::/0", id="all"),
    ],
)
def test_network(text: str, found: str) -> None:
    assert network(text) == ip_network(found)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9:80", True),
        ("::1", True),
        ("[::1]:80", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False),
        ("", False),
        (None, False),
        ("localhost", False),
    ],
)
def test_is_loopback(text: str | None, loopback: bool) -> None:
    assert is_loopback(text) is loopback


ORIG = "werkzeug.proxy_fix.orig"


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        P({"REMOTE_ADDR": "a"}, "a", id="address"),
        P({}, None, id="absent"),
        P({"REMOTE_ADDR": 5}, None, id="no text"),
        P({"REMOTE_ADDR": "a", ORIG: {"REMOTE_ADDR": "b"}}, "b", id="before ProxyFix"),
        P({"REMOTE_ADDR": "a", ORIG: {"REMOTE_ADDR": None}}, None, id="absent before ProxyFix"),
        P({"REMOTE_ADDR": "a", ORIG: {}}, None, id="unknown before ProxyFix"),
        P({"REMOTE_ADDR": "a", ORIG: "x"}, None, id="malformed"),
    ],
)
def test_peer(environ: dict[str, Any], found: str | None) -> None:
    assert peer(environ) == found


def test_trust_of_a_long_address() -> None:
    assert not trust("trust", ["::/0", "0.0.0.0/0"])({"REMOTE_ADDR": "1" * 1000})


@pytest.mark.parametrize(
    ("peers", "kind", "message"),
    [
        P(
            "10.0.0.1",
            TypeError,
            r"trust is '10.0.0.1', one string; .*trust=\('10.0.0.1',\)",
            id="str",
        ),
        P({"10.0.0.1": 1}, TypeError, "it takes True, a collection", id="mapping"),
        P(b"x", TypeError, "it takes True, a collection", id="bytes"),
        P(None, TypeError, "trust is of type NoneType; it takes True", id="None"),
        P([ip_address("::1")], TypeError, "as a string", id="address object"),
        P(["10.0.0.1/8"], ValueError, "host bits set; write '10.0.0.0/8'", id="host bits"),
        P(["x"], ValueError, 'write an address, a network or "unix"', id="name"),
    ],
)
def test_misuse(peers: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        trust("trust", peers)
