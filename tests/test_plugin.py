"""The pytest plugin: the fixture fails a test at its end, with rule and layer of every fault."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

HEAD = """
from wsgimw import compose
from wsgimw.testing.server import Call, make_environ

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

def no_reason(environ, start_response):
    start_response("200", [])
    return ["hello"]

def forgets(app):
    def bound(environ, start_response):
        yield from app(environ, start_response)
    return bound

def passes(app):
    return lambda environ, start_response: app(environ, start_response)
"""


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param(
            "assert Call(wsgi_lint(app), make_environ()).run().raw == b'hello'", [], id="an app"
        ),
        pytest.param(
            "assert Call(wsgi_lint(compose(passes))(app), make_environ()).run().raw == b'hello'",
            [],
            id="a stack",
        ),
        pytest.param(
            "Call(wsgi_lint(no_reason), make_environ()).run()",
            ["*2 broken WSGI rule(s)*", "*rule 13, no_reason: *", "*rule 20, no_reason: *"],
            id="every fault",
        ),
        pytest.param(
            "Call(wsgi_lint(compose(passes, forgets, passes))(app), make_environ()).run()",
            ["*rule 22, forgets: *never closed*"],
            id="the layer",
        ),
        pytest.param(
            "Call(wsgi_lint(app), make_environ()).begin()",
            ["*rule 22, server: *never closed*"],
            id="a body that was dropped",
        ),
        pytest.param(
            "global held; held = Call(wsgi_lint(app), make_environ()).begin()",
            ["*rule 22, server: *never closed*"],
            id="a body that is still held",
        ),
        pytest.param(
            "found = []\n"
            "    Call(wsgi_lint(no_reason, report=found.append), make_environ()).run()\n"
            "    assert [fault.rule for fault in found] == [13, 20]",
            [],
            id="faults that are expected",
        ),
    ],
)
def test_fixture(pytester: pytest.Pytester, body: str, lines: list[str]) -> None:
    pytester.makepyfile(f"{HEAD}\ndef test_it(wsgi_lint):\n    {body}\n")
    # Installed or not: the plugin is loaded once, by this name.
    result = pytester.runpytest_inprocess("-p", "no:wsgimw", "-p", "wsgimw.testing.plugin")
    result.assert_outcomes(passed=1, errors=bool(lines))
    result.stdout.fnmatch_lines(lines)


def test_it_tells_its_fixture(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess(
        "-p", "no:wsgimw", "-p", "wsgimw.testing.plugin", "--fixtures"
    )
    result.stdout.fnmatch_lines(["*wsgi_lint*", "*Check an app*"])


def test_the_plugin_alone_imports_pytest() -> None:
    code = (
        "import sys, wsgimw.testing, wsgimw.testing.linter; assert 'pytest' not in sys.modules;"
        "import wsgimw.testing.plugin; assert 'pytest' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    lazy = "import sys, wsgimw.testing.plugin; assert 'wsgimw.testing.linter' not in sys.modules"
    subprocess.run([sys.executable, "-c", lazy], check=True)
