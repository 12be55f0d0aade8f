"""Recordings for the tests of the X-ray's page, and a small app that serves them."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

from tests.failing_site import VECTORS
from wsgimw.devtools.xray.page import page, policy, request_page

Recorded = dict[str, Any]
NONCES = itertools.count()


def layer(text: str, **given: Any) -> Recorded:
    """Return one layer that passed everything on, but for what is given."""
    return {
        "layer": text,
        "answered": False,
        "environ": {"added": {}, "changed": {}, "removed": {}},
        "status": ["200 OK", "200 OK"],
        "head": {"added": [], "changed": [], "removed": []},
        "blocks": [10, 10],
        "bytes": [412, 412],
        "write": False,
        "closed": 4.9,
        "error": None,
        "faults": [],
        **given,
    }


def spent(before: float, inner: float, head: float, stream: float, close: float) -> Recorded:
    own = before + head + stream + close
    return {
        "in": before,
        "inner": inner,
        "head": head,
        "stream": stream,
        "close": close,
        "self": own,
        "total": own + inner,
    }


SHOP: Recorded = {
    "id": "7f3a9c",
    "time": 1795195200.25,
    "method": "GET",
    "path": "/items",
    "query": "page=2&token=[redacted]",
    "request_headers": [
        {"name": "Host", "value": "localhost:8000"},
        {"name": "Accept-Encoding", "value": "gzip"},
        {"name": "Cookie", "value": "[redacted]"},
    ],
    "status": "200 OK",
    "total_ms": 4.91,
    "first_byte_ms": 3.9,
    "headers": [
        {"name": "Content-Type", "value": "text/html; charset=utf-8", "by": "<Flask 'shop'>"},
        {"name": "Vary", "value": "Accept-Encoding", "by": "Compress()"},
        {"name": "Content-Encoding", "value": "gzip", "by": "Compress()"},
        {"name": "X-Request-ID", "value": "01JD2M9Q7E3K", "by": "RequestId()"},
    ],
    "layers": [
        layer(
            "RequestId()",
            environ={
                "added": {"wsgimw.request_id": "01JD2M9Q7E3K"},
                "changed": {},
                "removed": {},
            },
            head={"added": [["X-Request-ID", "01JD2M9Q7E3K"]], "changed": [], "removed": []},
            ms=spent(0.03, 4.88, 0, 0, 0),
        ),
        layer("AccessLog(format='dev')", ms=spent(0.05, 4.72, 0.01, 0.03, 0.02)),
        layer(
            "Compress()",
            head={
                "added": [["Content-Encoding", "gzip"], ["Vary", "Accept-Encoding"]],
                "changed": [],
                "removed": [["Content-Length", "10240"]],
            },
            bytes=[10240, 412],
            ms=spent(0.04, 4.31, 0.05, 0.3, 0.02),
        ),
        layer(
            "partial(ProxyFix, x_for=1)",
            environ={
                "added": {"werkzeug.proxy_fix.orig": "{...}"},
                "changed": {"REMOTE_ADDR": ["127.0.0.1", "203.0.113.7"]},
                "removed": {},
            },
            bytes=[10240, 10240],
            ms=spent(0.02, 4.25, 0, 0.02, 0.02),
        ),
        layer(
            "<Flask 'shop'>",
            head={"added": [["Content-Type", "text/html; charset=utf-8"]]},
            bytes=[0, 10240],
            blocks=[0, 10],
            status=[None, "200 OK"],
            ms=spent(0, 0, 0, 4.25, 0),
        ),
    ],
}

LEAK: Recorded = copy.deepcopy(SHOP)
LEAK.update(id="b21c04", path="/export", query="", total_ms=812.0, time=1795195203.5)
LEAK["layers"][4]["closed"] = False
LEAK["layers"][3] = layer(
    "ElasticAPM(service='shop')",
    bytes=[10240, 10240],
    faults=[
        {"rule": 22, "message": "close() of the inner body was never called."},
        {"rule": 18, "message": "It took 6 blocks for 1."},
    ],
    ms=spent(0.02, 4.25, 0, 0.04, 0),
)

DENIED: Recorded = {
    **copy.deepcopy(SHOP),
    "id": "c0ffee",
    "path": "/admin",
    "query": "",
    "status": "401 Unauthorized",
    "total_ms": 61.2,
    "first_byte_ms": 61.1,
    "time": 1795195205.0,
    "headers": [
        {
            "name": "WWW-Authenticate",
            "value": 'Basic realm="shop"',
            "by": "Authenticate(Basic(...))",
        }
    ],
    "layers": [
        copy.deepcopy(SHOP["layers"][0]),
        layer("AccessLog(format='dev')", bytes=[22, 22], ms=spent(0.05, 61.0, 0.01, 0.03, 0.02)),
        layer(
            "Authenticate(Basic(HtpasswdFile('users.htpasswd')))",
            answered=True,
            status=[None, "401 Unauthorized"],
            head={"added": [["WWW-Authenticate", 'Basic realm="shop"']]},
            blocks=[0, 1],
            bytes=[0, 22],
            ms=spent(61.0, 0, 0, 0, 0),
        ),
    ],
}
DENIED["layers"][0].update(bytes=[22, 22], status=["401 Unauthorized"] * 2)
DENIED["layers"][0]["ms"] = spent(0.03, 61.11, 0, 0, 0)
DENIED["layers"][1]["status"] = ["401 Unauthorized"] * 2

RECORDING: Recorded = {"version": 1, "requests": [SHOP, LEAK, DENIED]}


def line(text: str, cost: str | None, *findings: Recorded, kind: str = "layer") -> Recorded:
    """Return one line of an explanation, as `Explained.to_dict()` gives it."""
    return {"layer": text, "kind": kind, "depth": 0, "cost": cost, "findings": [*findings]}


TAGS: Recorded = {
    "id": "tags-inside-compression",
    "severity": "warning",
    "message": "It stands outside of ProxyFix.",
    "why": "An entity tag of the plain body names other bytes than those that are sent.",
    "fix": "Put Compress() inside.",
    "layer": 2,
    "other": 3,
}

STACK: Recorded = {
    "version": 1,
    "server": None,
    "layers": [
        line("RequestId()", "head"),
        line("AccessLog(format='dev')", "body"),
        line("Compress()", "body", TAGS),
        line("partial(ProxyFix, x_for=1)", "nothing"),
        line("<Flask 'shop'>", None, kind="app"),
    ],
    "findings": [TAGS],
}


def hostile(vector: str) -> Recorded:
    """Return a request with the vector in every place."""
    planted: Recorded = {
        "layer": vector,
        "answered": False,
        "environ": {
            "added": {vector: vector},
            "changed": {vector: [vector, vector]},
            "removed": {vector: vector},
        },
        "status": [vector, f"500 {vector}"],
        "head": {
            "added": [[vector, vector]],
            "changed": [[vector, vector, vector]],
            "removed": [[vector, vector]],
        },
        "blocks": [1, 1],
        "bytes": [1, 1],
        "ms": spent(1, 1, 1, 1, 1),
        "write": False,
        "closed": vector,
        "error": vector,
        "faults": [{"rule": 22, "message": vector}],
    }
    return {
        "id": vector,
        "time": vector,
        "method": vector,
        "path": f"/{vector}",
        "query": vector,
        "request_headers": [
            {"name": vector, "value": vector},
            {"name": "X-Evil", "value": vector},
        ],
        "status": f"500 {vector}",
        "total_ms": 5.0,
        "first_byte_ms": 1.0,
        "headers": [{"name": vector, "value": vector, "by": vector}],
        "layers": [planted, copy.deepcopy(planted)],
    }


def hostile_stack(vector: str) -> Recorded:
    names = ("id", "severity", "message", "why", "fix")
    finding: Recorded = {name: vector for name in names}  # noqa: C420 - its type
    return {
        "layers": [line(vector, vector, finding), line(vector, vector, kind=vector)],
        "findings": [{**finding, "layer": None}],
    }


class Site:
    """Serves a recording as `xray` would: the page, one request, and the JSON."""

    def __init__(self, recording: Recorded, stack: Recorded | None = None) -> None:
        self.recording = recording
        self.stack = stack

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        from urllib.parse import parse_qs

        nonce = f"n{next(NONCES)}"
        path = environ["PATH_INFO"]
        asked = parse_qs(environ.get("QUERY_STRING", "")).get("id")
        status, kind, text = "200 OK", "text/html; charset=utf-8", None
        if path == "/_xray/requests.json":
            kind, text = "application/json", json.dumps(self.recording)
        elif path == "/_xray/" and asked:
            text = request_page(
                self.recording, asked[0], path="/_xray", stack=self.stack, nonce=nonce
            )
        elif path == "/_xray/":
            text = page(self.recording, path="/_xray", stack=self.stack, nonce=nonce)
        if text is None:
            status, kind, text = "404 Not Found", "text/plain", "not here"
        data = text.encode()
        headers = [("Content-Type", kind), ("Content-Length", str(len(data)))]
        start_response(status, [*headers, *policy(nonce)])
        return [data]


def hostile_recording() -> Recorded:
    return {"version": 1, "requests": [hostile(vector) for vector in VECTORS.values()]}
