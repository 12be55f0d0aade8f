"""The requests of the soak: honest ones, hostile ones, and those whose client leaves.

Each is drawn from a generator with a seed, so that a run can be had again.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.soak.site import BLOCK, BLOCKS, EVENTS, PAGE
from tests.whole_stack import CREDENTIALS, MEGABYTE, STYLE

# An address of their own: those who guess are held back by theirs.
SIGNED_IN = {"Authorization": CREDENTIALS, "X-Forwarded-For": "192.0.2.7"}
CODINGS = ("", "gzip", "br", "zstd", "gzip, br, zstd", "identity")


@dataclass(frozen=True, slots=True)
class Plan:
    """One request: what goes out, and what may come back."""

    kind: str
    path: str = "/"
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    status: tuple[int, ...] = (200,)
    """Empty: any below 500."""
    size: int | None = None
    """Bytes of the decoded body; None: not looked at."""
    raw: bytes = b""
    """In place of the request, as it stands."""
    leaves: str = ""
    """When the client leaves: "upload", "head" or "body"."""
    cut: bool = False
    """The body is cut short by the server."""


def honest(random: Random) -> Plan:
    """Draw what a browser or a program would send."""
    return random.choice(HONEST)(random)


def coded(random: Random) -> dict[str, str]:
    coding = random.choice(CODINGS)
    return {"Accept-Encoding": coding} if coding else {}


def big_range(random: Random) -> Plan:
    start = random.randrange(MEGABYTE - 1000)
    headers = {"Range": f"bytes={start}-{start + 999}"}
    return Plan("range", "/static/big.bin", headers=headers, status=(206,), size=1000)


def upload(random: Random) -> Plan:
    body = random.randbytes(random.choice((0, 1, 1000, 100_000)))
    return Plan("upload", "/upload", "POST", coded(random), body)


HONEST: tuple[Callable[[Random], Plan], ...] = (
    lambda random: Plan("page", headers=coded(random), size=len(PAGE)),
    lambda random: Plan("page", headers=coded(random), size=len(PAGE)),
    lambda random: Plan("fresh", headers={"If-None-Match": '"soak"'}),
    lambda random: Plan("json", "/json", headers=coded(random)),
    lambda random: Plan("head", "/", "HEAD", coded(random), size=0),
    lambda random: Plan("stream", "/stream", headers=coded(random), size=BLOCKS * len(BLOCK)),
    lambda random: Plan("events", "/events", headers=coded(random), size=EVENTS * 9),
    upload,
    lambda random: Plan("error", "/error", headers=coded(random), status=(500,)),
    lambda random: Plan("late error", "/late-error", cut=True),
    lambda random: Plan("file", "/file", headers=coded(random), size=MEGABYTE),
    lambda random: Plan("static", "/static/site.css", headers=coded(random), size=len(STYLE)),
    lambda random: Plan("big", "/static/big.bin", size=MEGABYTE),
    big_range,
    lambda random: Plan("private", "/private", headers=SIGNED_IN),
    lambda random: Plan("nobody", "/private", status=(401,)),
    lambda random: Plan("route", f"/numbers/{random.randrange(10**6)}"),
    lambda random: Plan("mount", "/mounted/deeper"),
    lambda random: Plan("empty", "/empty", status=(204,), size=0),
    lambda random: Plan("missing", f"/none/{random.randrange(10**9)}", status=(404,)),
)


def leaving(random: Random) -> Plan:
    """Draw a client that leaves before the end."""
    return random.choice(LEAVING)(random)


LEAVING: tuple[Callable[[Random], Plan], ...] = (
    lambda random: Plan("leaves body", "/endless", headers=coded(random), leaves="body"),
    lambda random: Plan("leaves body", "/stream", headers=coded(random), leaves="body"),
    lambda random: Plan("leaves events", "/endless-events", headers=coded(random), leaves="body"),
    lambda random: Plan("leaves file", "/file", leaves="body"),
    lambda random: Plan("leaves static", "/static/big.bin", leaves="body"),
    lambda random: Plan("leaves head", "/stream", leaves="head"),
    lambda random: Plan("leaves upload", "/upload", "POST", body=b"x" * 10**6, leaves="upload"),
)


def basic(text: str | bytes) -> dict[str, str]:
    value = text.encode() if isinstance(text, str) else text
    return {"Authorization": "Basic " + b64encode(value).decode()}


JUNK_PATHS = (
    "/static/../../../../etc/passwd",
    "/static/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2f..%2fetc%2fpasswd",
    "/static/%00",
    "/static/site.css%00.png",
    "/static/" + "a/" * 1500,
    "/static/" + "x" * 3000,
    "/%ff%fe/%c0%ae",
    "/%",
    "/%zz",
    "//elsewhere.example/x",
    "/numbers/" + "9" * 3000,
    "/numbers/%D9%A3",
    "/numbers/-1",
    "/mounted/../private",
    "/private/.",
    "/%70rivate",
    "/" + "%41" * 1000,
    "/?" + "a=1&" * 800,
    "/;a=b;c",
    "*",
)
JUNK_HEADERS = (
    {"Range": "bytes=" + ",".join(["0-"] * 900)},
    {"Range": "bytes=-"},
    {"Range": "bytes=99999999999999999999-"},
    {"Range": "bites=0-1"},
    {"If-None-Match": ",".join([f'"{n}"' for n in range(700)])},
    {"If-None-Match": '"' + "\\" * 3000},
    {"If-Match": '"nothing"', "If-Unmodified-Since": "yesterday"},
    {"If-Modified-Since": "Thu, 99 Foo 0000 99:99:99 GMT"},
    {"If-Range": "\t,;"},
    {"Accept-Encoding": "gzip;q=9999999, *;q=-1, br;;;q, zstd;q=0.0001"},
    {"Accept-Encoding": ", ".join([f"x{n}" for n in range(900)])},
    {"Accept": "*/*;q=1e9, text/" + "h" * 3000},
    {"Authorization": "Basic"},
    {"Authorization": "Basic !!!"},
    {"Authorization": "Basic " + "A" * 6000},
    {"Authorization": "Digest username=x"},
    {"Authorization": "\xff\xfe"},
    basic("no colon"),
    basic(b"\xff\xfe:\xff"),
    basic("ada:" + "x" * 5000),
    basic("a\x00da:x"),
    {"X-Request-Id": "a\tb" + "c" * 3000},
    {"X-Request-Id": "<script>"},
    {"Traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-zz"},
    {"Tracestate": "," * 3000},
    {"X-Forwarded-For": "unknown, [::1, 999.999.999.999"},
    {"X-Forwarded-For": "," * 3000},
    {"Forwarded": 'for="_x'},
    {"Cookie": "a=b; " * 900},
    {"Cookie": "=;=;\x01"},
    {"Host": "[::1"},
    {"Host": "a b"},
    {"Content-Type": "multipart/form-data"},
    {"Content-Encoding": "gzip, gzip, gzip"},
    {"Sec-Fetch-Site": "cross-site", "Cookie": "a=b"},
    {"User-Agent-": "x", "X_Forwarded_For": "1.2.3.4"},
)
RAW = (
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n",
    b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET  /  HTTP/1.1\r\n\r\n",
    b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
    b"GET / HTTP/1.1\nHost: x\n\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nbad name: y\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 3000 + b"\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
    b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-nonsense\r\n\r\n",
    b"GET / HT",
    b"\r\n\r\n\r\n",
)


def hostile(random: Random) -> Plan:
    """Draw what nobody would send by mistake. An odd path may look fine to the stack: any status
    but an error of ours will do.
    """
    return random.choice(HOSTILE)(random)


HOSTILE: tuple[Callable[[Random], Plan], ...] = (
    lambda random: Plan("odd path", random.choice(JUNK_PATHS), status=()),
    lambda random: Plan("odd field", headers=random.choice(JUNK_HEADERS), status=()),
    lambda random: Plan(
        "odd field", "/static/site.css", headers=random.choice(JUNK_HEADERS), status=()
    ),
    lambda random: Plan("odd field", "/private", headers=random.choice(JUNK_HEADERS), status=()),
    lambda random: Plan(
        "guesses",
        "/private",
        headers={
            **basic(f"user{random.randrange(10**6)}:{random.random()}"),
            "X-Forwarded-For": f"10.{random.randrange(256)}.0.{random.randrange(256)}",
        },
        status=(401, 429),
    ),
    lambda random: Plan("odd method", "/static/site.css", "DELETE", status=()),
    lambda random: Plan("odd method", "/numbers/1", "PATCH", status=(405,)),
    lambda random: Plan("not HTTP", raw=random.choice(RAW), status=()),
    lambda random: Plan("not HTTP", raw=random.randbytes(200), status=()),
)


def draw(random: Random, aborted: float) -> Plan:
    """Draw the next request: so many leave, a fifth is hostile, the rest is honest."""
    choice = random.random()
    if choice < aborted:
        return leaving(random)
    return hostile(random) if choice < aborted + 0.2 else honest(random)
