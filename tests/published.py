"""Middleware of others, as layers, for those who look at what stacks do."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

Layer = Callable[[Any], Any]


def made(module: str, name: str, *args: Any, **options: Any) -> Callable[[], Layer]:
    """Return what makes a layer of a class, whose module may be missing."""

    def make() -> Layer:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of theirs at import
            cls = getattr(import_module(module), name)

        def published(app: Any) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return cls(app, *args, **options)

        published.__qualname__ = name
        return published

    return make


def sessions() -> Layer:
    options = {"session.type": "memory", "session.cookie_expires": True}
    return made("beaker.middleware", "SessionMiddleware", options)()


def request_log() -> Layer:
    """wsgi-request-logger writes by `logging`."""
    return made("requestlogger", "WSGILogger", [], _Quiet())()


class _Quiet:
    def __call__(self, *args: Any, **named: Any) -> str:
        return ""


def elastic() -> Layer:
    client = import_module("elasticapm").Client(
        service_name="shop", disable_send=True, central_config=False, enabled=False
    )
    return made("elasticapm.middleware", "ElasticAPM", client)()


def wsgify(app: Any) -> Any:
    """What webob's `wsgify.middleware` makes of a function that asks the app for its response."""
    return import_module("webob.dec").wsgify.middleware(_ask)(app)


def _ask(request: Any, app: Any) -> Any:
    return request.get_response(app)


def raygun() -> Layer:
    return made("raygun4py.middleware.wsgi", "Provider", "no key")()


def profiler() -> Layer:
    import io

    return made("werkzeug.middleware.profiler", "ProfilerMiddleware", stream=io.StringIO())()


def repoze_profile() -> Layer:
    return made("repoze.profile", "ProfileMiddleware", discard_first_request=False)()


PUBLISHED: dict[str, Callable[[], Layer]] = {
    "ProxyFix": made("werkzeug.middleware.proxy_fix", "ProxyFix", x_for=1),
    "SharedData": made("werkzeug.middleware.shared_data", "SharedDataMiddleware", {}),
    "werkzeug Lint": made("werkzeug.middleware.lint", "LintMiddleware"),
    "werkzeug Dispatcher": made("werkzeug.middleware.dispatcher", "DispatcherMiddleware", {}),
    "werkzeug Profiler": profiler,
    "DebuggedApplication": made("werkzeug.debug", "DebuggedApplication", evalex=False),
    "wsgiref validate": made("wsgiref.validate", "validator"),
    "WhiteNoise": made("whitenoise", "WhiteNoise"),
    "Sentry": made("sentry_sdk.integrations.wsgi", "SentryWsgiMiddleware"),
    "OpenTelemetry": made("opentelemetry.instrumentation.wsgi", "OpenTelemetryMiddleware"),
    "elastic-apm": elastic,
    "Beaker sessions": sessions,
    "Beaker caches": made("beaker.middleware", "CacheMiddleware", {"cache.type": "memory"}),
    "Paste TransLogger": made("paste.translogger", "TransLogger", setup_console_handler=False),
    "Paste gzipper": made("paste.gzipper", "middleware"),
    "Paste httpexceptions": made("paste.httpexceptions", "HTTPExceptionHandler"),
    "Paste ErrorMiddleware": made(
        "paste.exceptions.errormiddleware", "ErrorMiddleware", debug=False
    ),
    "Paste recursive": made("paste.recursive", "RecursiveMiddleware"),
    "Paste lint": made("paste.lint", "middleware"),
    "repoze.profile": repoze_profile,
    "raygun4py": raygun,
    "backlash": made("backlash", "TraceErrorsMiddleware", [], {}),
    "wsgicors": made("wsgicors", "CORS", headers="*", methods="*", origin="*"),
    "wsgi-request-logger": request_log,
    "webob wsgify": lambda: wsgify,
}
