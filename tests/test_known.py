"""What is known of layers; and stacks in which ours and those of others are mixed."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import logging
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.venvs import ROOT
from wsgimw import (
    AccessLog,
    CatchErrors,
    Compress,
    Hooks,
    RequestId,
    StaticFiles,
    compose,
    explain,
    layer,
    when,
)
from wsgimw.devtools.known import KNOWN, facts_of
from wsgimw.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Generator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from wsgimw import Exchange


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise AssertionError("the app is never called")


def get(name: str) -> Any:
    """Return what `module:name` is; skip where the package is not installed."""
    module, _, attribute = name.partition(":")
    return getattr(pytest.importorskip(module), attribute)


@dataclass
class Other:
    """Somebody's middleware: where it is, how it is bound, and how it is listed by hand."""

    name: str
    bind: Callable[[Any, Any], Any]
    facts: set[str]
    title: str = ""

    def __call__(self, app: Any) -> Any:
        return self.bind(get(self.name), app)


def plain(made: Any, app: Any) -> Any:
    return made(app)


# Each is bound as its documentation says.
OTHERS = [
    Other("werkzeug.middleware.proxy_fix:ProxyFix", plain, {"changes client"}),
    Other("werkzeug.debug:DebuggedApplication", plain, {"shows internals", "catches errors"}),
    Other(
        "werkzeug.debug:DebuggedApplication",
        lambda made, app: made(app, evalex=True, pin_security=False),
        {"runs code"},
    ),
    Other(
        "werkzeug.middleware.shared_data:SharedDataMiddleware",
        lambda made, app: made(app, {"/docs": str(ROOT / "docs")}),
        {"serves files"},
    ),
    Other("werkzeug.middleware.profiler:ProfilerMiddleware", plain, {"is for development"}),
    Other("werkzeug.middleware.lint:LintMiddleware", plain, {"is for development"}),
    Other(
        "werkzeug.middleware.http_proxy:ProxyMiddleware",
        lambda made, app: made(app, {}),
        {"answers early"},
    ),
    Other("werkzeug.middleware.dispatcher:DispatcherMiddleware", plain, {"routes"}),
    Other("whitenoise:WhiteNoise", lambda made, app: made(app, ROOT / "docs"), {"serves files"}),
    Other("paste.translogger:TransLogger", plain, {"logs"}),
    Other("paste.gzipper:middleware", plain, {"compresses", "keeps tags"}, "middleware(...)"),
    Other(
        "paste.exceptions.errormiddleware:ErrorMiddleware",
        lambda made, app: made(app, {}, debug=True),
        {"catches errors", "shows internals"},
    ),
    Other(
        "paste.exceptions.errormiddleware:ErrorMiddleware",
        lambda made, app: made(app, {}, debug=False),
        {"catches errors"},
    ),
    Other(
        "paste.cgitb_catcher:CgitbMiddleware",
        lambda made, app: made(app, {}, display=True),
        {"catches errors", "shows internals"},
    ),
    Other("paste.evalexception.middleware:EvalException", plain, {"runs code"}),
    Other("paste.httpexceptions:HTTPExceptionHandler", plain, set()),
    Other("paste.registry:RegistryManager", plain, set()),
    Other("paste.recursive:RecursiveMiddleware", plain, set()),
    Other("paste.lint:middleware", plain, {"is for development"}, "middleware(...)"),
    Other(
        "paste.auth.basic:AuthBasicHandler",
        lambda made, app: made(app, "realm", len),
        {"authenticates", "authorizes"},
    ),
    Other("paste.deploy.config:PrefixMiddleware", plain, {"changes client", "changes path"}),
    Other("wsgiref.validate:validator", plain, {"is for development"}),
    Other("wsgi_basic_auth:BasicAuth", plain, {"authorizes"}),
    Other("wsgicors:CORS", lambda made, app: made(app, origin="*"), {"answers CORS"}),
    Other("beaker.middleware:SessionMiddleware", plain, set()),
    Other("beaker.middleware:CacheMiddleware", plain, set()),
    Other("repoze.retry:Retry", lambda made, app: made(app, 3), {"reads input"}),
    Other(
        "repoze.who.middleware:PluggableAuthenticationMiddleware",
        lambda made, app: made(app, [], [], [], [], len, len),
        {"authenticates"},
    ),
    Other(
        "requestlogger:WSGILogger",
        lambda made, app: made(app, [logging.NullHandler()]),
        {"logs"},
    ),
    Other("sentry_sdk.integrations.wsgi:SentryWsgiMiddleware", plain, {"reports errors"}),
    Other(
        "elasticapm.middleware:ElasticAPM",
        lambda made, app: made(app, None),
        {"reports errors"},
    ),
    Other("bugsnag.wsgi.middleware:BugsnagMiddleware", plain, {"reports errors"}),
    Other("backlash:DebuggedApplication", plain, {"runs code"}, "WsgiDebuggedApplication(...)"),
    Other("opentelemetry.instrumentation.wsgi:OpenTelemetryMiddleware", plain, {"reads client"}),
    Other(
        "backlash.tracing.errors.middleware:TraceErrorsMiddleware",
        lambda made, app: made(app, [], []),
        {"catches errors", "reports errors"},
    ),
]


def title(other: Other) -> str:
    return other.title or f"{other.name.rpartition(':')[2]}(...)"


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.name)
def test_others_bound_by_hand(other: Other) -> None:
    """Each is listed with its name, its facts and what it holds, whatever way it holds it."""
    explanation = explain(other(Compress()(app)))
    assert [line.text for line in explanation.layers] == [title(other), "Compress()", "app"]
    facts = explanation.layers[0].facts
    assert facts is not None
    assert facts.words >= other.facts
    assert facts.cost is not None


def ours() -> list[Any]:
    return [RequestId(), AccessLog(), CatchErrors(), Compress(), StaticFiles(ROOT / "docs")]


def installed() -> list[Other]:
    """Return those that can be imported here; at least fifteen are in the development group."""
    found = []
    for other in OTHERS:
        with contextlib.suppress(ImportError):  # Python 3.13 has no cgitb, for example
            importlib.import_module(other.name.partition(":")[0])
            found.append(other)
    return found


def test_a_stack_of_all_of_them_bound_by_hand_is_listed_in_order() -> None:
    mixed: list[Any] = []
    for number, other in enumerate(installed()):
        mixed += [other, ours()[number % 5]]
    bound: Any = app
    for each in reversed(mixed):
        bound = each(bound)
    texts = [line.text for line in explain(bound).layers]
    assert texts == [*(title(m) if isinstance(m, Other) else repr(m) for m in mixed), "app"]
    assert len(installed()) >= 15


def test_a_stack_of_all_of_them_by_compose_is_listed_in_order() -> None:
    mixed: list[Any] = []
    for number, other in enumerate(installed()):
        mixed += [partial(other.bind, get(other.name)), ours()[number % 5]]
    explanation = explain(compose(*mixed)(app))
    shown = [line.text for line in explanation.layers]
    assert len(shown) == len(mixed) + 1
    assert shown[1::2] == [repr(each) for each in mixed[1::2]]
    for other, line in zip(installed(), explanation.layers[::2], strict=False):
        assert line.facts is not None
        assert line.facts.words >= other.facts


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_is_known_is_defined_where_the_table_says(name: str) -> None:
    """The module may be gone, or be of a package that is not installed; the name may not."""
    module, _, qualname = name.partition(":")
    made = getattr(pytest.importorskip(module), qualname)
    assert f"{made.__module__}:{made.__qualname__}" == name
    assert inspect.isclass(made) or inspect.isfunction(made)


def test_the_table_has_what_it_must() -> None:
    names = {name.partition(":")[2] for name in KNOWN}
    assert names >= {
        *("ProxyFix", "WhiteNoise", "SentryWsgiMiddleware", "OpenTelemetryMiddleware"),
        *("DebuggedApplication", "SessionMiddleware", "ElasticAPM", "CORS", "TransLogger"),
    }


def test_a_subclass_is_known_as_its_base() -> None:
    from werkzeug.middleware.proxy_fix import ProxyFix

    class Ours(ProxyFix):
        pass

    facts = facts_of(Ours)
    assert facts is not None
    assert facts == facts_of(None, Ours(app))
    assert "client" in facts.changes


class Looks(Hooks):
    def on_request(self, environ: WSGIEnvironment) -> None: ...


class Edits(Hooks):
    facts = Facts(does=["answers CORS"])

    def on_head(self, x: Exchange) -> None: ...


class Ends(Edits):
    facts = Facts(does=["logs"], cost="body")

    def on_end(self, x: Exchange) -> None: ...


class JustEnds(Hooks):
    def on_end(self, x: Exchange) -> None: ...


class Broken(Hooks):
    @property
    def facts(self) -> Facts:
        raise LookupError("no options")


@layer
def bare(environ: WSGIEnvironment) -> Generator[None, Exchange, None]:
    yield


@layer(facts=Facts(does=["answers early"], headers=["X-A"]))
def told(environ: WSGIEnvironment, *, name: str = "x") -> Generator[None, Exchange, None]:
    yield


def by_function(app: Any) -> Any:
    return lambda environ, start_response: app(environ, start_response)


def with_facts(app: Any) -> Any:
    return lambda environ, start_response: app(environ, start_response)


with_facts.facts = Facts(does=["logs"], cost="head")  # type: ignore[attr-defined]


class Middleware:
    facts = Facts(does=["routes"], cost="nothing")

    def __init__(self, app: Any, name: str = "") -> None:
        self.app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any: ...


class Odd(Middleware):
    facts = "none of ours"  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("layer", "cost", "does"),
    [
        pytest.param(Looks(), "nothing", set(), id="hook of the request"),
        pytest.param(Edits(), "head", {"answers CORS"}, id="hook of the head, and facts"),
        pytest.param(JustEnds(), "end", set(), id="hook of the end"),
        pytest.param(Ends(), "body", {"logs"}, id="a cost that is declared"),
        pytest.param(Broken(), "nothing", set(), id="facts that raise"),
        pytest.param(bare(), "end", {"holds the head"}, id="generator"),
        pytest.param(told(name="y"), "end", {"answers early"}, id="generator with facts"),
        pytest.param(when("/x", Looks()), "nothing", set(), id="branch"),
        pytest.param(with_facts, "head", {"logs"}, id="function with facts"),
        pytest.param(Middleware, "nothing", {"routes"}, id="class with facts"),
        pytest.param(partial(Middleware, name="x"), "nothing", {"routes"}, id="partial of it"),
        pytest.param(by_function, None, None, id="function without"),
        pytest.param(Odd, None, None, id="something else by that name"),
    ],
)
def test_facts_of_ones_own(layer: Any, cost: str | None, does: set[str] | None) -> None:
    facts = facts_of(layer)
    if does is None:
        assert facts is None
    else:
        assert facts is not None
        assert (facts.cost, set(facts.does)) == (cost, does)
    assert explain(compose(layer)(app)).layers[0].cost == (cost or "?")


def test_what_a_class_has_made_by_hand_has_its_facts() -> None:
    assert facts_of(None, Middleware(app)) == Middleware.facts


def test_the_table_imports_nothing_of_others() -> None:
    roots = {name.partition(":")[0].partition(".")[0] for name in KNOWN} - {"wsgimw", "wsgiref"}
    code = (  # namespace packages are there at the start
        "import sys; before = set(sys.modules); import wsgimw.devtools.known\n"
        f"print(sorted({roots!r} & (set(sys.modules) - before)))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
