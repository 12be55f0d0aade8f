"""What is known of a layer: its own `facts`, those of published middleware, and what hooks tell.

>>> from functools import partial
>>> from werkzeug.middleware.proxy_fix import ProxyFix
>>> facts = facts_of(partial(ProxyFix, x_for=2))
>>> sorted(facts.changes), facts.cost
(['client', 'path'], 'nothing')
>>> facts_of(len) is None
True

Published middleware has no `facts`, so there is a table, by the module and the name in it where a
class or function is defined. It says what was read in its source; nothing is guessed from a name.
Middleware of a framework (Flask-Compress, django-cors-headers) runs inside of the app: it is no
layer, and nothing sees it from the outside.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from wsgimw.compose import BaseLayer, Stack
from wsgimw.devtools.walk import own
from wsgimw.exchange import Hooks
from wsgimw.facts import Cost, Facts
from wsgimw.onion import Onion

__all__ = ["KNOWN", "facts_of", "name_of"]

_DEVELOPMENT = "is for development"
_CLIENT_KEYS = ("REMOTE_ADDR", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "wsgi.url_scheme")
_FILE_HEADERS = ("Cache-Control", "Content-Length", "Content-Type", "ETag", "Last-Modified")
_LOGIN = Facts(
    changes=["identity"],
    does=["authenticates", "authorizes", "answers early"],
    cost="nothing",
    headers=["WWW-Authenticate"],
    environ=["REMOTE_USER", "AUTH_TYPE"],
)
_COOKIE_LOGIN = Facts(
    changes=["identity"],
    does=["authenticates"],
    cost="head",
    headers=["Set-Cookie"],
    environ=["REMOTE_USER", "AUTH_TYPE"],
)
_FORM_LOGIN = replace(_LOGIN, reads=["input"], headers=[])
_PAGE_FOR_ERRORS = ("Content-Type", "Content-Length")
_VALIDATOR = Facts(does=[_DEVELOPMENT], cost="body", environ=["wsgi.input", "wsgi.errors"])
_CONSOLE = Facts(
    does=["catches errors", "shows internals", "runs code", "answers early", _DEVELOPMENT],
    cost="body",
    headers=_PAGE_FOR_ERRORS,
)


def _paste_errors(bound: Any) -> Facts:
    shows = ["shows internals"] if own(bound, "debug_mode") is True else []
    return Facts(does=["catches errors", *shows], cost="body", headers=_PAGE_FOR_ERRORS)


def _cgitb(bound: Any) -> Facts:
    shows = ["shows internals"] if own(bound, "display") is True else []
    return Facts(does=["catches errors", *shows], cost="body", headers=_PAGE_FOR_ERRORS)


def _werkzeug_debugger(bound: Any) -> Facts:
    if own(bound, "evalex") is True:
        return replace(_CONSOLE, environ=["werkzeug.debug.preserve_context"])
    return replace(
        _CONSOLE,
        does=[word for word in _CONSOLE.does if word != "runs code"],
        environ=["werkzeug.debug.preserve_context"],
    )


def _session(key: str) -> Facts:
    return Facts(once=[f"the session in {key}"], cost="head", headers=["Set-Cookie"], environ=[key])


# `module:name` where it is defined; a function of the bound app where it depends on options.
KNOWN: dict[str, Facts | Callable[[Any], Facts]] = {
    "werkzeug.middleware.proxy_fix:ProxyFix": Facts(
        changes=["client", "path"],
        once=["proxy headers"],
        cost="nothing",
        environ=[*_CLIENT_KEYS, "SCRIPT_NAME", "werkzeug.proxy_fix.orig"],
    ),
    "paste.deploy.config:PrefixMiddleware": Facts(
        changes=["client", "path"],
        once=["proxy headers"],
        cost="nothing",
        environ=[*_CLIENT_KEYS, "SCRIPT_NAME", "PATH_INFO"],
    ),
    "werkzeug.middleware.shared_data:SharedDataMiddleware": Facts(
        does=["serves files", "answers early"], cost="nothing", headers=_FILE_HEADERS
    ),
    "whitenoise.base:WhiteNoise": Facts(
        does=["serves files", "answers early"],
        cost="nothing",
        headers=[*_FILE_HEADERS, "Access-Control-Allow-Origin", "Content-Encoding", "Vary"],
    ),
    "django.contrib.staticfiles.handlers:StaticFilesHandler": Facts(
        does=["serves files", "answers early", _DEVELOPMENT],
        cost="nothing",
        headers=_FILE_HEADERS,
    ),
    "werkzeug.middleware.dispatcher:DispatcherMiddleware": Facts(
        changes=["path"],
        does=["routes"],
        cost="nothing",
        environ=["SCRIPT_NAME", "PATH_INFO"],
    ),
    "werkzeug.middleware.http_proxy:ProxyMiddleware": Facts(
        reads=["input"], does=["answers early"], cost="nothing"
    ),
    "werkzeug.middleware.lint:LintMiddleware": _VALIDATOR,
    "wsgiref.validate:validator": _VALIDATOR,
    "paste.lint:middleware": _VALIDATOR,
    "webtest.lint:middleware": _VALIDATOR,
    "werkzeug.middleware.profiler:ProfilerMiddleware": Facts(
        reads=["body"], does=[_DEVELOPMENT], cost="body"
    ),
    "repoze.profile.profiler:ProfileMiddleware": Facts(
        reads=["body"], does=[_DEVELOPMENT, "answers early"], cost="body"
    ),
    "werkzeug.debug:DebuggedApplication": _werkzeug_debugger,
    "paste.evalexception.middleware:EvalException": _CONSOLE,
    "backlash.wsgi:WsgiDebuggedApplication": _CONSOLE,
    "backlash.tracing.errors.middleware:TraceErrorsMiddleware": Facts(
        does=["catches errors", "reports errors"], cost="body", headers=_PAGE_FOR_ERRORS
    ),
    "paste.exceptions.errormiddleware:ErrorMiddleware": _paste_errors,
    "paste.cgitb_catcher:CgitbMiddleware": _cgitb,
    "paste.httpexceptions:HTTPExceptionHandler": Facts(
        cost="head", environ=["paste.httpexceptions"]
    ),
    "paste.errordocument:StatusBasedForward": Facts(
        changes=["body"], does=["fills errors"], cost="head"
    ),
    "paste.errordocument:StatusKeeper": Facts(cost="head", headers=["*"]),
    "paste.recursive:RecursiveMiddleware": Facts(
        cost="nothing",
        environ=[
            "paste.recursive.forward",
            "paste.recursive.include",
            "paste.recursive.include_app_iter",
            "paste.recursive.script_name",
        ],
    ),
    "paste.registry:RegistryManager": Facts(cost="body", environ=["paste.registry"]),
    "paste.deploy.config:ConfigMiddleware": Facts(cost="body", environ=["paste.config"]),
    "paste.config:ConfigMiddleware": Facts(cost="body", environ=["paste.config"]),
    "paste.debug.prints:PrintDebugMiddleware": Facts(
        changes=["body"], does=[_DEVELOPMENT, "shows internals"], cost="body"
    ),
    "paste.translogger:TransLogger": Facts(
        reads=["peer"], does=["logs"], once=["a log line by TransLogger"], cost="head"
    ),
    "requestlogger:WSGILogger": Facts(
        reads=["peer", "body"], does=["logs"], once=["a log line by WSGILogger"], cost="body"
    ),
    "paste.gzipper:middleware": Facts(
        reads=["body"],
        changes=["body"],
        does=["compresses", "keeps tags"],
        cost="body",
        headers=["Content-Encoding", "Content-Length", "Vary"],
    ),
    "paste.auth.basic:AuthBasicHandler": _LOGIN,
    "paste.auth.digest:AuthDigestHandler": _LOGIN,
    "paste.auth.form:AuthFormHandler": _FORM_LOGIN,
    "paste.auth.cookie:AuthCookieHandler": _COOKIE_LOGIN,
    "paste.auth.auth_tkt:AuthTKTMiddleware": _COOKIE_LOGIN,
    "paste.auth.grantip:GrantIPMiddleware": Facts(
        reads=["client"],
        changes=["identity"],
        does=["authenticates"],
        cost="nothing",
        environ=["REMOTE_USER"],
    ),
    "repoze.who.middleware:PluggableAuthenticationMiddleware": Facts(
        changes=["identity"],
        does=["authenticates", "authorizes", "answers early"],
        cost="head",
        headers=["*"],
        environ=["REMOTE_USER", "repoze.who.identity", "repoze.who.plugins", "repoze.who.logger"],
    ),
    "wsgi_basic_auth:BasicAuth": Facts(
        does=["authenticates", "authorizes", "answers early"],
        cost="nothing",
        headers=["WWW-Authenticate"],
    ),
    "wsgicors:CORS": Facts(
        does=["answers CORS", "answers early"],
        cost="head",
        headers=[
            "Access-Control-Allow-Origin",
            "Access-Control-Allow-Credentials",
            "Access-Control-Allow-Headers",
            "Access-Control-Allow-Methods",
            "Access-Control-Expose-Headers",
            "Access-Control-Max-Age",
            "Vary",
        ],
    ),
    "beaker.middleware:SessionMiddleware": _session("beaker.session"),
    "beaker.middleware:CacheMiddleware": Facts(cost="nothing", environ=["beaker.cache"]),
    "paste.session:SessionMiddleware": _session("paste.session.factory"),
    "repoze.retry:Retry": Facts(
        reads=["input", "body"], cost="body", environ=["wsgi.input", "CONTENT_LENGTH"]
    ),
    "sentry_sdk.integrations.wsgi:SentryWsgiMiddleware": Facts(
        reads=["client"], does=["reports errors"], once=["Sentry"], cost="body"
    ),
    "elasticapm.middleware:ElasticAPM": Facts(
        reads=["client"], does=["reports errors"], once=["Elastic APM"], cost="head"
    ),
    "bugsnag.wsgi.middleware:BugsnagMiddleware": Facts(
        reads=["client"], does=["reports errors"], once=["Bugsnag"], cost="body"
    ),
    "opentelemetry.instrumentation.wsgi:OpenTelemetryMiddleware": Facts(
        reads=["client"], once=["trace context"], cost="body"
    ),
    "routes.middleware:RoutesMiddleware": Facts(
        reads=["client"],
        cost="nothing",
        environ=["wsgiorg.routing_args", "routes.route", "routes.url"],
    ),
}


def facts_of(layer: Any, bound: Any = None) -> Facts | None:
    """Return what is known of a layer, or of a bound app that nobody noted the layer of.

    `layer`: what wraps an app; `bound`: what it returned, where there is that. None: nothing.
    """
    for obj in (_function(layer), _function(bound)):
        declared = _declared(obj)
        if declared is not None:
            if declared.cost is None:
                return replace(declared, cost=_cost(obj))
            return declared
    for obj in (bound, layer):
        for name in _names(obj):
            known = KNOWN.get(name)
            if known is not None:
                return known if isinstance(known, Facts) else known(bound)
    cost = _cost(layer)
    if cost is None:
        return None
    holds = issubclass(type(layer), Onion)
    return Facts(cost=cost, does=["holds the head"] if holds else [])


def _declared(obj: Any) -> Facts | None:
    """Return the `facts` of a layer, of a class or function, or of what a class has made."""
    try:
        if issubclass(type(obj), BaseLayer):  # `isinstance` asks a proxy for its `__class__`
            found = getattr(obj, "facts", None)  # a property of a layer of ours may be asked
        else:
            found = own(obj, "facts")
            if not isinstance(found, Facts):
                cls = obj if isinstance(obj, type) else type(obj)
                found = next((c.__dict__["facts"] for c in cls.__mro__ if "facts" in c.__dict__), 0)
    except Exception:  # of a property that raises nothing is known
        return None
    return found if isinstance(found, Facts) else None


def _cost(layer: Any) -> Cost | None:
    """Tell what a layer costs by the hooks that it has."""
    cls = type(layer)
    if issubclass(cls, Onion):
        return "end"
    if issubclass(cls, Hooks):
        if cls.on_end is not Hooks.on_end:
            return "end"
        return "head" if cls.on_head is not Hooks.on_head else "nothing"
    if issubclass(cls, BaseLayer) and isinstance(getattr(layer, "layers", None), Stack):
        return "nothing"  # `when` and `unless`: a question
    return None


def _function(obj: Any) -> Any:
    """Return what a partial calls, or the object itself."""
    while issubclass(type(obj), functools.partial):
        obj = obj.func
    return obj


def _names(obj: Any) -> Iterator[str]:
    """Yield `module:name` of a class and its bases, or of a function and the one it is made in."""
    obj = _function(obj)
    if type(obj) is types.MethodType:
        obj = obj.__self__
    if type(obj) is types.FunctionType:
        yield f"{obj.__module__}:{name_of(obj)}"
        return
    for cls in (obj if isinstance(obj, type) else type(obj)).__mro__:
        yield f"{cls.__dict__.get('__module__')}:{cls.__qualname__}"


def name_of(function: types.FunctionType) -> str:
    """Return the name of the outermost function in which a function was made, or its own."""
    return function.__qualname__.partition(".<locals>")[0]
