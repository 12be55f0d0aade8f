"""The koans and their judge: the broken ones, the solutions, and what learners try in between."""

from __future__ import annotations

import ast

import pytest

from tests.koans_chapter import SOLUTIONS, solution
from wsgimw.devtools.koans.judge import Verdict, judge
from wsgimw.devtools.koans.lessons import BROKEN, KOANS, NEVER, Koan, named
from wsgimw.devtools.koans.scenes import SCENES
from wsgimw.testing.probes import RULES

EACH = pytest.mark.parametrize("koan", KOANS, ids=lambda koan: koan.name)
BY_NUMBER = {koan.number: koan for koan in KOANS}

# The sixteen topics in the order in which people err, each with the rule that it breaks.
RULE = [None, 24, 20, 18, 22, 22, 15, 8, 10, 5, 38, 16, 16, 37, 4, 29]

SAYS = {
    1: "expected the 401 to have X-Content-Type-Options: nosniff; but it has not",
    2: '"end" when all of the response is over; but it stood in the log when none of its 3 blocks',
    3: "the server cannot send 'well ✓': it is a str, and no bytes",
    4: "each block to be at the client before the next is made; but 3 had been made when the first",
    5: "expected the body's close() to be called after the end; but it never was",
    6: "close() to be called though the body was never started; but it never was",
    7: "Content-Length says 8, and 10 bytes came: the client cuts off the last 2",
    8: "the second head to reach the server with its exc_info; but TypeError: served_by.",
    9: "start_response to return the server's write(); but None came",
    10: "a head that comes with a block to be waited for; but IndexError: list index out of",
    11: "each client to be told its own name; but ada was told nothing, bob was told bob",
    12: "34 bytes follow a HEAD: the client takes them for its next response",
    13: "expected no new Content-Type with 304 Not Modified; but one came",
    14: '"took 3.000 s", to the end of the body; but the log says "took 1.000 s"',
    15: "PATH_INFO outside to stay '/shop/cart'; but a layer outside of this one sees '/cart'",
    16: "the server's own file object (its wsgi.file_wrapper is a type); but a Counted came",
}

SEES = {
    1: "< 401 Unauthorized",
    2: "* log: end",
    3: "! the server cannot send 'well ✓': it is a str, and no bytes: the client gets a bare 500",
    4: "< b'onetwothree'",
    5: "! the app's body is never closed: what it holds stays open",
    6: "* the client leaves before the first block",
    7: "! Content-Length says 8, and 10 bytes came: the client cuts off the last 2",
    8: "! TypeError: served_by.<locals>.bound.<locals>.start() takes 2 positional arguments but 3 "
    "were given: the client gets a bare 500",
    9: "! TypeError: 'NoneType' object is not callable: the client gets a bare 500",
    10: "! IndexError: list index out of range: the client gets a bare 500",
    11: "ada ! no head came: the client gets a bare 500",
    12: "! 34 bytes follow a HEAD: the client takes them for its next response",
    13: "< 304 Not Modified",
    14: "* log: took 1.000 s",
    15: "* the layer outside sees SCRIPT_NAME '/shop', PATH_INFO '/cart'",
    16: "! the server gets a Counted",
}


def on(koan: Koan, source: str) -> Verdict:
    return judge(koan, source, koan.name)


def test_the_order_and_the_rules() -> None:
    assert [koan.rule for koan in KOANS] == RULE
    assert [koan.number for koan in KOANS] == list(range(1, len(RULE) + 1))
    assert sorted(path.name for path in BROKEN.iterdir()) == [koan.name for koan in KOANS]
    assert sorted(path.name for path in SOLUTIONS.glob("*.py")) == [koan.name for koan in KOANS]


@EACH
def test_it_is_small_and_says_what_it_is_meant_to_do(koan: Koan) -> None:
    assert 10 <= len(koan.source.splitlines()) <= 40
    doc = ast.get_docstring(ast.parse(koan.source)) or ""
    assert doc.startswith(f"Koan {koan.number}. ")
    assert f"Meant: `{koan.layer}`" in doc or koan.number == 1
    assert doc == ast.get_docstring(ast.parse(solution(koan)))


@EACH
def test_it_is_broken_for_the_stated_reason(koan: Koan) -> None:
    verdict = on(koan, koan.source)
    assert (verdict.kind, verdict.rule) == ("broken", koan.rule)
    assert SAYS[koan.number] in verdict.message
    assert SEES[koan.number] in verdict.transcript
    assert not verdict.probes
    assert named(koan.rule)[1].startswith(("PEP", "RFC")) or koan.rule == 37


@EACH
def test_its_solution_passes(koan: Koan) -> None:
    assert on(koan, solution(koan)) == Verdict("passed")


@EACH
def test_to_delete_the_work_is_no_repair(koan: Koan) -> None:
    verdict = on(koan, f"def {koan.layer}(app):\n    return app\n")
    assert (verdict.kind, verdict.rule) == ("lost", None)
    assert "should" in verdict.message or "came without the header" in verdict.message


@EACH
def test_to_delete_the_layer_is_no_repair(koan: Koan) -> None:
    verdict = on(koan, "")
    assert verdict.kind == "trouble"
    assert verdict.message == (
        f"the file does not define {koan.layer} any more, and that is the layer to repair"
    )


def test_what_a_koan_teaches_is_judged_from_then_on() -> None:
    known = {probe for rule in RULES.values() for probe in rule.probes}
    taught = [probe for koan in KOANS for probe in koan.teaches]
    assert len(set(taught)) == len(taught)
    assert {*taught, *NEVER} <= known
    assert KOANS[-1].skip == NEVER
    assert set(KOANS[0].skip) == {*taught, *NEVER}


def test_each_scene_is_played() -> None:
    assert sorted(SCENES) == [koan.name for koan in KOANS]


CLOSES = """
class Body:
    def __init__(self, body, log):
        self.body, self.log, self.total = body, log, 0
    def __iter__(self):
        try:
            for block in self.body:
                self.total += len(block)
                yield block
        finally:
            self.close()
    def close(self):
        if hasattr(self.body, "close"):
            self.body.close()
        self.log.write(f"{self.total} bytes\\n")

def size(app):
    def bound(environ, start_response):
        log = environ["wsgi.errors"]
        return Body(app(environ, start_response), log)
    return bound
"""

# What learners try: number of the koan, what is replaced in its broken file (or, if that begins
# with "=", in its solution; or a whole file), and the verdict.
HALVES = [
    pytest.param(
        1,
        "    members_only,\n    nosniff,",
        "    nosniff,",
        ("lost", None, "a stranger should get 401 Unauthorized; 200 OK came"),
        id="the guard is taken out",
    ),
    pytest.param(
        1,
        "    members_only,\n    nosniff,",
        "    nosniff,\n    members_only,\n    nosniff,",
        ("lost", None, "once; it has not"),
        id="the header is put on both sides",
    ),
    pytest.param(
        2,
        "body = app(environ, start_response)",
        "body = list(app(environ, start_response))",
        ("broken", 17, "no block to be pulled before the layer returns; but 3 were"),
        id="the body is run to be sure",
    ),
    pytest.param(
        2,
        '        log.write("end\\n")\n        return body',
        '        for block in body:\n            yield block\n        log.write("end\\n")',
        ("lost", None, 'the log should say "end" once, when a response is over; it never does'),
        id="end after the loop, without finally",
    ),
    pytest.param(
        2,
        '        log.write("end\\n")\n        return body',
        '        log.write("end\\n")\n        return Ending(body, lambda: log.write("end\\n"))',
        ("lost", None, "it does so 2 times"),
        id="end twice",
    ),
    pytest.param(
        2,
        'log.write("begin\\n")\n        body = app(environ, start_response)',
        'body = app(environ, start_response)\n        log.write("begin\\n")',
        ("broken", 24, "none of its 3 blocks"),
        id="begin after the call",
    ),
    pytest.param(
        2,
        '=        log.write("begin\\n")\n',
        "",
        ("lost", None, 'the log should say "begin" before the response'),
        id="begin is deleted",
    ),
    pytest.param(
        3,
        '["well ✓"]',
        '"well ✓".encode()',
        ("broken", 20, "the body is a bare bytes, and no list of blocks"),
        id="bare bytes",
    ),
    pytest.param(
        3,
        '["well ✓"]',
        '"well ✓"',
        ("broken", 20, "the body is a bare str, and no list of blocks"),
        id="bare text",
    ),
    pytest.param(
        3,
        '["well ✓"]',
        '["well ✓".encode("latin-1")]',
        ("trouble", None, "UnicodeEncodeError: 'latin-1' codec can't encode character"),
        id="another charset, which has no such sign",
    ),
    pytest.param(
        3,
        '["well ✓"]',
        '["well ✓".encode("utf-16")]',
        ("lost", None, '/health should say "well ✓" in UTF-8'),
        id="another charset",
    ),
    pytest.param(
        3,
        '["well ✓"]',
        '[b"well"]',
        ("lost", None, "in UTF-8; 'well' came"),
        id="another text",
    ),
    pytest.param(
        3,
        '["well ✓"]',
        "7",
        ("broken", 20, "the body is 7, and no iterable of blocks"),
        id="no body",
    ),
    pytest.param(
        3,
        'charset=utf-8")])\n            return ["well ✓"]',
        'charset=utf-8"), ("Content-Length", "6")])\n            return ["well ✓".encode()]',
        ("broken", 15, "Content-Length says 6, and 8 bytes came"),
        id="the length of the text, not of its bytes",
    ),
    pytest.param(
        3,
        '=if environ["PATH_INFO"] == "/health":',
        "if True:",
        ("lost", None, "the app answered /other with 200 OK and 7 bytes; 200 OK with 8 bytes came"),
        id="every path is answered",
    ),
    pytest.param(
        4,
        'body = b"".join(app(environ, start_response))\n        log.write(f"{len(body)} bytes\\n")'
        "\n        return [body]",
        'blocks = list(app(environ, start_response))\n        log.write(f"{sum(map(len, blocks))} '
        'bytes\\n")\n        return blocks',
        ("broken", 18, "3 had been made when the first came"),
        id="a list in place of the join",
    ),
    pytest.param(
        4,
        "return [body]",
        "yield body",
        ("broken", 18, "3 had been made when the first came"),
        id="a generator that joins",
    ),
    pytest.param(
        4,
        "=total += len(block)",
        "total += 1",
        ("lost", None, "the log should say \"11 bytes\", once; it says '3 bytes'"),
        id="blocks are counted, not bytes",
    ),
    pytest.param(
        4,
        '=        log.write(f"{total} bytes\\n")',
        "",
        ("lost", None, 'the log should say "11 bytes", once; it says nothing'),
        id="the log is forgotten",
    ),
    pytest.param(
        5,
        "        for block in app(environ, start_response):\n            total += len(block)\n"
        "            yield block\n",
        "        body = app(environ, start_response)\n        for block in body:\n"
        "            total += len(block)\n            yield block\n"
        '        if hasattr(body, "close"):\n            body.close()\n',
        ("broken", 22, "close() to be called after an early stop; but it never was"),
        id="without finally",
    ),
    pytest.param(
        5,
        '=                if hasattr(body, "close"):\n                    body.close()',
        "                body.close()",
        (
            "trouble",
            None,
            "AttributeError: 'list' object has no attribute 'close'\n  line 19: body.close()",
        ),
        id="not every body has a close",
    ),
    pytest.param(
        5,
        '=if hasattr(body, "close"):',
        'if body and hasattr(body, "close"):',
        ("broken", 22, "tried: The body is false in a condition, and is iterated and closed like"),
        id="asked by its truth",
    ),
    pytest.param(
        6,
        "return counted(app(environ, start_response), log)",
        "blocks = counted(app(environ, start_response), log)\n        first = next(blocks)\n"
        "        return itertools.chain([first], blocks)",
        ("trouble", None, "NameError: name 'itertools' is not defined"),
        id="an import is missing",
    ),
    pytest.param(
        6,
        '"""\n\n\ndef size(app):\n    def bound(environ, start_response):\n'
        '        log = environ["wsgi.errors"]\n'
        "        return counted(app(environ, start_response), log)",
        '"""\n\nimport itertools\n\ndef size(app):\n    def bound(environ, start_response):\n'
        '        log = environ["wsgi.errors"]\n'
        "        blocks = counted(app(environ, start_response), log)\n"
        '        return itertools.chain([next(blocks, b"")], blocks)',
        ("broken", 22, "close() to be called though the body was never started; but it never was"),
        id="the first block is pulled, to start it",
    ),
    pytest.param(
        6,
        None,
        CLOSES,
        ("lost", None, "the log should say \"11 bytes\", once; it says '11 bytes' and '11 bytes'"),
        id="a class that closes in both places",
    ),
    pytest.param(
        6,
        "=        if not self.closed:",
        "        if True:",
        ("broken", 23, "a second close() to stop at the layer; but it was twice"),
        id="a second close goes through",
    ),
    pytest.param(
        7,
        "return start_response(status, headers, *exc_info)",
        'headers = [item for item in headers if item[0] != "Content-Length"]\n'
        "            return start_response(status, headers, *exc_info)",
        ("broken", 15, "Content-Length says 8, and 10 bytes came"),
        id="the name is written otherwise",
    ),
    pytest.param(
        7,
        "=            if csv:\n                headers",
        "            if True:\n                headers",
        ("lost", None, "an answer that is no CSV should keep its Content-Length; it is gone"),
        id="from every answer",
    ),
    pytest.param(
        7,
        "=headers = [item",
        "headers[:] = [item",
        ("broken", 12, "the app's own list of headers to stay; but the layer changed it"),
        id="in the app's own list",
    ),
    pytest.param(
        7,
        '.replace(b"\\n", b"\\r\\n") if self.csv else block',
        "",
        ("lost", None, "CSV should come with \\r\\n at each line's end"),
        id="the line ends are given up",
    ),
    pytest.param(
        7,
        "=        for block in self.body:\n"
        '            yield block.replace(b"\\n", b"\\r\\n") if self.csv else block',
        '        body = b"".join(self.body)\n'
        '        yield body.replace(b"\\n", b"\\r\\n") if self.csv else body',
        ("broken", 18, "2 blocks out for 2 blocks in; but 1 came"),
        id="joined again",
    ),
    pytest.param(
        8,
        "def start(status, headers):",
        "def start(status, headers, exc_info=None):",
        ("broken", 8, "Refused: start_response() was called a second time without"),
        id="taken and not handed on",
    ),
    pytest.param(
        8,
        'return start_response(status, [*headers, ("X-Served-By", "koans")])',
        "return start_response(status, headers)",
        ("broken", 8, "TypeError: served_by."),
        id="without the header",
    ),
    pytest.param(
        8,
        '=headers = [*headers, ("X-Served-By", "koans")]',
        'headers = headers if exc_info else [*headers, ("X-Served-By", "koans")]',
        ("lost", None, "the error page came without the header X-Served-By: koans"),
        id="not on the error page",
    ),
    pytest.param(
        9,
        "            start_response(status,",
        "            return lambda data: start_response(status,",
        (
            "broken",
            10,
            "what the app writes to come, and before what it returns; but b'world' came",
        ),
        id="the call is wrapped in a lambda",
    ),
    pytest.param(
        9,
        "*exc_info)\n\n",
        "*exc_info)\n            return lambda data: None\n\n",
        (
            "broken",
            10,
            "what the app writes to come, and before what it returns; but b'world' came",
        ),
        id="a write that writes nothing",
    ),
    pytest.param(
        9,
        'start_response(status, [*headers, ("Set-Cookie", "visited=yes")], *exc_info)',
        "return start_response(status, headers, *exc_info)",
        ("lost", None, "an answer should have Set-Cookie: visited=yes, once; it has not"),
        id="the cookie is lost",
    ),
    pytest.param(
        10,
        "{seen[-1]}",
        "{seen[-1] if seen else '-'}",
        ("broken", 5, "expected '/news 200 OK' in the log, once; but it says '/news -'"),
        id="a dash where the head is late",
    ),
    pytest.param(
        10,
        "seen.append(status)\n            return start_response(status, headers, *exc_info)\n\n"
        '        body = app(environ, start)\n        log.write(f"{path} {seen[-1]}\\n")\n'
        "        return body",
        'log.write(f"{path} {status}\\n")\n'
        "            return start_response(status, headers, *exc_info)\n\n"
        "        return app(environ, start)",
        ("broken", 7, "but it says '/broken 200 OK' and '/broken 500 Sorry'"),
        id="in start, which may be called twice",
    ),
    pytest.param(
        10,
        "=seen[-1] if seen",
        "seen[0] if seen",
        (
            "broken",
            7,
            "expected '/broken 500 Sorry' in the log, once; but it says '/broken 200 OK'",
        ),
        id="the first head",
    ),
    pytest.param(
        10,
        "        body = app(environ, start)",
        "        body = list(app(environ, start))",
        ("broken", 17, "no block to be pulled before the layer returns"),
        id="the body is run first",
    ),
    pytest.param(
        11,
        "self.start_response = start_response\n        return self.app(environ, self.start)",
        "def start(status, headers, *exc_info):\n"
        '            headers = [*headers, ("X-Asked-By", self.user)]\n'
        "            return start_response(status, headers, *exc_info)\n"
        "        return self.app(environ, start)",
        ("broken", 38, "but ada was told bob, bob was told bob"),
        id="half of it is local",
    ),
    pytest.param(
        11,
        """        self.app = app

    def __call__(self, environ, start_response):
        self.user = environ.get("REMOTE_USER", "nobody")
        self.start_response = start_response
        return self.app(environ, self.start)
""",
        """        import threading
        self.app, self.lock = app, threading.Lock()

    def __call__(self, environ, start_response):
        with self.lock:
            self.user = environ.get("REMOTE_USER", "nobody")
            self.start_response = start_response
            return self.app(environ, self.start)
""",
        ("broken", 38, "each client to be told its own name"),
        id="a lock round the call, which the stream outlives",
    ),
    pytest.param(
        11,
        '"nobody")',
        '"somebody")',
        ("broken", 38, "each client to be told its own name"),
        id="another word",
    ),
    pytest.param(
        11,
        '="nobody")',
        '"somebody")',
        ("lost", None, "should say who asked in X-Asked-By, or nobody"),
        id="another word, repaired",
    ),
    pytest.param(
        12,
        "        headers = [",
        '        if environ["REQUEST_METHOD"] == "HEAD":\n'
        '            start_response("200 OK", [("Content-Length", "0")])\n'
        "            return []\n        headers = [",
        ("broken", 16, "but [('Content-Length', '0')] came"),
        id="the length of the empty body",
    ),
    pytest.param(
        12,
        '!= "/robots.txt":',
        '!= "/robots.txt" or environ["REQUEST_METHOD"] == "HEAD":',
        ("lost", None, "HEAD /robots.txt should be answered as GET is; 404 Not Found came"),
        id="HEAD is left to the app",
    ),
    pytest.param(
        12,
        "return [TEXT]",
        "return []",
        ("broken", 15, "Content-Length says 34, and 0 bytes came: the client waits"),
        id="nobody gets the text",
    ),
    pytest.param(
        13,
        "if not any(",
        'if not status.startswith("304") and not any(',
        ("broken", 16, "expected no new Content-Type with 204 No Content; but one came"),
        id="304 alone",
    ),
    pytest.param(
        13,
        "if not any(",
        'if status not in ("304 Not Modified", "204 No Content") and not any(',
        ("broken", 16, "expected no new Content-Type with 304 Same As Yours; but one came"),
        id="the reason is compared",
    ),
    pytest.param(
        13,
        "=if has_body and not any(",
        "if has_body and any(",
        ("lost", None, "a page should come with Content-Type ['text/html; charset=utf-8']"),
        id="the wrong way round",
    ),
    pytest.param(
        14,
        '        with stopwatch(environ["wsgi.errors"]):\n'
        "            return app(environ, start_response)",
        '        with stopwatch(environ["wsgi.errors"]):\n'
        "            return list(app(environ, start_response))",
        ("broken", 17, "no block to be made after the client had left; but one was"),
        id="the body is run inside",
    ),
    pytest.param(
        14,
        '        with stopwatch(environ["wsgi.errors"]):\n'
        "            return app(environ, start_response)",
        '        log = environ["wsgi.errors"]\n        body = app(environ, start_response)\n'
        "        with stopwatch(log):\n            yield from body",
        (
            "broken",
            37,
            'expected "took 3.000 s", to the end of the body; but the log says "took 2.',
        ),
        id="only the stream",
    ),
    pytest.param(
        14,
        '=            log.write(f"took {perf_counter() - started:.3f} s\\n")',
        "            pass",
        (
            "lost",
            None,
            'after a whole response the log should say "took 3.000 s", once; it says no',
        ),
        id="nothing is logged",
    ),
    pytest.param(
        15,
        "return app(environ, start_response)",
        "try:\n            return app(environ, start_response)\n        finally:\n"
        '            environ["SCRIPT_NAME"], environ["PATH_INFO"] = "", path',
        ("broken", 4, "while its body runs; but it sees ('', '/shop/cart')"),
        id="put back after the call",
    ),
    pytest.param(
        15,
        '        environ["SCRIPT_NAME"] += "/shop"\n',
        "        environ = dict(environ)\n",
        (
            "lost",
            None,
            "the app should see SCRIPT_NAME '/shop', PATH_INFO '/cart', not ('', '/cart')",
        ),
        id="SCRIPT_NAME is forgotten",
    ),
    pytest.param(
        15,
        '        environ["SCRIPT_NAME"] += "/shop"\n',
        "        import collections\n        environ = collections.ChainMap({}, environ)\n"
        '        environ["SCRIPT_NAME"] += "/shop"\n',
        ("broken", 3, "environ to be an exact dict; but a ChainMap came"),
        id="no real dict",
    ),
    pytest.param(
        15,
        '=if path != "/shop" and not path.startswith("/shop/"):',
        'if not path.startswith("/shop"):',
        ("lost", None, "/shopping is not below /shop and should get 404; 200 OK came"),
        id="a path that only begins like it",
    ),
    pytest.param(
        14,
        "=perf_counter() - started",
        "perf_counter()",
        ("broken", 37, '"took 3.000 s", to the end of the body; but the log says "took 1003.000'),
        id="the time of day",
    ),
    pytest.param(
        15,
        'if path != "/shop" and not path.startswith("/shop/"):',
        "if True:",
        ("lost", None, "the app below /shop should be asked for /shop/cart; it was not"),
        id="everything is 404",
    ),
    pytest.param(
        14,
        '=            log.write(f"took {perf_counter() - started:.3f} s\\n")',
        '            log.write(f"took {perf_counter() - environ[started]:.3f} s\\n")',
        ("trouble", None, "KeyError: 1000.0\n  line 35"),
        id="a mistake at the end",
    ),
    pytest.param(
        16,
        "        return Counted(body, log)",
        '        if isinstance(body, environ["wsgi.file_wrapper"]):\n'
        '            log.write("a file\\n")\n            return body\n'
        "        return Counted(body, log)",
        ("trouble", None, "TypeError: isinstance() arg 2 must be a type"),
        id="not every wrapper is a class",
    ),
    pytest.param(
        16,
        "        return Counted(body, log)",
        '        wrapper = environ.get("wsgi.file_wrapper")\n'
        "        if isinstance(wrapper, type) and isinstance(body, wrapper):\n"
        '            log.write("a file\\n")\n            return body\n'
        "        return Counted(body, log)",
        ("broken", 29, "(its wsgi.file_wrapper is a function); but a Counted came"),
        id="only where it is a class",
    ),
    pytest.param(
        16,
        '=            log.write("a file\\n")\n',
        "",
        ("lost", None, 'the log should say "a file", once; it says nothing'),
        id="the log is forgotten",
    ),
    pytest.param(
        16,
        "=return Counted(body, log)",
        "return list(body)",
        ("lost", None, 'after a page the log should say "11 bytes", once; it says nothing'),
        id="streams are no longer counted",
    ),
]


@pytest.mark.parametrize(("number", "old", "new", "wanted"), HALVES)
def test_half_a_solution(
    number: int, old: str | None, new: str, wanted: tuple[str, int | None, str]
) -> None:
    koan = BY_NUMBER[number]
    verdict = on(koan, tried(koan, old, new))
    kind, rule, says = wanted
    assert (verdict.kind, verdict.rule) == (kind, rule), verdict.message
    assert says in verdict.message


def tried(koan: Koan, old: str | None, new: str) -> str:
    if old is None:
        return new
    source = solution(koan) if old.startswith("=") else koan.source
    old = old.removeprefix("=")
    assert source.count(old) == 1
    return source.replace(old, new)


def test_every_koan_has_a_half_solution() -> None:
    assert {param.values[0] for param in HALVES} == set(BY_NUMBER)


PEP = """
def served_by(app):
    def bound(environ, start_response):
        def start(status, headers, exc_info=None):
            headers = [*headers, ("X-Served-By", "koans")]
            return start_response(status, headers, exc_info)
        return app(environ, start)
    return bound
"""
HOOKS = """
from dataclasses import dataclass
from time import perf_counter
from wsgimw import Hooks

@dataclass(frozen=True, slots=True)
class Timing(Hooks):
    def on_request(self, environ):
        return environ["wsgi.errors"], perf_counter()
    def on_end(self, x):
        log, started = x.state
        log.write(f"took {perf_counter() - started:.3f} s\\n")

timing = Timing()
"""
ONION = """
from wsgimw import layer

@layer
def _diary(environ):
    log = environ["wsgi.errors"]
    log.write("begin\\n")
    yield
    yield
    log.write("end\\n")

diary = _diary()
"""


@pytest.mark.parametrize(
    ("number", "source"),
    [
        pytest.param(8, PEP, id="exc_info=None, as PEP 3333 writes it"),
        pytest.param(14, HOOKS, id="by Hooks"),
        pytest.param(2, ONION, id="by @layer"),
        pytest.param(2, ONION.replace(r'log.write("end\n")', 'print("end", file=log)'), id="print"),
        pytest.param(
            2, ONION.replace(r'log.write("end\n")', 'log.write("en"), log.write("d")'), id="pieces"
        ),
    ],
)
def test_other_solutions_pass(number: int, source: str) -> None:
    assert on(BY_NUMBER[number], source) == Verdict("passed")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            "def size(app:\n", "'(' was never closed\n  line 1: def size(app:", id="syntax"
        ),
        pytest.param("import nowhere\n", "No module named 'nowhere'\n  line 1: imp", id="import"),
        pytest.param("\n1 / 0\n", "ZeroDivisionError: division by zero\n  line 2: 1 / 0", id="run"),
        pytest.param("import sys\nsys.exit('bye')\n", "SystemExit: bye\n  line 2", id="exit"),
        pytest.param("size = 3\n", "size is 3, and no layer any more", id="no layer"),
        pytest.param(
            "def size(app):\n    def bound(environ, start_response): pass\n",
            "size: called with an app, it gave back None; a layer gives back the app that it made",
            id="return is missing",
        ),
        pytest.param(
            "def size():\n    pass\n",
            "size() takes 0 positional arguments but 1 was given",
            id="takes no app",
        ),
        pytest.param(
            "def size(app):\n    def bound(environ, start_response):\n        return ap\n"
            "    return bound\n",
            "NameError: name 'ap' is not defined\n  line 3: return ap",
            id="a name",
        ),
        pytest.param(
            "def size(app):\n    def bound(environ, start_response):\n"
            "        start_response('200 OK', [])\n        while True: yield b'x'\n"
            "    return bound\n",
            "size: the body had not ended after 1,000 blocks",
            id="an endless body",
        ),
        pytest.param("x = 'a\0'\n", "null bytes", id="null bytes"),
        pytest.param("def f(): f()\nf()\n", "RecursionError: maximum recursion", id="recursion"),
        pytest.param(
            "class E(Exception):\n    def __str__(self): raise ValueError\nraise E\n",
            "E\n  line 3: raise E",
            id="an exception that cannot be told",
        ),
        pytest.param("raise ValueError('x' * 900)\n", "x" * 280, id="a long message"),
    ],
)
def test_what_cannot_be_judged(source: str, message: str) -> None:
    verdict = on(BY_NUMBER[4], source)
    assert verdict.kind == "trouble"
    assert message in verdict.message
    assert len(verdict.message) < 500


def test_what_is_shown_of_prints() -> None:
    koan = BY_NUMBER[5]
    source = koan.source.replace("total = 0", "total = 0; print('begins')")
    assert on(koan, source).printed == "begins\n" * 2  # the scene's two requests, and no more
    assert on(koan, "print('x' * 5000)\n1 / 0\n").printed == "x" * 2000


def test_an_unrepresentable_body_is_told() -> None:
    source = (
        "class Odd:\n    def __repr__(self): raise ValueError\n"
        "def health(app):\n    def bound(environ, start_response):\n"
        "        if environ['PATH_INFO'] != '/health': return app(environ, start_response)\n"
        "        start_response('200 OK', [])\n        return [Odd()]\n    return bound\n"
    )
    verdict = on(BY_NUMBER[3], source)
    assert verdict.message == "the server cannot send a Odd: it is a Odd, and no bytes"


def test_a_connection_is_cut_once_bytes_have_left() -> None:
    source = (
        "def size(app):\n    def bound(environ, start_response):\n"
        "        for number, block in enumerate(app(environ, start_response)):\n"
        "            yield block\n            if number == 1: raise OSError('disk')\n"
        "    return bound\n"
    )
    verdict = on(BY_NUMBER[4], source)
    assert "! OSError: disk: the connection is cut" in verdict.transcript
    assert verdict.message == "OSError: disk\n  line 5: if number == 1: raise OSError('disk')"
