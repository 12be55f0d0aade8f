"""Each rule of the doctor: a stack that breaks it, and one that does not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.debug import DebuggedApplication
from werkzeug.middleware.profiler import ProfilerMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from tests.venvs import ROOT
from wsgimw import (
    AccessLog,
    Authenticate,
    CatchErrors,
    Compress,
    Decompress,
    Hooks,
    Mount,
    Portable,
    RequestId,
    Require,
    Route,
    Router,
    StaticFiles,
    StatusPages,
    compose,
    explain,
    layer,
    unless,
    when,
)
from wsgimw.auth import Basic, RemoteUser, Signature, Throttle, role
from wsgimw.devtools.rules import RULES
from wsgimw.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Generator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgimw import Exchange


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise AssertionError("the app is never called")


@dataclass(frozen=True, slots=True)
class CORS(Hooks):
    """A layer of somebody's own, which says what it is."""

    facts = Facts(does=["answers CORS", "answers early"], headers=["Access-Control-Allow-Origin"])


@dataclass(frozen=True, slots=True)
class Tags(Hooks):
    """Computes an entity tag."""

    facts = Facts(reads=["body"], does=["computes tags"], headers=["ETag"])


@dataclass(frozen=True, slots=True)
class KeepsTags(Hooks):
    """Compresses, and leaves the tag as it was."""

    facts = Facts(changes=["body"], does=["compresses", "keeps tags"])


@dataclass(frozen=True, slots=True)
class Limit(Hooks):
    """Refuses large bodies."""

    facts = Facts(does=["limits input", "answers early"])


@dataclass(frozen=True, slots=True)
class Reader(Hooks):
    """Reads the whole body of a request."""

    facts = Facts(reads=["input"])


@dataclass(frozen=True, slots=True)
class Reporter(Hooks):
    """Reports exceptions."""

    facts = Facts(does=["reports errors"])


@dataclass(frozen=True, slots=True)
class Doubtful(Hooks):
    """Has a check of its own."""

    text: str = ""
    facts = Facts(own_check="doubts")

    def doubts(self) -> list[str]:
        if self.text == "raise":
            raise LookupError("no options")
        return [self.text] if self.text else []


@layer
def held(environ: WSGIEnvironment) -> Generator[None, Exchange, None]:
    yield


basic = Authenticate(Basic(lambda name, password: None))
asking = Authenticate(Basic(lambda name, password: None), required=False)
throttled = Authenticate(Basic(lambda name, password: None, throttle=Throttle()))
signed = Authenticate(Signature(b"s" * 16))
files = StaticFiles(ROOT / "docs")
proxy = partial(ProxyFix, x_for=1)
members = Require("authenticated")


def routed(*layers: Any) -> Router:
    return Router([Mount("/adm", compose(*layers)(app))])


def ruled(exempt: str) -> Require:
    return Require({"/": "authenticated", "/admin": role("a"), exempt: "anyone"})


# id of the rule, a stack that breaks it, the same put right, and the server of both.
CASES: list[Any] = [
    ("errors-outside-log", [CatchErrors(), AccessLog()], [AccessLog(), CatchErrors()]),
    ("id-inside-log", [AccessLog(), RequestId()], [RequestId(), AccessLog()]),
    ("log-inside-compression", [Compress(), AccessLog()], [AccessLog(), Compress()]),
    ("answers-unlogged", [files, AccessLog()], [AccessLog(), files]),
    ("answers-unnamed", [files, RequestId()], [RequestId(), files]),
    ("reports-inside-catcher", [Reporter(), CatchErrors()], [CatchErrors(), Reporter()]),
    ("compression-twice", [Compress(), Compress()], [when("/a", Compress())]),
    ("tags-kept-over-compression", [KeepsTags(), Tags()], [Compress(), Tags()]),
    ("tags-outside-compression", [Tags(), Compress()], [Compress(), Tags()]),
    ("pages-outside-compression", [StatusPages(), Compress()], [Compress(), StatusPages()]),
    ("limit-inside-reader", [Reader(), Limit()], [Limit(), Reader()]),
    ("limit-inside-reader", [Reader(), signed], [Decompress(), signed]),
    ("decoding-inside-reader", [signed, Decompress()], [Decompress(), signed]),
    ("client-changed-inside", [throttled, proxy], [proxy, throttled]),
    ("client-changed-inside", [throttled, ProxyFix], [basic, ProxyFix]),
    ("client-changed-inside-peer", [AccessLog(), proxy], [proxy, AccessLog()]),
    ("client-changed-inside-peer", [RequestId(trust=["::1"]), proxy], [RequestId(), proxy]),
    ("cors-inside-auth", [basic, CORS()], [CORS(), basic]),
    ("cors-inside-auth", [members, CORS()], [CORS(), members]),
    ("cors-inside-errors", [CatchErrors(), CORS()], [CORS(), CatchErrors()]),
    ("files-inside-auth", [basic, files], [files, basic]),
    ("auth-inside-files", [files, basic], [basic, files]),
    ("auth-alone", [basic], [basic, when("/admin", members)]),
    (
        "anyone-never-asked",
        [basic, Require({"/": "authenticated", "/health": "anyone"})],
        [asking, Require({"/": "authenticated", "/health": "anyone"})],
    ),
    ("require-alone", [members], [basic, members]),
    ("require-outside-auth", [members, basic], [basic, members]),
    (
        "once-only",
        [AccessLog(), AccessLog()],
        [AccessLog(), AccessLog(sink=logging.getLogger("other"))],
    ),
    ("once-only", [RequestId(), RequestId()], [RequestId(), RequestId(header="X-Other")]),
    ("once-only", [proxy, proxy], [proxy]),
    ("once-only", [basic, basic], [when("/a", basic), when("/b", basic)]),
    ("branch-never-right", [routed(when("/adm/x", files))], [routed(when("/x", files))]),
    ("branch-never-right", [routed(unless("/adm", files))], [routed(unless("/x", files))]),
    ("branch-never-right", [when("/a", when("/b", files))], [when("/a", when("/a/b", files))]),
    ("branch-never-right", [when("/a", unless("/", files))], [when("/a", unless("/a/b", files))]),
    (
        "routes-shadowed",
        [Router([Route("/<x>/b", app), Route("/a/<y>", app)])],
        [Router([Route("/a/b", app), Route("/a/<y>", app)])],
    ),
    ("rules-doubtful", [basic, ruled("/admin/x")], [basic, ruled("/x")]),
    ("own-check", [Doubtful("It is odd.")], [Doubtful()]),
    ("own-check", [Doubtful("raise")], [Doubtful()]),
    ("repair-inside", [RequestId(), Portable()], [Portable(), RequestId()]),
    ("repair-missing", [RequestId()], [Portable(), RequestId()], "hypercorn"),
    ("head-comes-late", [held()], [Portable(), held()], "granian"),
    ("head-comes-late", [StatusPages()], [CatchErrors()], "granian"),
    ("cut-unseen", [CatchErrors()], [AccessLog()], "mod_wsgi"),
    ("abort-seen-late", [AccessLog()], [CatchErrors()], "a2wsgi"),
    ("proxy-applied-twice", [proxy], [AccessLog()], "gunicorn"),
    ("proxy-headers-removed", [proxy], [AccessLog()], "waitress"),
    (
        "console-in-production",
        [partial(DebuggedApplication, evalex=True)],
        [DebuggedApplication],
        "gunicorn",
    ),
    ("debug-in-production", [CatchErrors(debug=True)], [CatchErrors()], "waitress"),
    ("debug-in-production", [DebuggedApplication], [CatchErrors()], "waitress"),
    ("development-in-production", [ProfilerMiddleware], [ProxyFix], "uwsgi"),
]


def ids(layers: Iterable[Any], server: str | None = None) -> set[str]:
    explanation = explain(compose(*layers)(app), server=server)
    return {finding.id for finding in explanation.findings}


@pytest.mark.parametrize(
    ("rule", "wrong", "right", "server"),
    [
        pytest.param(*case, *[None] * (4 - len(case)), id=f"{case[0]}-{number}")
        for number, case in enumerate(CASES)
    ],
)
def test_rule(rule: str, wrong: list[Any], right: list[Any], server: str | None) -> None:
    assert rule in ids(wrong, server)
    assert rule not in ids(right, server)
    if server is not None:  # without it, what depends on a server is silent, and on another one
        assert rule not in ids(wrong)
        assert rule not in ids(wrong, "wsgiref")
    assert rule not in {
        finding.id
        for finding in explain(compose(*wrong)(app), ignore={rule}, server=server).findings
    }


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(RULES)


def test_recommended_order() -> None:
    """The order of the docs, with guards where they stand."""
    layers: list[Any] = [
        Portable(),
        RequestId(),
        AccessLog(),
        CatchErrors(),
        proxy,
        Limit(),
        CORS(),
        Decompress(),
        Compress(),
        StatusPages(),
        files,
        basic,
        members,
        Router([Route("/x", app)]),
    ]
    explanation = explain(compose(*layers)(app))
    assert [f for f in explanation.findings if f.severity != "note"] == []


def test_first_example() -> None:
    stack = compose(
        RequestId(),
        AccessLog(format="combined"),
        CatchErrors(),
        partial(ProxyFix, x_for=1),
        Compress(),
        StaticFiles(ROOT / "docs", prefix="/static"),
        when("/admin", basic, members),
    )
    explanation = explain(stack(app))
    assert {f.severity for f in explanation.findings} == {"note"}


def is_api(environ: WSGIEnvironment) -> bool:
    return False


def is_page(environ: WSGIEnvironment) -> bool:
    return False


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        pytest.param([Compress(), when("/a", Compress())], True, id="everywhere and a branch"),
        pytest.param([when("/a", Compress()), Compress()], True, id="a branch and inside of it"),
        pytest.param([when("/a", Compress()), when("/b", Compress())], False, id="other prefixes"),
        pytest.param([when("/a", Compress()), unless("/a", Compress())], False, id="either way"),
        pytest.param([when("/a", Compress()), when("/A/x", Compress())], True, id="one in another"),
        pytest.param([when(is_api, Compress()), when(is_page, Compress())], False, id="functions"),
        pytest.param([when(is_api, Compress()), when(is_api, Compress())], True, id="a function"),
        pytest.param(
            [when(is_api, Compress()), unless(is_api, Compress())], False, id="its opposite"
        ),
        pytest.param(
            [Router([Route("/x", Compress()(app))]), Compress()], False, id="a route and the rest"
        ),
        pytest.param(
            [Router([Route("/x", Compress()(app)), Route("/y", Compress()(app))])],
            False,
            id="two routes",
        ),
        pytest.param([Compress(), Router([Route("/x", Compress()(app))])], True, id="route inside"),
        pytest.param(
            [when("/y", Compress()), Router([Route("/x", Compress()(app))])],
            False,
            id="a branch that the route is not in",
        ),
        pytest.param(
            [when("/adm/x", Compress()), routed(when("/y", Compress()))],
            False,
            id="conditions below a mount are of the whole path",
        ),
        pytest.param(
            [when("/adm/y", Compress()), routed(when("/y", Compress()))],
            True,
            id="the same prefix on both sides of a mount",
        ),
    ],
)
def test_only_layers_that_meet_clash(layers: list[Any], expected: bool) -> None:
    assert ("compression-twice" in ids(layers)) is expected


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        pytest.param([when("/a", basic), when("/a", members)], set(), id="in two branches"),
        pytest.param(
            [when("/a", basic), when("/b", members)], {"auth-alone", "require-alone"}, id="apart"
        ),
        pytest.param([when(is_api, basic), when("/b", members)], set(), id="nobody knows"),
    ],
)
def test_what_is_missing(layers: list[Any], expected: set[str]) -> None:
    assert ids(layers) == expected


def test_a_finding_names_both_and_speaks_once() -> None:
    explanation = explain(compose(Compress(), RequestId(), Compress(), AccessLog())(app))
    found = {finding.id: finding for finding in explanation.findings if finding.layer == 3}
    assert [line.text for line in explanation.layers][3] == "AccessLog()"
    finding = found["log-inside-compression"]
    assert finding.other == 0
    assert finding.severity == "warning"
    assert finding.message == "it stands inside of Compress()."
    assert len([f for f in explanation.findings if f.id == "log-inside-compression"]) == 1


def test_a_condition_needs_no_hash() -> None:
    class IsApi:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, environ: WSGIEnvironment) -> bool:
            return False

        def __eq__(self, other: object) -> bool:
            raise AssertionError("conditions are not compared by code of theirs")

    one, other = IsApi(), IsApi()
    assert ids([when(one, Compress()), when(one, Compress())]) == {"compression-twice"}
    assert ids([when(one, Compress()), when(other, Compress())]) == set()


def test_a_branch_that_is_always_taken_does_no_harm() -> None:
    assert ids([when("/a", when("/a", files))]) == set()
    assert ids([when("/a", unless("/a", files))]) == {"branch-never-right"}


def test_below_a_mount_with_a_parameter_nobody_knows() -> None:
    inner = compose(when("/x", Compress()))(app)
    assert ids([Router([Mount("/t/<name>", inner)])]) == set()


def test_a_class_of_anybody_may_have_a_check() -> None:
    class Middleware:
        facts = Facts(own_check="doubts")

        def __init__(self, app: Any) -> None:
            self.app = app

        def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any: ...

        def doubts(self) -> list[str]:
            return [f"of {type(self).__name__}"]

    for bound in (Middleware(app), compose(partial(Middleware))(app)):
        assert [f.message for f in explain(bound).findings] == ["of Middleware."]


def test_every_doubt_of_a_layer_is_told() -> None:
    rules: dict[str, Any] = {
        "/": "anyone",
        "/a": role("x"),
        "/a/b": "anyone",
        "/c": role("y"),
        "/c/d": "anyone",
    }
    findings = explain(compose(basic, Require(rules))(app)).findings
    doubts = [finding.message for finding in findings if finding.id == "rules-doubtful"]
    assert len(doubts) == len(Require(rules).lint()) > 1


def test_what_a_check_raises_is_told() -> None:
    (finding,) = explain(Doubtful("raise")(app)).findings
    assert finding.message == "its doubts() raised LookupError: no options."


def test_a_layer_of_which_nothing_is_known_clashes_with_nothing() -> None:
    def unknown(app: WSGIApplication) -> WSGIApplication:
        return lambda environ, start_response: app(environ, start_response)

    bind: Callable[[Any], Any] = compose(unknown, RequestId(), unknown, AccessLog(), unknown)
    assert explain(bind(app)).findings == ()


def test_remote_user_of_the_server() -> None:
    assert ids([Authenticate(RemoteUser()), members]) == set()
