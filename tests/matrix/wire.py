"""Send a request as it is and read the answer to its last byte, framing and all."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

SECONDS = 60  # a bound for what hangs; a server may import six frameworks first
Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire."""

    status: int
    reason: str
    fields: Fields
    """Names in lower case."""
    content: bytes
    """The body without chunks."""
    framing: str
    """"length", "chunked", "close" or "none"."""
    fault: str = ""
    """What is wrong with the framing: "cut", "bytes without a body", "more bytes"."""

    def values(self, name: str) -> list[str]:
        """Return the values of a field."""
        return [value for known, value in self.fields if known == name]

    def value(self, name: str) -> str:
        """Return the one value of a field; "" for none, and for several."""
        values = self.values(name)
        return values[0] if len(values) == 1 else ""


def request(
    port: int, method: str, target: str, fields: dict[str, str], body: bytes = b""
) -> socket.socket:
    """Send a request on a connection of its own."""
    head = {"Host": "matrix.example", "Connection": "close", **fields}
    lines = [f"{name}: {value}\r\n" for name, value in head.items()]
    connection = socket.create_connection(("127.0.0.1", port), SECONDS)
    connection.sendall(f"{method} {target} HTTP/1.1\r\n{''.join(lines)}\r\n".encode() + body)
    return connection


def take(connection: socket.socket, method: str, watch: Callable[[bytes], object] = bool) -> Answer:
    """Read an answer to its end; `watch` gets all that has come, each time.

    Where no body may be, what comes until the server ends the connection is read as well.
    """
    received = b""
    with connection, contextlib.suppress(ConnectionError, TimeoutError):
        while more := connection.recv(262144):
            received += more
            watch(received)
            if is_whole(received, method):
                break
    return parse(received, method)


def is_whole(received: bytes, method: str) -> bool:
    """Say whether the framing tells that nothing more comes."""
    if method == "HEAD" or b"\r\n\r\n" not in received:
        return False
    # Chunks are taken apart when they may have ended, not each time.
    if received.endswith(b"\r\n0\r\n\r\n"):
        answer = parse(received, method)
        return answer.framing == "chunked" and not answer.fault
    head = received.partition(b"\r\n\r\n")[0].lower()
    if b"\r\ntransfer-encoding:" in head or b"\r\ncontent-length:" not in head:
        return False
    answer = parse(received, method)
    return answer.framing == "length" and answer.status not in (204, 304) and not answer.fault


def leave(connection: socket.socket) -> bytes:
    """Read the head, and reset the connection."""
    received = b""
    with connection:
        with contextlib.suppress(ConnectionError, TimeoutError):
            while b"\r\n\r\n" not in received and (more := connection.recv(1024)):
                received += more
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return received


def parse(received: bytes, method: str) -> Answer:
    """Take an answer apart (RFC 9112, 6.3)."""
    head, end, rest = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if not end or len(words) < 2 or not words[1].isdigit():
        return Answer(0, "", [], received, "none", "no answer")
    status = int(words[1])
    pairs = [line.partition(":") for line in lines]
    fields = [(name.lower(), value.strip()) for name, _, value in pairs]
    answer = Answer(status, (*words, "")[2], fields, b"", "none")
    if answer.value("transfer-encoding").lower() == "chunked":
        framing = "chunked"
    else:
        framing = "length" if answer.values("content-length") else "close"
    if method == "HEAD" or status in (204, 304):
        # A 304 may have the length of the 200, and chunks are announced for HEAD.
        fault = "bytes without a body" if rest else ""
        return Answer(status, answer.reason, fields, b"", framing, fault)
    if framing == "chunked":
        content, fault = unchunked(rest)
    elif framing == "length":
        size = int(answer.value("content-length") or 0)
        content = rest[:size]
        fault = "cut" if len(rest) < size else "more bytes" if len(rest) > size else ""
    else:
        content, fault = rest, ""
    return Answer(status, answer.reason, fields, content, framing, fault)


def unchunked(rest: bytes) -> tuple[bytes, str]:
    """Undo chunks as far as they have come; say what is wrong."""
    content = bytearray()
    while b"\r\n" in rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not length:
            return bytes(content), "" if rest == b"\r\n" else "more bytes" if rest else "cut"
        content += rest[:length]
        rest = rest[length + 2 :]
    return bytes(content), "cut"


def body_so_far(received: bytes) -> tuple[str, bytes]:
    """Return the coding, and what has come of the body."""
    head, _, rest = received.partition(b"\r\n\r\n")
    coding = ""
    for line in head.decode("latin-1").lower().split("\r\n"):
        name, _, value = line.partition(":")
        if name == "transfer-encoding" and "chunked" in value:
            rest = unchunked(rest)[0]
        elif name == "content-encoding":
            coding = value.strip()
    return coding, rest
