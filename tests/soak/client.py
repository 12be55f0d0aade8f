"""Send the requests of the soak, one after the other, over sockets of their own or a kept one."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
from dataclasses import dataclass, field
from random import Random

from tests.compressing import decode
from tests.soak.ledger import OF_THE_SERVER, Ledger
from tests.soak.requests import Plan, draw

SECONDS = 30  # a bound for what hangs, not a wait
AGENT = "soak/"


@dataclass(slots=True)
class Client:
    """A client that sends until the ledger closes; what it sees goes into the ledger."""

    port: int
    random: Random
    ledger: Ledger
    aborted: float
    """The share of requests whose client leaves."""
    _kept: socket.socket | None = field(default=None, init=False)

    def run(self) -> None:
        """Send requests until the ledger is closing."""
        while not self.ledger.closing.is_set():
            plan = draw(self.random, self.aborted)
            number = self.ledger.number(plan)
            send = self.shout if plan.raw else self.leave if plan.leaves else self.ask
            try:
                send(plan, number)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._drop()
                self.ledger.failed(plan, number, error)
        self._drop()

    def ask(self, plan: Plan, number: int) -> None:
        """Send a request and read the whole answer; an honest client keeps the connection."""
        if self._kept is None:
            self._kept = self._connect()
        self._kept.sendall(head_of(plan, number) + plan.body)
        response = http.client.HTTPResponse(self._kept, method=plan.method)
        with contextlib.closing(response):
            response.begin()
            identity = response.getheader("X-Request-ID")
            coding = response.getheader("Content-Encoding")
            content, cut = taken(response)
            closes = cut or response.will_close or not plan.status
        if closes:
            self._drop()
        if cut is not plan.cut:
            self.ledger.problem(plan, number, "cut short" if cut else "not cut short")
        elif plan.size is not None:
            plain, whole = decode(coding or "", content)
            if not whole or len(plain) != plan.size:
                self.ledger.problem(plan, number, f"{len(plain)} bytes, not {plan.size}")
        self.ledger.answered(plan, number, response.status, identity, len(content))

    def leave(self, plan: Plan, number: int) -> None:
        """Send a request, or a part of it, and reset the connection."""
        with self._connect(receive_buffer=4096) as connection:
            connection.sendall(head_of(plan, number))
            if plan.leaves == "upload":
                connection.sendall(plan.body[: self.random.choice((0, 1, 100_000))])
            elif plan.leaves == "body":
                received = b""
                while b"\r\n\r\n" not in received and (more := connection.recv(1024)):
                    received += more
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.ledger.left(plan, number)

    def shout(self, plan: Plan, number: int) -> None:
        """Send bytes as they are, and take what comes until the server ends the connection."""
        line, end, rest = plan.raw.partition(b"\r\n")
        named = b"HTTP/1" in line
        agent = f"\r\nUser-Agent: {AGENT}{number}".encode() if named else b""
        received = b""
        with self._connect() as connection, contextlib.suppress(ConnectionError):
            connection.sendall(line + agent + end + rest)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                received += more
        status, identity = status_and_id(received)
        if status and named:
            self.ledger.answered(plan, number, status, identity, None)
            return
        if status >= 500 and status not in OF_THE_SERVER:
            self.ledger.problem(plan, number, f"status {status}")
        self.ledger.left(plan, number)

    def _connect(self, receive_buffer: int | None = None) -> socket.socket:
        connection = socket.socket()
        connection.settimeout(SECONDS)
        if receive_buffer is not None:  # so that the server cannot have sent it all
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


def head_of(plan: Plan, number: int) -> bytes:
    """Write the head of a request, its number as the name of the client."""
    fields = {"Host": "x", "User-Agent": f"{AGENT}{number}", **plan.headers}
    if plan.body or plan.method == "POST":
        fields["Content-Length"] = str(len(plan.body))
    lines = [f"{name}: {value}\r\n" for name, value in fields.items()]
    return f"{plan.method} {plan.path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1")


def taken(response: http.client.HTTPResponse) -> tuple[bytes, bool]:
    """Read a body; say whether it was cut short."""
    try:
        return response.read(), False
    except http.client.IncompleteRead as short:
        return short.partial, True
    except ConnectionError:
        return b"", True


def status_and_id(received: bytes) -> tuple[int, str | None]:
    """Read the status, 0 for none, and the request id of an answer."""
    first, *fields = received.partition(b"\r\n\r\n")[0].split(b"\r\n")
    words = first.split()
    if len(words) < 2 or not words[1].isdigit():
        return 0, None
    for line in fields:
        name, _, value = line.partition(b":")
        if name.lower() == b"x-request-id":
            return int(words[1]), value.strip().decode("latin-1")
    return int(words[1]), None
