"""A request told boundary by boundary: what is said, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.failing_site import VECTORS
from tests.xray_recording import DENIED, LEAK, SHOP, STACK, hostile, layer
from wsgimw.devtools.xray.reading import layer_names
from wsgimw.devtools.xray.story import WORDS, story

KNOWN = layer_names(STACK) | {"Authenticate(Basic(HtpasswdFile('users.htpasswd')))"}


def told(request: dict[str, Any]) -> list[str]:
    return [f"{step.phase} {step.layer} {step.text}" for step in story(request, KNOWN)]


def test_a_request_goes_in_and_comes_out() -> None:
    assert told(SHOP) == [
        "in 0 The server calls RequestId() with GET /items?page=2&token=[redacted], which adds "
        "wsgimw.request_id in environ.",
        "in 1 RequestId() calls AccessLog(format='dev'), which leaves environ as it is.",
        "in 2 AccessLog(format='dev') calls Compress(), which leaves environ as it is.",
        "in 3 Compress() calls partial(ProxyFix, x_for=1), which adds werkzeug.proxy_fix.orig and "
        "changes REMOTE_ADDR in environ.",
        "in 4 partial(ProxyFix, x_for=1) calls <Flask 'shop'>.",
        "answer 4 <Flask 'shop'> answers 200 OK.",
        "head 3 partial(ProxyFix, x_for=1) passes the head on as it is, 200 OK.",
        "head 2 Compress() adds Content-Encoding: gzip and Vary: Accept-Encoding and removes "
        "Content-Length.",
        "head 1 AccessLog(format='dev') passes the head on as it is, 200 OK.",
        "head 0 RequestId() adds X-Request-ID: 01JD2M9Q7E3K.",
        "stream 4 <Flask 'shop'> gives its body to partial(ProxyFix, x_for=1): 10 blocks, "
        "10,240 bytes.",
        "stream 3 partial(ProxyFix, x_for=1) passes the body on to Compress() as it is: "
        "10 blocks, 10,240 bytes.",
        "stream 2 Compress() takes 10 blocks, 10,240 bytes and gives AccessLog(format='dev') "
        "10 blocks, 412 bytes.",
        "stream 1 AccessLog(format='dev') passes the body on to RequestId() as it is: "
        "10 blocks, 412 bytes.",
        "stream 0 RequestId() passes the body on to the server as it is: 10 blocks, 412 bytes.",
        "close 0 The server calls close() of the body: RequestId() gets it, and hands it on.",
        "close 1 AccessLog(format='dev') gets it, and hands it on.",
        "close 2 Compress() gets it, and hands it on.",
        "close 3 partial(ProxyFix, x_for=1) gets it, and hands it on.",
        "close 4 <Flask 'shop'> is closed, and the request is over.",
    ]


def test_a_broken_rule_is_told_where_it_happens() -> None:
    lines = told(LEAK)
    place = [line.partition(" ")[0] for line in lines].index("fault")
    assert lines[place - 1].startswith("stream 3 ElasticAPM")
    assert (
        lines[place] == "fault 3 ElasticAPM(service='shop') breaks rule 18: It took 6 blocks for 1."
    )
    assert lines[-3:] == [
        "close 3 ElasticAPM(service='shop') gets it, and does not hand it on.",
        "fault 3 ElasticAPM(service='shop') breaks rule 22: close() of the inner body was never "
        "called.",
        "close 4 <Flask 'shop'> never hears of close().",
    ]


def test_a_layer_that_answers_by_itself() -> None:
    name = "Authenticate(Basic(HtpasswdFile('users.htpasswd')))"
    assert f"answer 2 {name} answers 401 Unauthorized, by itself: nothing further in hears of this "
    assert [line for line in told(DENIED) if line.startswith("answer")] == [
        f"answer 2 {name} answers 401 Unauthorized, by itself: nothing further in hears of this "
        "request."
    ]
    unknown = [step.text for step in story(DENIED) if step.phase == "answer"]
    assert unknown == [f"{name} answers 401 Unauthorized."]


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        pytest.param([], [], id="no layer"),
        pytest.param(
            [
                layer("CatchErrors()", status=[None, "500 Internal Server Error"],
                      error="handled KeyError", bytes=[0, 20], blocks=[0, 1]),
                layer("app", status=[None, None], error="raised KeyError", bytes=[0, 0],
                      blocks=[0, 0], closed=None),
            ],
            [
                "in 0 The server calls CatchErrors() with GET /, which leaves environ as it is.",
                "in 1 CatchErrors() calls app.",
                "error 1 app raised KeyError.",
                "error 0 CatchErrors() handled KeyError.",
                "head 0 CatchErrors() starts the response itself, 500 Internal Server Error.",
                "stream 0 CatchErrors() takes 0 blocks, 0 bytes and gives the server "
                "1 block, 20 bytes.",
                "close 0 The server calls close() of the body: CatchErrors() gets it, and hands "
                "it on.",
            ],
            id="an exception that is handled",
        ),
        pytest.param(
            [
                layer("A()", error="passed on OSError", bytes=[5, 5], blocks=[1, 1]),
                layer("app", status=[None, "200 OK"], error="raised OSError", bytes=[0, 5],
                      blocks=[0, 1]),
            ],
            [
                "in 0 The server calls A() with GET /, which leaves environ as it is.",
                "in 1 A() calls app.",
                "answer 1 app answers 200 OK.",
                "head 0 A() passes the head on as it is, 200 OK.",
                "stream 1 app gives its body to A(): 1 block, 5 bytes.",
                "error 1 app raised OSError.",
                "stream 0 A() passes the body on to the server as it is: 1 block, 5 bytes.",
                "error 0 A() passed on OSError.",
                "close 0 The server calls close() of the body: A() gets it, and hands it on.",
                "close 1 app is closed, and the request is over.",
            ],
            id="an exception in the body",
        ),
        pytest.param(
            [layer("app", status=[None, "304 Not Modified"], bytes=[0, 0], blocks=[0, 0])],
            [
                "in 0 The server calls app with GET /.",
                "answer 0 app answers 304 Not Modified.",
                "stream 0 app has no body for the server.",
                "close 0 The server calls close() of the body: app is closed, and the request is "
                "over.",
            ],
            id="no body",
        ),
        pytest.param(
            [layer("app", status=[None, "200 OK"], bytes=[0, None], blocks=[0, None], closed=None)],
            [
                "in 0 The server calls app with GET /.",
                "answer 0 app answers 200 OK.",
                "stream 0 app gives the server a file as it is, unseen.",
            ],
            id="a file",
        ),
        pytest.param(
            [layer("app", status=[None, "200 OK"], blocks=[0, 2], bytes=[0, 9], write=True,
                   closed=False, faults=[{"rule": 3, "message": "x."},
                                          {"rule": 5, "message": "late."}, {"message": "odd"}])],
            [
                "in 0 The server calls app with GET /.",
                "fault 0 app breaks rule 3: x.",
                "answer 0 app answers 200 OK.",
                "fault 0 app breaks rule 5: late.",
                "stream 0 app gives its body to the server: 2 blocks, 9 bytes, some of it by "
                "write().",
                "close 0 The server calls close() of the body: app never hears of close().",
                "fault 0 app breaks rule 0: odd.",
            ],
            id="write, and a body that is never closed",
        ),
        pytest.param(
            [
                layer("A()", status=["200 OK", "304 Not Modified"], bytes=[9, 0], blocks=[1, 0],
                      environ={"removed": {"HTTP_RANGE": "bytes=0-"}},
                      head={"changed": [["ETag", '"1"', 'W/"1"']]}),
                layer("app", status=[None, "200 OK"]),
            ],
            [
                "in 0 The server calls A() with GET /, which removes HTTP_RANGE in environ.",
                "head 0 A() makes 304 Not Modified of the status 200 OK and changes ETag to "
                'W/"1".',
                "stream 0 A() has no body for the server.",
            ],
            id="changes and removals",
        ),
    ],
)  # fmt: skip
def test_it_says(layers: list[Any], says: list[str]) -> None:
    lines = told({"method": "GET", "path": "/", "layers": layers})
    assert [line for line in says if line not in lines] == []
    if len(says) != 3 or "A()" not in says[0]:
        assert lines == says


@pytest.mark.parametrize("name", VECTORS)
def test_hostile_requests_are_told(name: str) -> None:
    steps = story(hostile(VECTORS[name]))
    assert {step.phase for step in steps} <= WORDS.keys()
    assert any(VECTORS[name] in step.text for step in steps)
