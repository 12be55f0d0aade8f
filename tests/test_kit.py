"""The conformance kit: every probe can fail, and blames what is broken and nothing else."""

from __future__ import annotations

import contextvars
import gc
import importlib
import io
import logging
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial, reduce
from pathlib import Path
from typing import Any

import pytest

from tests.broken_layers import (
    BROKEN,
    GZIP,
    ClosingList,
    Committing,
    LooksAhead,
    Wrapper,
    body_layer,
    gzip_layer,
    head_edit,
    holding,
    is_stream,
)
from wsgimw.testing import Report, check_middleware, kit, probes, rules
from wsgimw.testing.apps import Interrupted
from wsgimw.testing.rules import RULES
from wsgimw.testing.server import App, Call, Environ, Headers, StartResponse, decode, make_environ

PROBES = {
    1: "reentrant interleaved",
    2: "positional two_arguments",
    3: "environ_type environ_emptied",
    4: "environ_outside",
    5: "late_generator late_class",
    6: "late_empty head_before_block",
    7: "restart_in_call restart_in_body restart_after_bytes restart_after_write",
    8: "exc_info_forwarded",
    9: "exc_info_freed",
    10: "write_order write_at_once write_only",
    11: "write_not_for_blocks",
    12: "header_constant",
    13: "head_unchanged",
    14: "hop_by_hop",
    15: "length_true",
    16: "head_request no_content not_modified",
    17: "nothing_pulled",
    18: "pace event_stream",
    19: "empty_blocks",
    20: "block_type",
    21: "len_one len_invented",
    22: "close_full close_early close_unstarted close_on_error close_falsy close_on_iterable",
    23: "close_once",
    24: "close_order",
    25: "close_error",
    26: "after_close close_elsewhere dropped",
    27: "error_at_call error_first error_midstream base_exception",
    28: "released_on_raise",
    29: "file_wrapper_type file_wrapper_function",
    30: "input_equal",
    31: "errors_open",
    32: "native_strings",
    33: "path_sum",
    34: "flags",
    35: "bypass",
    36: "no_early_read",
    37: "contexts",
    38: "threads two_apps",
    39: "freed_list freed_stream freed_error",
    40: "",
    41: "generator_final_head generator_commit",
}
IDS = [probe for named in PROBES.values() for probe in named.split()]


def failed(report: Report) -> set[str]:
    return {result.id for result in report.failures}


def identity(app: App) -> App:
    return app


# ---- the rules --------------------------------------------------------------------------------


def test_every_rule_and_probe_of_the_protocol_is_there() -> None:
    found = {number: " ".join(rule.probes) for number, rule in RULES.items()}
    assert found == PROBES
    assert len(IDS) == len(set(IDS)) == 69


@pytest.mark.parametrize("number", PROBES)
def test_a_rule_says_what_why_and_where(number: int) -> None:
    rule = RULES[number]
    assert rule.number == number
    assert rule.kind in "MHQ"
    for text in (rule.text, rule.why):
        assert len(text) > 40, text
        assert text.endswith((".", ")")), text
    assert rule.source
    assert all(probe.story.endswith(".") for probe in rule.probes.values())
    assert rule.probes or rule.borrows == (5, 10, 17)


def test_the_page_of_the_rules_has_every_rule_and_probe() -> None:
    page = kit.rules_markdown()
    assert re.findall(r"^- `(\w+)`: ", page, re.M) == IDS
    assert r"\_\_len\_\_" in page
    page = re.sub(r"\\([\\`*_<])", r"\1", page)
    for number, rule in RULES.items():
        assert f"\n## {number}. {rule.title}\n" in page
        assert rule.text in page
        assert rule.why in page
        assert rule.seen in page
    assert "- the probes of rule 17\n" in page


# ---- broken layers ----------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let layers that lock others out be found out sooner."""
    monkeypatch.setattr(probes, "HANG", 1.0)
    monkeypatch.setattr(rules, "HANG", 0.2)


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.usefixtures("impatient")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # one of them leaves files open
def test_a_broken_layer_fails_on_its_rule_alone(name: str) -> None:
    broken = BROKEN[name]
    report = check_middleware(broken.layer, environ=broken.environ)
    assert failed(report) == set(broken.probes), report
    assert not report.ok
    assert all(result.message for result in report.failures)


@pytest.mark.parametrize("probe", IDS)
def test_a_probe_can_fail(probe: str) -> None:
    assert any(probe in broken.probes for broken in BROKEN.values())


@pytest.mark.usefixtures("impatient")
def test_a_layer_that_waits_for_itself_is_a_fault_and_no_hang() -> None:
    lock = threading.Lock()

    def locked(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            with lock:
                return app(environ, start_response)

        return bound

    report = check_middleware(locked)
    assert failed(report) == {"reentrant", "interleaved"}
    assert "a deadlock" in report.failures[0].message
    assert {result.message for result in report.results if result.status == "skipped"} == {
        "not run, since the layer never came back from other probes"
    }


# ---- layers that are right, be they unusual ---------------------------------------------------


def adds_a_header(app: App) -> App:
    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            return start_response(status, [*headers, ("X-Frame-Options", "DENY")], *exc_info)

        return app(environ, start)

    return bound


def copies_environ(app: App) -> App:
    return lambda environ, start_response: app({**environ}, start_response)


def serialises(app: App) -> App:
    """Let in one request at a time, but the same thread again."""
    lock = threading.RLock()

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        with lock:
            return app(environ, start_response)

    return bound


class KeepsLists(Wrapper):
    """What a careful layer does with every body: lists keep their len(), streams are wrapped."""

    @staticmethod
    def layer(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            before = dict(environ)
            body = app(environ, start_response)
            if isinstance(body, (list, tuple)):
                kept = ClosingList(body)
                kept.close = Wrapper(body).close
                return kept
            return Wrapper(body) if is_stream(body, before) else body

        return bound


former: contextvars.ContextVar[Any] = contextvars.ContextVar("former", default=None)


def sets_a_context_variable(app: App) -> App:
    """Set a variable while inner code runs; set the former value back, never by its token."""

    class During(Wrapper):
        def __iter__(self) -> Iterator[bytes]:
            blocks = super().__iter__()
            while True:
                block = inside(lambda: next(blocks, None))
                if block is None:
                    return
                yield block

        def close(self) -> None:
            inside(super().close)

    def inside(act: Callable[[], Any]) -> Any:
        before = former.get()
        former.set("a request")
        try:
            return act()
        finally:
            former.set(before)

    def bound(environ: Environ, start_response: StartResponse) -> Any:
        return inside(lambda: body_layer(During)(app)(environ, start_response))

    return bound


def answers_errors(app: App) -> App:
    """Answer errors before the first byte, report those of close(): breaks 25 and 27 on purpose."""

    class Answering(Wrapper):
        start: StartResponse

        def __iter__(self) -> Iterator[bytes]:
            sent = False
            try:
                for block in super().__iter__():
                    sent = sent or bool(block)
                    yield block
            except Exception:
                if sent:
                    raise
                yield self.page()

        def page(self) -> bytes:
            self.start("500 Oh", [("Content-Type", "text/plain")], sys.exc_info())
            return b"an error"

        def close(self) -> None:
            try:
                super().close()
            except Exception as error:
                self.environ["wsgi.errors"].write(f"close() raised {error}\n")

    def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        before = dict(environ)
        try:
            body = app(environ, start_response)
        except Exception:
            start_response("500 Oh", [("Content-Type", "text/plain")], sys.exc_info())
            return [b"an error"]
        if not is_stream(body, before):
            return body
        answering = Answering(body, before)
        answering.start = start_response
        return answering

    return bound


def logs_at_the_end(app: App) -> App:
    """Write a line with the traceback of what failed, to a logger whose records are kept."""

    class Logging(Wrapper):
        def __iter__(self) -> Iterator[bytes]:
            try:
                yield from super().__iter__()
            except Exception:
                logging.getLogger("tests").exception("a request failed")
                raise

    bound: App = body_layer(Logging)(app)
    return bound


class Request:
    """A layer whose bound app is an object in a cycle: that is no cycle of a request."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.itself = self

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["X_REQUEST_ID"] = "00ff"
        return self.app(environ, start_response)


RIGHT: dict[str, Any] = {
    "identity": identity,
    "adds a header": adds_a_header,
    "sets a header by Headers": head_edit(lambda status, headers: (status, headers[:])),
    "copies environ": copies_environ,
    "a correct body wrapper": KeepsLists.layer,
    "holds the head": holding(Committing),
    "one request at a time": serialises,
    "a context variable set back by value": sets_a_context_variable,
    "logs failures": logs_at_the_end,
    "a bound app in a cycle": Request,
    "six wrappers deep": lambda app: reduce(
        lambda inner, _: KeepsLists.layer(inner), "123456", app
    ),
}


@pytest.mark.parametrize("accept", ["plain", "gzip"])
@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.usefixtures("impatient")
def test_a_right_layer_is_clean(name: str, accept: str) -> None:
    report = check_middleware(RIGHT[name], environ=GZIP if accept == "gzip" else None)
    assert report.ok, report
    assert not report.failures
    assert [result.id for result in report.results] == IDS


def test_a_body_layer_that_codes_is_clean() -> None:
    for layer in (gzip_layer, lambda app: gzip_layer(adds_a_header(KeepsLists.layer(app)))):
        report = check_middleware(layer, environ=GZIP)
        assert report.ok, report


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate"])
def test_other_codings_are_read(coding: str) -> None:
    plain = b"a body that is long enough to be worth coding " * 20
    if coding == "br":
        coded = pytest.importorskip("brotli").compress(plain)
    elif coding == "zstd":
        try:
            module = importlib.import_module("compression.zstd")
        except ImportError:
            module = pytest.importorskip("backports.zstd")
        coded = module.compress(plain)
    else:
        coded = importlib.import_module("zlib").compress(plain)
    assert decode(coding, coded) == (plain, True)
    assert decode(coding, coded[:-4])[1] is False
    assert decode(coding, b"") == (b"", True)


@pytest.mark.parametrize(
    ("coding", "data", "says"),
    [
        pytest.param("gzip", b"plain text", "the body is no gzip", id="false"),
        pytest.param("rot13", b"cynva", "'rot13' is not known to the kit", id="unknown"),
    ],
)
def test_a_coding_that_cannot_be_undone_is_said(coding: str, data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        decode(coding, data)


def test_a_layer_that_answers_errors_passes_the_rest() -> None:
    assert check_middleware(answers_errors, skip=(25, 27))
    report = check_middleware(answers_errors)
    assert {result.rule for result in report.failures} == {25, 27}


def test_one_block_of_look_ahead_is_wrong_for_event_streams_alone() -> None:
    assert failed(check_middleware(body_layer(LooksAhead))) == {"event_stream"}


# ---- other people's middleware ----------------------------------------------------------------


def other(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(pytest.importorskip(module), attribute)


@pytest.mark.parametrize(
    "name",
    [
        "werkzeug.middleware.proxy_fix:ProxyFix",
        "whitenoise:WhiteNoise",
        "paste.httpexceptions:make_middleware",
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_clean_middleware_of_others(name: str) -> None:
    report = check_middleware(other(name))
    assert report.ok, report


@pytest.mark.parametrize(
    ("name", "options", "broken"),
    [
        pytest.param(
            "werkzeug.middleware.profiler:ProfilerMiddleware",
            {"stream": io.StringIO()},
            {10, 17, 18, 22},
            id="Profiler buffers, holds write, loses close on an error",
        ),
        pytest.param(
            "werkzeug.debug:DebuggedApplication",
            {},
            {22, 27, 39},
            id="DebuggedApplication loses close unstarted and early",
        ),
        pytest.param(
            "paste.translogger:TransLogger",
            {"setup_console_handler": False},
            {7, 8},
            id="TransLogger drops exc_info",
        ),
        pytest.param(
            "paste.gzipper:middleware",
            {},
            {5, 8, 12, 16, 17, 18},
            id="gzipper: late status, exc_info, the app's list, HEAD, buffers",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
# Paste's GzipFiles write when they are collected, from 3.13 on into a buffer that is gone by then.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_broken_middleware_of_others(
    name: str, options: dict[str, Any], broken: set[int], capsys: pytest.CaptureFixture[str]
) -> None:
    report = check_middleware(partial(other(name), **options), environ=GZIP)
    gc.collect()  # what it leaves behind is this test's, not the next one's
    assert broken <= {result.rule for result in report.failures}


# ---- the report -------------------------------------------------------------------------------


def test_a_report_is_true_when_clean_and_says_so() -> None:
    report = check_middleware(identity, skip=(25, "pace"))
    assert report
    assert repr(report) == "<Report on identity: 67 probes passed, 2 skipped>"
    assert {r.id for r in report.results if r.status == "skipped"} == {"close_error", "pace"}
    assert repr(check_middleware(identity)) == "<Report on identity: 69 probes passed>"


def test_a_report_says_rule_expectation_and_reason() -> None:
    text = str(repr(check_middleware(BROKEN["textbook_generator"].layer)))
    assert text.splitlines() == [
        "textbook breaks the protocol: 1 of 69 probes failed",
        "",
        "rule 22: close() always arrives (close_unstarted)",
        "  expected the body's close() to be called though the body was never started",
        "  but it never was",
        "  why: close() gives back database connections, files and locks. A generator that was",
        "    never started does not run its finally, so the textbook wrapper (try, for, yield,",
        "    finally) loses it whenever a client is gone early or a HEAD is not iterated.",
        '  see PEP 3333, "Specification Details"',
    ]


def test_pytest_prints_the_whole_report(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text(
        "from wsgimw.testing import check_middleware\n"
        "from tests.broken_layers import BROKEN\n"
        "def test_it():\n"
        "    assert check_middleware(BROKEN['textbook_generator'].layer)\n"
        "def test_the_message():\n"
        "    report = check_middleware(BROKEN['textbook_generator'].layer)\n"
        "    assert report.ok, report\n"
    )
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line.removeprefix("E").strip() for line in done.stdout.splitlines()]
    assert "rule 22: close() always arrives (close_unstarted)" in lines
    assert "expected the body's close() to be called though the body was never started" in lines
    assert "but it never was" in lines
    assert any(line.startswith("why: close() gives back database connections") for line in lines)
    assert lines.count("rule 22: close() always arrives (close_unstarted)") >= 2
    assert not any(line.startswith("~") for line in lines)


def test_a_long_repr_says_to_pytest_that_it_is_short() -> None:
    text = repr(check_middleware(BROKEN["textbook_generator"].layer))
    assert len(text) < 240 < len(str(text).encode())
    assert text.replace("\n", "\\n") == "\n~".join(text.splitlines())
    assert text.replace("\n", "\\n").replace("\n", "\n~") == "\n~".join(text.splitlines())
    assert text.replace("textbook ", "it ", 1).startswith("it breaks")


def test_a_planted_ctrl_c_that_strays_is_a_failure() -> None:
    assert not check_middleware(raising(Interrupted, "calling"))


def test_equal_failures_are_said_once() -> None:
    text = repr(check_middleware(lambda app: None))
    assert "69 of 69 probes failed" in text
    assert "(close_full, close_early, close_unstarted," in text
    assert "expected a layer that returns an app when it is called with one" in text
    assert "but None came" in text


def test_a_result_cannot_be_changed() -> None:
    result = check_middleware(identity, skip=range(2, 42)).results[0]
    with pytest.raises(AttributeError):
        result.status = "failed"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("skip", "says"),
    [
        pytest.param((42,), r"42, which is neither a rule \(1 to 41\) nor a probe's id", id="rule"),
        pytest.param(("paces",), "Did you mean 'pace'", id="probe"),
        pytest.param("pace", r"write skip=\('pace',\)", id="string"),
        pytest.param((None,), "None", id="neither"),
    ],
)
def test_an_unknown_skip_is_refused(skip: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_middleware(identity, skip=skip)


def test_rule_40_is_judged_by_the_probes_of_5_10_and_17() -> None:
    report = check_middleware(BROKEN["primes"].layer, skip=(40,))
    assert report
    skipped = {result.rule for result in report.results if result.status == "skipped"}
    assert skipped == {5, 10, 17}


def test_environ_is_added_to_every_request() -> None:
    seen: list[Any] = []

    def watching(app: App) -> App:
        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            seen.append(environ.get("HTTP_X_KEY"))
            seen.append(environ["PATH_INFO"].startswith("/admin"))
            return app(environ, start_response)

        return bound

    assert check_middleware(watching, environ={"HTTP_X_KEY": "yes", "PATH_INFO": "/admin"})
    assert set(seen) == {"yes", True}


# ---- whatever the layer does ------------------------------------------------------------------


class Nameless:
    def __repr__(self) -> str:
        raise RuntimeError("no name")

    def __call__(self, app: App) -> App:
        return app


def raising(error: type[BaseException], when: str) -> Any:
    def layer(app: App) -> App:
        if when == "binding":
            raise error()

        def bound(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            raise error()

        return bound

    return layer


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Endless:
    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b""


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(None, id="None"),
        pytest.param("layer", id="a string"),
        pytest.param(lambda: None, id="no argument"),
        pytest.param(lambda app: 3, id="returns a number"),
        pytest.param(lambda app: lambda: None, id="returns no app"),
        pytest.param(lambda app: lambda environ, start_response: None, id="no body"),
        pytest.param(lambda app: lambda environ, start_response: Endless(), id="endless"),
        pytest.param(raising(SystemExit, "binding"), id="exits when bound"),
        pytest.param(raising(SystemExit, "calling"), id="exits when called"),
        pytest.param(raising(GeneratorExit, "calling"), id="GeneratorExit"),
        pytest.param(raising(Unspeakable, "calling"), id="an error without words"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_nothing_is_raised_whatever_the_layer_is(layer: Any) -> None:
    report = check_middleware(layer)
    assert not report
    assert "breaks the protocol" in repr(report)


def test_a_layer_without_a_name_has_the_one_of_its_class() -> None:
    assert repr(check_middleware(Nameless(), skip=range(1, 42))).startswith("<Report on Nameless:")
    assert repr(check_middleware(partial(identity), skip=range(1, 42))).startswith(
        "<Report on partial:"
    )


def test_a_real_ctrl_c_passes() -> None:
    def interrupted(app: App) -> App:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_middleware(interrupted)


def test_the_process_is_left_as_it_was() -> None:
    before = (gc.isenabled(), sys.unraisablehook, sys.stderr, logging.root.manager.disable)
    context = dict(contextvars.copy_context().items())
    check_middleware(BROKEN["leaves_a_cycle"].layer)
    check_middleware(BROKEN["complains_when_dropped"].layer)
    assert before == (gc.isenabled(), sys.unraisablehook, sys.stderr, logging.root.manager.disable)
    assert context == dict(contextvars.copy_context().items())
    gc.disable()
    try:
        check_middleware(identity)
        assert not gc.isenabled()
    finally:
        gc.enable()


# ---- the strict server ------------------------------------------------------------------------


def test_a_server_refuses_a_second_head_without_exc_info() -> None:
    def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])
        start_response("404 Not Found", [])
        return []

    with pytest.raises(Exception, match="a second time without exc_info"):
        Call(app, make_environ()).run()


def test_a_server_raises_exc_info_again_after_bytes() -> None:
    def app(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"bytes"
        try:
            raise LookupError("too late")
        except LookupError:
            start_response("500 Oh", [], sys.exc_info())

    call = Call(app, make_environ())
    with pytest.raises(LookupError, match="too late"):
        call.run()
    assert (call.status, [event.kind for event in call.events]) == (
        "200 OK",
        ["head", "block", "close"],
    )


def test_the_modules_stand_alone() -> None:
    names = ["", ".server", ".apps", ".rules", ".probes", ".kit"]
    code = textwrap.dedent(
        """
        import sys
        import wsgimw.testing{}
        foreign = {{name.partition(".")[0] for name in sys.modules}} & {{"werkzeug", "pytest"}}
        assert not foreign, foreign
        assert {!r} or "wsgimw.testing.kit" not in sys.modules
        """
    )
    for name in names:
        subprocess.run([sys.executable, "-c", code.format(name, name)], check=True)


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    package = importlib.import_module("wsgimw.testing")
    with pytest.raises(AttributeError, match="no attribute 'check_midleware'"):
        _ = package.check_midleware
    assert {"Report", "check_middleware"} <= set(dir(package))
