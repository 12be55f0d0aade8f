"""`wsgimw demo --check`: request every address of the demo and judge what each layer did.

The site is served on a free port and asked over real sockets, with `http.client`. Streams are made
step by step: the site waits before each block until the client has read the one before, so that a
layer which holds a block back is found, whatever the machine's speed. Each wait is bounded. The
result is a table on stdout, a row for each check.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import sys
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsgimw import AccessLog, xray
from wsgimw.access_log import parse
from wsgimw.codings import CODINGS
from wsgimw.compose import Layer
from wsgimw.devtools.demo import HOST, stack
from wsgimw.devtools.serve import Handler, listen, silent
from wsgimw.devtools.site import ADDRESSES, BLOCKS, site
from wsgimw.devtools.visitor import PATIENCE, Answer, Lines, Pace, Reader, Visitor, Wrong, expect

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

__all__ = ["run"]


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the table: an address, the layer on trial, what it must do, and the trial."""

    address: str
    layer: str
    duty: str
    judge: Callable[[Visitor], str]


CHECKS: list[Check] = []


def check(address: str, layer: str, duty: str) -> Callable[..., Callable[[Visitor], str]]:
    """Register a trial; it returns what was seen, or raises `Wrong`."""

    def register(judge: Callable[[Visitor], str]) -> Callable[[Visitor], str]:
        CHECKS.append(Check(address, layer, duty, judge))
        return judge

    return register


@check("/", "Compress", "makes a whole body smaller, and says so")
def gzip_whole(visitor: Visitor) -> str:
    plain, packed = visitor.get("/"), visitor.get("/", Accept_Encoding="gzip")
    for answer in (plain, packed):
        expect(answer.status == 200, f"status {answer.status}")
        expect("accept-encoding" in answer.fields.get("Vary", "").lower(), "no Vary")
        expect(answer.fields["Content-Length"] == str(len(answer.raw)), "a wrong length")
    expect(plain.fields["Content-Encoding"] is None, "a coding that was not asked for")
    expect(packed.fields["Content-Encoding"] == "gzip", "no gzip")
    expect(packed.content == plain.content, "other content than without gzip")
    expect(len(packed.raw) < len(plain.raw), "a body that did not get smaller")
    return f"{len(plain.raw):,} B sent as {len(packed.raw):,} B"


@check("/order", "Compress", "knows every coding that is installed")
def codings(visitor: Visitor) -> str:
    plain = visitor.get("/order")
    sizes = []
    for coding, decode in _decoders().items():
        answer = visitor.get("/order", Accept_Encoding=coding)
        came = answer.fields["Content-Encoding"]
        expect(came == coding, f"{came} for a client that takes {coding}")
        expect(decode(answer.raw) == plain.content, f"{coding} that decodes to something else")
        sizes.append(f"{coding} {len(answer.raw):,} B")
    return ", ".join(sizes)


def _decoders() -> dict[str, Callable[[bytes], bytes]]:
    decoders: dict[str, Callable[[bytes], bytes]] = {"gzip": lambda data: zlib.decompress(data, 31)}
    zstd = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    for coding, module in (("br", "brotli"), ("zstd", zstd)):
        if coding in CODINGS:
            decoders[coding] = import_module(module).decompress
    return decoders


@check("/order", "AccessLog", "counts the bytes that were sent")
def log_bytes(visitor: Visitor) -> str:
    answer = visitor.get("/order", Accept_Encoding="gzip")
    entry = visitor.entry()
    expect(entry["bytes"] == len(answer.raw) < len(answer.content), f"{entry['bytes']} B logged")
    expect((entry["status"], entry["outcome"]) == (200, "complete"), f"the line {entry}")
    return f"{entry['bytes']:,} B of {len(answer.content):,} B"


@check("/json", "RequestId", "gives app, answer and line the same new id")
def request_id(visitor: Visitor) -> str:
    first, second = visitor.get("/json"), visitor.get("/json", X_Request_ID="forged")
    for answer in (first, second):
        expect(re.fullmatch(r"[0-9a-f]{32}", answer.id), f"the id {answer.id!r}")
        seen = json.loads(answer.content)["request_id"]
        expect(seen == answer.id, f"the app saw {seen!r}, the client {answer.id!r}")
        expect(visitor.entry(answer.id)["path"] == "/json", "a line of another request")
    expect(first.id != second.id, "the same id twice")
    return f"{first.id[:8]}..., not the one that came in"


@check("/", "all layers", "answer HEAD with the head of GET, no body")
def head(visitor: Visitor) -> str:
    whole = visitor.get("/", Accept_Encoding="gzip")
    answer = visitor.get("/", "HEAD", Accept_Encoding="gzip")
    expect((answer.status, answer.raw) == (200, b""), f"{answer.status}, {len(answer.raw)} B")
    for name in ("Content-Type", "Content-Encoding", "Vary"):
        expect(answer.fields[name] == whole.fields[name], f"{name}: {answer.fields[name]}")
    entry = visitor.entry()
    expect((entry["method"], entry["bytes"]) == ("HEAD", 0), f"the line {entry}")
    return "same head, 0 B"


@check("/stream", "Compress", "lets each block out before the next is made")
def stream(visitor: Visitor) -> str:
    with visitor.open("/stream", Accept_Encoding="gzip") as response:
        expect(response.headers["Content-Encoding"] == "gzip", "no gzip")
        reader = Reader(response)
        for number in range(1, BLOCKS + 1):
            visitor.pace.step()
            reader.until(f"<p>Block {number} of {BLOCKS}".encode())
            expect(f"<p>Block {number + 1} of".encode() not in reader.content, "blocks ahead")
        reader.until(b"</html>\n")
        expect(reader.ended(), "no end of the gzip stream")
    entry = visitor.entry()
    expect(entry["outcome"] == "complete", f"outcome {entry['outcome']}")
    return f"{BLOCKS} blocks, {len(reader.content):,} B sent as {entry['bytes']:,} B"


@check("/stream", "all layers", "do so without gzip, too")
def stream_plain(visitor: Visitor) -> str:
    with visitor.open("/stream") as response:
        reader = Reader(response)
        for number in range(1, BLOCKS + 1):
            visitor.pace.step()
            reader.until(f"<p>Block {number} of {BLOCKS}".encode())
        reader.until(b"</html>\n")
        expect(reader.ended(), "no end of the stream")
    return f"{BLOCKS} blocks, {len(reader.content):,} B"


@check("/events", "Compress", "lets event 1 out before event 2 is made")
def events(visitor: Visitor) -> str:
    with visitor.open("/events", Accept_Encoding="gzip") as response:
        coding = response.headers["Content-Encoding"]
        expect(coding == "gzip", f"Content-Encoding {coding}")
        reader = Reader(response)
        reader.until(b"data: event 1, ")
        expect(b"event 2" not in reader.content, "the second event with the first")
        visitor.pace.step()
        reader.until(b"data: event 2, ")
    visitor.pace.step(1000)  # until the server notices that nobody reads
    visitor.entry()
    return "event 1, then event 2"


@check("/events", "AccessLog", "notices a client that leaves")
def gone(visitor: Visitor) -> str:
    with visitor.open("/events") as response:
        Reader(response).until(b"event 1, ")
    visitor.pace.step(1000)
    outcome: str = visitor.entry()["outcome"]
    expect(outcome == "client_gone", f"outcome {outcome}")
    return outcome


@check("/slow", "AccessLog", "measures the time that the app took")
def slow(visitor: Visitor) -> str:
    visitor.get("/slow")
    entry = visitor.entry()
    expect(entry["app_ms"] >= 490, f"app_ms {entry['app_ms']}")
    return f"app {entry['app_ms']:.0f} ms, client {entry['client_ms']:.1f} ms"


@check("/fail", "CatchErrors", "answers 500 as text, with the request's id")
def fail_text(visitor: Visitor) -> str:
    answer = visitor.get("/fail")
    _is_error(answer, "text/plain; charset=utf-8")
    expect(answer.id and answer.id.encode() in answer.content, "no id on the page")
    entry = visitor.entry()
    expect((entry["status"], entry["error"]) == (500, "ValueError"), f"the line {entry}")
    told = visitor.errors.getvalue()
    expect(told.count("Traceback (most") == 1, "not one traceback on wsgi.errors")
    return f"id {answer.id[:8]}..., logged as {entry['error']}"


@check("/fail", "CatchErrors", "answers 500 as problem+json if asked for JSON")
def fail_json(visitor: Visitor) -> str:
    answer = visitor.get("/fail", Accept="application/json")
    _is_error(answer, "application/problem+json")
    problem = json.loads(answer.content)
    expect(problem["status"] == 500, f"the problem {problem}")
    expect(problem["request_id"] == answer.id != "", f"the id {problem['request_id']!r}")
    fingerprint = problem["fingerprint"]
    expect(fingerprint == answer.fields["X-Error-Fingerprint"], "another fingerprint in the head")
    expect(fingerprint == visitor.entry()["fingerprint"], "another fingerprint on the line")
    return f"{fingerprint} in body, head and line"


def _is_error(answer: Answer, kind: str) -> None:
    expect(answer.status == 500, f"status {answer.status}")
    expect(answer.fields["Content-Type"] == kind, f"Content-Type {answer.fields['Content-Type']}")
    for secret in (b"4,50", b"ValueError", b"Traceback", b".py"):
        expect(secret not in answer.content, f"{secret.decode()!r} in the body")


@check("/broken-stream", "CatchErrors", "lets the connection be cut, and reports")
def broken(visitor: Visitor) -> str:
    with visitor.open("/broken-stream", Accept_Encoding="gzip") as response:
        visitor.pace.step(2)
        reader = Reader(response)
        reader.until(b"Entry 2")
        try:
            reader.ended()
        except (http.client.IncompleteRead, ConnectionError):
            cut = True
        else:
            cut = False
    entry = visitor.entry()
    expect(cut, "an answer that looks complete")
    told = visitor.errors.getvalue().count("RuntimeError: the third entry could not be read")
    expect(told == 1, f"{told} tracebacks on wsgi.errors")
    expect(entry["outcome"] == "failed_midstream", f"outcome {entry['outcome']}")
    return f"cut after entry 2, {entry['outcome']}"


@check("/missing", "all layers", "let the app's 404 pass")
def missing(visitor: Visitor) -> str:
    answer = visitor.get("/missing")
    expect(answer.status == visitor.entry()["status"] == 404, f"status {answer.status}")
    return "404"


@check("/_xray/", "X-ray", "shows what each layer did, and blames nobody")
def x_ray(visitor: Visitor) -> str:
    answer = visitor.get("/order", Accept_Encoding="gzip")
    page = visitor.aside("/_xray/", "HEAD")
    expect(page.status == 200, f"status {page.status} of the page")
    recorded, request = _recorded(visitor, answer.id)
    lanes = {lane["layer"].partition("(")[0]: lane for lane in request["layers"]}
    expect(lanes["Compress"]["bytes"] == [len(answer.content), len(answer.raw)], "other bytes")
    by = {field["name"]: field["by"] for field in request["headers"]}
    expect(by.get("X-Request-ID") == "RequestId()", f"X-Request-ID by {by.get('X-Request-ID')}")
    blamed = [lane["layer"] for each in recorded for lane in each["layers"] if lane["faults"]]
    expect(not blamed, f"faults of {', '.join(blamed)}")
    slow = [each["total_ms"] for each in recorded if each["path"] == "/slow"]
    expect(slow and max(slow) >= 490, f"/slow took {slow} ms")
    return f"{len(recorded)} requests, {len(request['layers'])} lanes, nobody blamed"


def _recorded(visitor: Visitor, id: str) -> tuple[list[Any], Any]:
    """Return all that is recorded, and the request whose answer had this id."""
    for _ in range(100):  # it is recorded when its body was closed, after the client has it all
        recorded = json.loads(visitor.aside("/_xray/requests.json").content)["requests"]
        for request in recorded:
            if _sent_id(request) == id:
                return recorded, request
    raise Wrong("no record of the request")


def _sent_id(request: dict[str, Any]) -> str | None:
    return next((f["value"] for f in request["headers"] if f["name"] == "X-Request-ID"), None)


@check("/_xray/", "X-ray", "is not there for a Host that is not of this machine")
def x_ray_gates(visitor: Visitor) -> str:
    answer = visitor.get("/_xray/requests.json", Host="example.org")
    expect(answer.status == 404, f"status {answer.status}")
    return "404 of the app"


def run() -> bool:
    """Run all checks, print the table, and tell whether every one passed."""
    lines, errors, pace = Lines(), io.StringIO(), Pace()
    layers = stack(AccessLog(format="json", sink=lines))
    rows: list[tuple[str, ...]] = []
    with _serving(xray(layers(site(layers, pace=pace))), errors) as port:
        visitor = Visitor(port, lines, errors, pace)
        for item in CHECKS:
            rows.append(_row(item.address, item.layer, item.duty, item.judge, visitor))
        rows.append(_row("", "AccessLog", "writes one line for each request", _one_each, visitor))
        rows.append(_row("all addresses", "", "were requested", _all_requested, visitor))
    for name in ("common", "combined", "dev"):
        rows.append(
            _row("/json", f"AccessLog {name}", "writes a line that fits the request", _format, name)
        )
    good = [row for row in rows if row[0] == "ok"]
    print(_table(("", "address", "layer", "what it must do", "seen"), rows))
    print(f"\n{len(good)} of {len(rows)} checks passed")
    return len(good) == len(rows)


@contextmanager
def _serving(app: WSGIApplication, errors: io.StringIO) -> Iterator[int]:
    """Serve `app` on a free port, with `errors` as its `wsgi.errors`, and yield the port."""

    class ToErrors(Handler):
        def make_environ(self) -> WSGIEnvironment:
            return super().make_environ() | {"wsgi.errors": errors}

    server = listen(app, HOST, handler=ToErrors)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    with silent():
        thread.start()
        try:
            yield server.port
        finally:
            server.shutdown()
            thread.join(PATIENCE)


def _row(
    address: str, layer: str, duty: str, judge: Callable[[Any], str], subject: object
) -> tuple[str, ...]:
    try:
        return "ok", address, layer, duty, judge(subject)
    except Wrong as wrong:
        return "WRONG", address, layer, duty, str(wrong)
    except Exception as error:  # a layer that does not answer as it should
        return "WRONG", address, layer, duty, f"{type(error).__name__}: {error}"


def _one_each(visitor: Visitor) -> str:
    visitor.lines.wait(lambda lines: len(lines) >= len(visitor.ids), "the last line")
    logged = [json.loads(line)["request_id"] for line in visitor.lines.lines()]
    expect(sorted(logged) == sorted(visitor.ids), f"{len(logged)} lines, {len(visitor.ids)} asked")
    return f"{len(logged)} requests, {len(logged)} lines"


def _all_requested(visitor: Visitor) -> str:
    left = [address.path for address in ADDRESSES if address.path not in visitor.paths]
    expect(not left, f"not requested: {', '.join(left)}")
    return f"{len(ADDRESSES)} addresses"


def _format(name: str) -> str:
    lines = Lines()
    layers = stack(_log(name, lines))
    errors = io.StringIO()
    with _serving(layers(site(layers)), errors) as port:
        visitor = Visitor(port, lines, errors, Pace())
        answer = visitor.get("/json?q=%C3%A9", User_Agent='quote " and \\')
        line: str = lines.wait(lambda lines: lines[0] if lines else None, "the line")
    if name == "dev":
        fits = re.search(r" GET /json\?q=%C3%A9 200 .*ms", line) is not None
    else:
        entry = parse(line, name)
        fits = (entry["path"], entry["query"]) == ("/json", "q=%C3%A9")
        fits = fits and (entry["status"], entry["bytes"]) == (200, len(answer.raw))
        if name == "combined":
            fits = fits and entry["user_agent"] == 'quote " and \\'
    expect(fits, f"the line {line!r}")
    return line[line.index("GET") :][:40]


def _log(name: str, lines: Lines) -> Layer:
    return AccessLog(format=name, sink=lines)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)][:-1]
    return "\n".join(
        "  ".join(
            [*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]
        )
        for row in (titles, *rows)
    )
