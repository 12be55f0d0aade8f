"""Who is at the other end of the socket, and is it trusted: addresses, networks, `"unix"`.

Use it wherever something that a client could forge counts only from some peers: an inbound request
id, a user named by a header, the debug page. Only the peer of the socket is asked, never a header
such as `X-Forwarded-For`. Do not use it to find out who the client behind a proxy is: that is the
work of `werkzeug.middleware.proxy_fix.ProxyFix`.

>>> trusted = trust("trust", ("10.0.0.0/8", "unix"))
>>> trusted({"REMOTE_ADDR": "10.1.2.3"}), trusted({"REMOTE_ADDR": ""})
(True, True)
>>> trusted({"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "10.1.2.3"})
False

Reads `REMOTE_ADDR`, and what ProxyFix has kept of it (`werkzeug.proxy_fix.orig`). An address may
come with a port, in brackets, with a zone, or as IPv4 inside IPv6; one that is malformed or missing
is trusted by nobody. Verdicts are remembered by the address as it came, bounded in number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Callable[[WSGIEnvironment], bool], in words that are there at run time: an ini file's text is read
# by what an option takes.
Trust: TypeAlias = bool | Collection[str] | Callable[[dict[str, Any]], bool]
Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

__all__ = ["address", "is_loopback", "network", "peer", "trust"]

UNIX = "unix"

_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+").fullmatch
_LONGEST = 128


def peer(environ: WSGIEnvironment) -> str | None:
    """Give the address of the socket's peer as the server wrote it, or None.

    That is `REMOTE_ADDR` of before a ProxyFix, if one has run. A Unix socket has `""`.

    >>> peer({"REMOTE_ADDR": "192.0.2.7"})
    '192.0.2.7'
    >>> peer({"REMOTE_ADDR": "192.0.2.7", "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": ""}})
    ''
    """
    kept = environ.get("werkzeug.proxy_fix.orig", environ)
    found = kept.get("REMOTE_ADDR") if isinstance(kept, Mapping) else None
    return found if isinstance(found, str) else None


def address(text: str | None) -> Address | None:
    """Read an address, or give None for anything that is none.

    >>> address("[::1]:8080"), address("::ffff:192.0.2.1"), address("192.0.2.1:80")
    (IPv6Address('::1'), IPv4Address('192.0.2.1'), IPv4Address('192.0.2.1'))
    >>> address("") is address("localhost") is address("127.1") is None
    True
    """
    if not text or len(text) > _LONGEST:
        return None
    ported = _WITH_PORT(text)
    try:
        found = ip_address((ported[1] or ported[2]) if ported else text)
    except ValueError:
        return None
    if found.version == 6 and found.ipv4_mapped:
        return found.ipv4_mapped
    return found


def network(text: str) -> Network:
    """Read a network, or an address as the network that holds it alone; else ValueError.

    >>> network("10.0.0.0/8"), network("::1"), network("::ffff:10.0.0.0/104")
    (IPv4Network('10.0.0.0/8'), IPv6Network('::1/128'), IPv4Network('10.0.0.0/8'))
    """
    found = ip_network(text)
    if found.version == 6 and found.prefixlen >= 96:
        inside = found.network_address.ipv4_mapped
        if inside is not None:
            return IPv4Network((inside, found.prefixlen - 96))
    return found


def is_loopback(text: str | None) -> bool:
    """Is it an address of this machine: 127/8, `::1`, and both as IPv4 inside IPv6?

    >>> is_loopback("127.0.0.2"), is_loopback("::ffff:127.0.0.1"), is_loopback("")
    (True, True, False)
    """
    found = address(text)
    return found is not None and found.is_loopback


def trust(name: str, peers: Trust) -> Callable[[WSGIEnvironment], bool]:
    """Make the question whether the peer of a request is trusted, of an option called `name`.

    `peers` is a bool (everybody, nobody), a collection of addresses, networks and `"unix"` (the
    empty address of a Unix socket), or a callable, whose truth counts. Raises TypeError and
    ValueError with the line to write. Of a callable an exception means no.
    """
    if isinstance(peers, bool):
        return lambda environ: peers
    if callable(peers):
        return _asked(peers)
    texts = members(name, peers)
    networks = tuple([_network(name, text) for text in texts if text != UNIX])
    unix = UNIX in texts

    @lru_cache(1024)
    def known(came: str) -> bool:
        found = address(came)
        return found is not None and any(found in inside for inside in networks)

    def is_trusted(environ: WSGIEnvironment) -> bool:
        came = peer(environ)
        if not came:
            return unix and came == ""
        return known(came) if len(came) <= _LONGEST else False

    return is_trusted


def members(name: str, peers: Any) -> tuple[str, ...]:
    """Give the members of a collection of text; TypeError for anything else."""
    if isinstance(peers, str):
        raise TypeError(
            f"{name} is {peers!r}, one string; it takes a collection: {name}=({peers!r},)"
        )
    if not isinstance(peers, Collection) or isinstance(peers, (bytes, bytearray, Mapping)):
        raise TypeError(
            f"{name} is of type {type(peers).__name__}; it takes True, a collection of addresses "
            'and networks such as ("127.0.0.1", "10.0.0.0/8", "unix"), or a function of environ'
        )
    for item in peers:
        if not isinstance(item, str):
            raise TypeError(
                f"{name} holds something of type {type(item).__name__}; write each address or "
                'network as a string, such as "10.0.0.0/8"'
            )
    return tuple(peers)


def _network(name: str, text: str) -> Network:
    try:
        return network(text)
    except ValueError as error:
        fix = 'write an address, a network or "unix"'
        with suppress(ValueError):
            fix = f"write {str(ip_network(text, strict=False))!r}"
        raise ValueError(f"{name} holds {text!r}: {error}; {fix}") from None


def _asked(question: Callable[[WSGIEnvironment], bool]) -> Callable[[WSGIEnvironment], bool]:
    def is_trusted(environ: WSGIEnvironment) -> bool:
        try:
            return bool(question(environ))
        except Exception:
            return False

    return is_trusted


_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::[0-9]{1,5})?").fullmatch
_FORWARDED = ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP")


def closed_gates(
    environ: WSGIEnvironment,
    hosts: Collection[str],
    is_peer: Callable[[WSGIEnvironment], bool],
    place: str,
) -> list[str]:
    """Say why a page for developers must not be shown, and how to open each gate; empty: show it.

    The gates: the peer is this machine (or `is_peer`), no field says that a proxy stands between,
    and the Host is a name of this machine (or one of `hosts`, in lower case), which DNS rebinding
    cannot forge. `place` begins the options: `CatchErrors(debug_` and the like.

    >>> closed_gates({"REMOTE_ADDR": "::1", "HTTP_HOST": "localhost:80"}, (), lambda e: False, "x_")
    []
    """
    closed = []
    if not (_is_local(environ) or is_peer(environ)):
        came = str(environ.get("REMOTE_ADDR", ""))[:_LONGEST]
        closed.append(f"the peer {came!r} is not this machine; open it by {place}peers=({came!r},)")
    for key in environ:
        if key in _FORWARDED or str(key).startswith("HTTP_X_FORWARDED_"):
            field = str(key)[5:45].replace("_", "-").title()
            closed.append(f"the field {field} says that a proxy stands between; ask it directly")
            break
    host = environ.get("HTTP_HOST")
    found = _HOST(host) if isinstance(host, str) else None
    if found is None:
        closed.append("the Host is missing, doubled or malformed; ask by http://localhost")
    elif not _is_local_host(found[1].lower(), hosts):
        closed.append(
            f"the Host {found[1]!r} is no name of this machine; ask by http://localhost, or open "
            f"it by {place}hosts=({found[1].lower()!r},)"
        )
    return closed


def _is_local(environ: WSGIEnvironment) -> bool:
    """Is the peer this machine, before a ProxyFix and after it?"""
    now = environ.get("REMOTE_ADDR")
    return isinstance(now, str) and is_loopback(now) and is_loopback(peer(environ))


def _is_local_host(host: str, hosts: Collection[str]) -> bool:
    if host in hosts or host == "localhost" or host.endswith(".localhost"):
        return True
    return host == "[::1]" or (host[:4] == "127." and is_loopback(host))
