"""The published middleware that `tests.verdicts` judges, and how each is bound.

It is bound with its defaults, in the mode in which nothing asks for its work: the request passes,
and what comes back is what the app gave.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from wsgimw.testing import check_middleware
from wsgimw.testing.kit import Result


@dataclass(frozen=True, slots=True)
class Published:
    """A middleware of others: `name` in `module` of the distribution `package`."""

    package: str
    module: str
    name: str
    shown: str
    """How it is bound, as a reader would write it."""
    make: Callable[[Any], Callable[[Any], Any]]
    """Returns the layer for what was imported."""
    environ: dict[str, Any] = field(default_factory=dict)
    catches: bool = False
    """Whether answering errors is its job: rules 25 and 27 are left out then."""

    def version(self) -> str | None:
        """Return the installed version, None if it is not here."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    def judge(self) -> list[Result]:
        """Return the probes that it fails."""
        with warnings.catch_warnings(), quiet():
            warnings.simplefilter("ignore")
            made = self.make(getattr(importlib.import_module(self.module), self.name))
            report = check_middleware(
                made, environ=self.environ, skip=(25, 27) if self.catches else ()
            )
        return list(report.failures)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what they print and log to themselves."""
    silenced = logging.root.manager.disable
    logging.disable()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(silenced)


def plain(middleware: Any) -> Any:
    """Bind with the app alone."""
    return middleware


def given(*arguments: Any, **options: Any) -> Callable[[Any], Any]:
    """Bind with the app and what else it takes."""
    return lambda middleware: lambda app: middleware(app, *arguments, **options)


def _whitenoise(middleware: Any) -> Any:
    return partial(middleware, root=tempfile.mkdtemp())


def _sentry(middleware: Any) -> Any:
    import sentry_sdk

    sentry_sdk.init()  # without a DSN nothing is sent
    return middleware


def _elastic(middleware: Any) -> Any:
    from elasticapm import Client

    client = Client(
        service_name="kit",
        disable_send=True,
        instrument=False,
        metrics_interval="0s",
        breakdown_metrics=False,
        central_config=False,
        cloud_provider="none",
    )
    return lambda app: middleware(app, client)


def _bugsnag(middleware: Any) -> Any:
    bugsnag: Any = importlib.import_module("bugsnag")
    bugsnag.configure(api_key="0" * 32, auto_notify=False, auto_capture_sessions=False)
    return middleware


def _repoze_profile(middleware: Any) -> Any:
    directory = tempfile.mkdtemp()
    return lambda app: middleware(
        app, log_filename=f"{directory}/profile", discard_first_request=False
    )


def _who(middleware: Any) -> Any:
    from repoze.who.classifiers import default_challenge_decider, default_request_classifier

    return lambda app: middleware(
        app, [], [], [], [], default_request_classifier, default_challenge_decider
    )


def _basic_auth(middleware: Any) -> Any:
    return lambda app: middleware(app, users={"ada": "secret"})


CREDENTIALS = {"HTTP_AUTHORIZATION": "Basic YWRhOnNlY3JldA=="}
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip"}
BEAKER = {"session.type": "memory", "cache.type": "memory"}

PUBLISHED = (
    Published("werkzeug", "werkzeug.middleware.proxy_fix", "ProxyFix", "ProxyFix(app)", plain),
    Published(
        "werkzeug",
        "werkzeug.middleware.shared_data",
        "SharedDataMiddleware",
        "SharedDataMiddleware(app, {})",
        given({}),
    ),
    Published(
        "werkzeug",
        "werkzeug.middleware.dispatcher",
        "DispatcherMiddleware",
        "DispatcherMiddleware(app, {})",
        given({}),
    ),
    Published(
        "werkzeug",
        "werkzeug.middleware.http_proxy",
        "ProxyMiddleware",
        "ProxyMiddleware(app, {})",
        given({}),
    ),
    Published(
        "werkzeug",
        "werkzeug.middleware.profiler",
        "ProfilerMiddleware",
        "ProfilerMiddleware(app)",
        given(stream=None),
    ),
    Published(
        "werkzeug",
        "werkzeug.debug",
        "DebuggedApplication",
        "DebuggedApplication(app)",
        plain,
        catches=True,
    ),
    Published("Paste", "paste.gzipper", "middleware", "gzipper.middleware(app)", plain, GZIP),
    Published("Paste", "paste.translogger", "TransLogger", "TransLogger(app)", plain),
    Published(
        "Paste",
        "paste.exceptions.errormiddleware",
        "ErrorMiddleware",
        "ErrorMiddleware(app, {})",
        given({}),
        catches=True,
    ),
    Published(
        "Paste", "paste.httpexceptions", "HTTPExceptionHandler", "HTTPExceptionHandler(app)", plain
    ),
    Published("Paste", "paste.recursive", "RecursiveMiddleware", "RecursiveMiddleware(app)", plain),
    Published(
        "Paste", "paste.cascade", "Cascade", "Cascade([app])", lambda m: lambda app: m([app])
    ),
    Published("Paste", "paste.registry", "RegistryManager", "RegistryManager(app)", plain),
    Published("Paste", "paste.session", "SessionMiddleware", "SessionMiddleware(app)", plain),
    Published("Paste", "paste.config", "ConfigMiddleware", "ConfigMiddleware(app, {})", given({})),
    Published(
        "Paste", "paste.evalexception", "EvalException", "EvalException(app)", plain, catches=True
    ),
    Published(
        "Paste",
        "paste.cgitb_catcher",
        "CgitbMiddleware",
        "CgitbMiddleware(app)",
        plain,
        catches=True,
    ),
    Published(
        "Paste",
        "paste.errordocument",
        "StatusKeeper",
        "errordocument.forward(app, codes={})",
        lambda m: lambda app: importlib.import_module(m.__module__).forward(app, codes={}),
    ),
    Published(
        "PasteDeploy", "paste.deploy.config", "PrefixMiddleware", "PrefixMiddleware(app)", plain
    ),
    Published("whitenoise", "whitenoise", "WhiteNoise", "WhiteNoise(app, root)", _whitenoise),
    Published(
        "Beaker",
        "beaker.middleware",
        "SessionMiddleware",
        "SessionMiddleware(app, config)",
        given(BEAKER),
    ),
    Published(
        "Beaker",
        "beaker.middleware",
        "CacheMiddleware",
        "CacheMiddleware(app, config)",
        given(BEAKER),
    ),
    Published(
        "sentry-sdk",
        "sentry_sdk.integrations.wsgi",
        "SentryWsgiMiddleware",
        "SentryWsgiMiddleware(app)",
        _sentry,
    ),
    Published(
        "opentelemetry-instrumentation-wsgi",
        "opentelemetry.instrumentation.wsgi",
        "OpenTelemetryMiddleware",
        "OpenTelemetryMiddleware(app)",
        plain,
    ),
    Published(
        "elastic-apm", "elasticapm.middleware", "ElasticAPM", "ElasticAPM(app, client)", _elastic
    ),
    Published(
        "wsgi-request-logger",
        "requestlogger",
        "WSGILogger",
        "WSGILogger(app, [], formatter)",
        lambda m: (
            lambda app: m(app, [], importlib.import_module("requestlogger").ApacheFormatter())
        ),
    ),
    Published(
        "backlash",
        "backlash",
        "TraceErrorsMiddleware",
        "TraceErrorsMiddleware(app, [])",
        given([], lambda environ: {}),
        catches=True,
    ),
    Published(
        "backlash",
        "backlash",
        "DebuggedApplication",
        "DebuggedApplication(app)",
        plain,
        catches=True,
    ),
    Published("wsgicors", "wsgicors", "CORS", 'CORS(app, origin="*")', given(origin="*")),
    Published(
        "wsgi-basic-auth",
        "wsgi_basic_auth",
        "BasicAuth",
        "BasicAuth(app, users)",
        _basic_auth,
        CREDENTIALS,
    ),
    Published(
        "repoze.profile",
        "repoze.profile",
        "ProfileMiddleware",
        "ProfileMiddleware(app)",
        _repoze_profile,
    ),
    Published("repoze.tm2", "repoze.tm", "TM", "TM(app)", plain),
    Published("repoze.retry", "repoze.retry", "Retry", "Retry(app, 3)", given(3)),
    Published(
        "repoze.who",
        "repoze.who.middleware",
        "PluggableAuthenticationMiddleware",
        "PluggableAuthenticationMiddleware(app, ...)",
        _who,
    ),
    Published(
        "raygun4py", "raygun4py.middleware.wsgi", "Provider", 'Provider(app, "key")', given("key")
    ),
    Published(
        "bugsnag",
        "bugsnag.wsgi.middleware",
        "BugsnagMiddleware",
        "BugsnagMiddleware(app)",
        _bugsnag,
    ),
)
