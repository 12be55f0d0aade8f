"""Which published middleware breaks which rule: `python -m tests.verdicts [--write]`.

The conformance kit is run on middleware of others, each in the mode in which it is used where
nothing asks for its work: the request passes, and what comes back is what the app gave. What the
kit finds is printed; `--write` puts it, with the versions, into docs/data/published.json, from
which docs/published.md has its table. The packages are the dependency group `published`.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tests.venvs import ROOT
from wsgimw.testing import check_middleware
from wsgimw.testing.kit import Result
from wsgimw.testing.rules import RULES

DATA = ROOT / "docs" / "data" / "published.json"
PAGE = ROOT / "docs" / "published.md"
# Probes that ask for more than the words of PEP 3333 do, though their rule is a MUST.
MORE = {
    "two_arguments",
    "len_one",
    "released_on_raise",
    "reentrant",
    "path_sum",
    "no_early_read",
}
BEGIN, END = "<!-- table: python -m tests.verdicts --write -->", "<!-- end of the table -->"


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
        lambda m: lambda app: m(app, {}),
    ),
    Published(
        "werkzeug",
        "werkzeug.middleware.dispatcher",
        "DispatcherMiddleware",
        "DispatcherMiddleware(app, {})",
        lambda m: lambda app: m(app, {}),
    ),
    Published(
        "werkzeug",
        "werkzeug.middleware.http_proxy",
        "ProxyMiddleware",
        "ProxyMiddleware(app, {})",
        lambda m: lambda app: m(app, {}),
    ),
    Published(
        "werkzeug",
        "werkzeug.middleware.profiler",
        "ProfilerMiddleware",
        "ProfilerMiddleware(app)",
        lambda m: lambda app: m(app, stream=None),
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
        lambda m: lambda app: m(app, {}),
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
    Published(
        "Paste",
        "paste.config",
        "ConfigMiddleware",
        "ConfigMiddleware(app, {})",
        lambda m: lambda app: m(app, {}),
    ),
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
        "PasteDeploy",
        "paste.deploy.config",
        "PrefixMiddleware",
        "PrefixMiddleware(app)",
        lambda m: lambda app: m(app),
    ),
    Published("whitenoise", "whitenoise", "WhiteNoise", "WhiteNoise(app, root)", _whitenoise),
    Published(
        "Beaker",
        "beaker.middleware",
        "SessionMiddleware",
        "SessionMiddleware(app, config)",
        lambda m: lambda app: m(app, BEAKER),
    ),
    Published(
        "Beaker",
        "beaker.middleware",
        "CacheMiddleware",
        "CacheMiddleware(app, config)",
        lambda m: lambda app: m(app, BEAKER),
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
        lambda m: lambda app: m(app, [], lambda environ: {}),
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
    Published(
        "wsgicors",
        "wsgicors",
        "CORS",
        'CORS(app, origin="*")',
        lambda m: lambda app: m(app, origin="*"),
    ),
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
    Published(
        "repoze.retry", "repoze.retry", "Retry", "Retry(app, 3)", lambda m: lambda app: m(app, 3)
    ),
    Published(
        "repoze.who",
        "repoze.who.middleware",
        "PluggableAuthenticationMiddleware",
        "PluggableAuthenticationMiddleware(app, ...)",
        _who,
    ),
    Published(
        "raygun4py",
        "raygun4py.middleware.wsgi",
        "Provider",
        'Provider(app, "key")',
        lambda m: lambda app: m(app, "key"),
    ),
    Published(
        "bugsnag",
        "bugsnag.wsgi.middleware",
        "BugsnagMiddleware",
        "BugsnagMiddleware(app)",
        _bugsnag,
    ),
)


def judged(packages: Container[str] | None = None) -> list[dict[str, Any]]:
    """Return what the kit finds now, for some packages or for all that are installed."""
    found = []
    for one in PUBLISHED:
        installed = one.version()
        if installed is None or (packages is not None and one.package not in packages):
            continue
        fails: dict[str, list[str]] = {}
        for result in one.judge():
            fails.setdefault(str(result.rule), []).append(result.id)
        found.append(
            {"package": one.package, "version": installed, "layer": one.shown, "fails": fails}
            | ({"left_out": [25, 27]} if one.catches else {})
        )
    return found


def table(found: list[dict[str, Any]]) -> str:
    """Return the Markdown table of what was found, the clean ones last."""
    lines = [
        "| package | layer | breaks a MUST | breaks HTTP or quality |",
        "| --- | --- | --- | --- |",
    ]
    for one in sorted(found, key=lambda one: -len(one["fails"])):
        musts = [int(number) for number in one["fails"] if is_must(one, number)]
        others = [int(number) for number in one["fails"] if not is_must(one, number)]
        layer = f"`{one['layer']}`" + (" \\*" if "left_out" in one else "")
        cells = f"{layer} | {numbers(musts)} | {numbers(others)} |"
        lines.append(f"| {one['package']} {one['version']} | {cells}")
    broken = sorted({int(number) for one in found for number in one["fails"]})
    links = [f"[{rule}]: reference/rules.md#{slug(rule)}" for rule in broken]
    return "\n".join([*lines, "", *links])


def is_must(one: dict[str, Any], rule: str) -> bool:
    """Tell whether what was broken of a rule is a MUST of PEP 3333."""
    return RULES[int(rule)].kind == "M" and not MORE.issuperset(one["fails"][rule])


def numbers(rules: list[int]) -> str:
    """Return links to rules."""
    return ", ".join(f"[{rule}]" for rule in sorted(rules)) or "-"


def slug(rule: int) -> str:
    """Return the anchor of a rule on its page, as GitHub and MyST make it of the heading."""
    text = re.sub(r"[^\w\- ]", "", f"{rule}. {RULES[rule].title}".lower())
    return text.replace(" ", "-")


def counts(found: list[dict[str, Any]]) -> str:
    """Return the sentence above the table."""
    musts = sum(any(is_must(one, rule) for rule in one["fails"]) for one in found)
    clean = sum(not one["fails"] for one in found)
    return (
        f"Of {len(found)} middlewares {musts} break a MUST, and {clean} break no rule that the kit "
        "knows."
    )


def page(found: list[dict[str, Any]]) -> str:
    """Return docs/published.md with what was found between its two marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{counts(found)}\n\n{table(found)}\n\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Print what is found of the packages that are named, or of all; write it with `--write`."""
    packages = [argument for argument in arguments if argument != "--write"]
    found = judged(packages or None)
    print(json.dumps(found, indent=1))
    if "--write" in arguments:
        DATA.write_text(json.dumps(found, indent=1) + "\n")
        PAGE.write_text(page(found))
    return 0


if __name__ == "__main__":
    # Some leave threads that would keep the process.
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
