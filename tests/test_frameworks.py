"""What the guide to frameworks says: each switch lets exceptions reach a layer, none is idle."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import webtest

from tests.venvs import ROOT
from wsgimw import CatchErrors
from wsgimw.errors import Report
from wsgimw.testing import lint

GUIDE = (ROOT / "docs" / "frameworks.md").read_text()
SNIPPETS = re.findall(r"^## (.*?)\n(?:.*?)^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


class Broken(Exception):
    """What the views raise."""


def fail() -> Any:
    raise Broken("no such order")


def raw_app(switched: bool) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        return fail()

    return app


def flask_app(switched: bool) -> Any:
    from flask import Flask

    app = Flask("shop")
    app.add_url_rule("/fail", view_func=fail)
    if switched:
        app.config["PROPAGATE_EXCEPTIONS"] = True
    return app.wsgi_app


def bottle_app(switched: bool) -> Any:
    from bottle import Bottle

    app = Bottle()
    app.route("/fail", callback=fail)
    if switched:
        app.catchall = False
    return app


def falcon_app(switched: bool) -> Any:
    import falcon

    class Fail:
        def on_get(self, req: Any, resp: Any) -> None:
            fail()

    def reraise(req: Any, resp: Any, error: Exception, params: Any) -> None:
        raise error

    app = falcon.App()
    app.add_route("/fail", Fail())
    if switched:
        app.add_error_handler(Exception, reraise)
    return app


def django_app(switched: bool) -> Any:
    from django.core.wsgi import get_wsgi_application

    import examples.django_app  # noqa: F401 - it has configured Django, once for the process

    return get_wsgi_application()


def pyramid_app(switched: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pkg_resources, which Pyramid imports
        from pyramid.config import Configurator

    config = Configurator()
    config.add_route("fail", "/fail")
    config.add_view(lambda request: fail(), route_name="fail")
    return config.make_wsgi_app()


@contextmanager
def django_settings(switched: bool) -> Iterator[None]:
    from django.test.utils import override_settings

    import examples.django_app  # noqa: F401

    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=switched):
        yield


def reported(name: str, switched: bool) -> tuple[int, list[BaseException], bool]:
    """Return the status, what was reported, and whether the answer is the layer's."""
    seen: list[BaseException] = []

    def report(report: Report, error: Exception) -> None:
        seen.append(error)

    make: Callable[[bool], Any] = globals()[f"{name}_app"]
    with django_settings(switched) if name == "django" else nullcontext():
        app = CatchErrors(report=report, log=False)(make(switched))
        answer = webtest.TestApp(lint(app)).get(
            "/fail",
            headers={"Host": "localhost"},
            extra_environ={"paste.throw_errors": False},  # a server does not set it, either
            expect_errors=True,
        )
    return answer.status_int, seen, "X-Error-Fingerprint" in answer.headers


SWITCHES = {
    "flask": 'app.config["PROPAGATE_EXCEPTIONS"] = True',
    "django": "DEBUG_PROPAGATE_EXCEPTIONS = True",
    "bottle": "app.catchall = False",
    "falcon": "app.add_error_handler(Exception, reraise)",
}


@pytest.mark.parametrize("name", [*SWITCHES, "raw", "pyramid"])
def test_an_exception_reaches_the_layer(name: str) -> None:
    status, seen, ours = reported(name, switched=True)
    assert (status, ours) == (500, True)
    assert len(seen) == 1
    assert type(seen[0]).__name__ in ("Broken", "LookupError")  # that of the Django example
    assert "no such order" in str(seen[0])


@pytest.mark.filterwarnings("ignore")  # Falcon and Django tell of the error in their own ways
@pytest.mark.parametrize("name", SWITCHES)
def test_without_its_switch_a_framework_answers_itself(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert reported(name, switched=False) == (500, [], False)


@pytest.mark.parametrize(("name", "switch"), SWITCHES.items())
def test_the_guide_names_the_switch(name: str, switch: str) -> None:
    assert f"`{switch}`" in GUIDE
    row = next(line for line in GUIDE.splitlines() if line.startswith(f"| {name.title()} |"))
    assert switch in row


def test_there_is_a_snippet_for_each_framework() -> None:
    names = {name for name, _ in SNIPPETS}
    assert names == {"Raw WSGI", "Flask", "Django", "Bottle", "Falcon", "Pyramid"}


@pytest.mark.parametrize(("name", "source"), SNIPPETS, ids=[name for name, _ in SNIPPETS])
def test_each_snippet_serves(name: str, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name == "Django":
        import examples.django_app  # noqa: F401 - it has configured Django
    if name == "Pyramid":
        pyramid_app(True)  # with its warnings at import
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, f"docs/frameworks.md, {name}", "exec"), names)
    application = names.get("application") or names["app"]
    answer = webtest.TestApp(lint(application)).get(
        "/nowhere", headers={"Host": "localhost"}, expect_errors=True
    )
    assert answer.status_int == (200 if name == "Raw WSGI" else 404)
    assert len(answer.headers["X-Request-ID"]) == 32
    assert capsys.readouterr().err.count("GET /nowhere HTTP/1.0") == 1


def test_the_examples_that_it_names_are_there() -> None:
    named = re.findall(r"`(examples/[\w./]+)`", GUIDE)
    assert len(named) >= 6
    assert [path for path in named if not (ROOT / path).exists()] == []
