"""What frameworks' own commands and servers' mount prefixes are tried with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask

from tests.matrix.apps import App, django, flask_site
from tests.matrix.pages import room
from tests.whole_stack import whole_stack
from wsgimw import compose

STACKS = {
    "bare": compose(),
    "wrapped": whole_stack(room() / "static", room() / "access.log"),
    "portable": whole_stack(room() / "static", room() / "access.log", portable=True),
}


def by_variant(app: App) -> App:
    """Serve an app bare and wrapped; a field of the request says which is asked."""
    apps = {variant: stack(app) for variant, stack in STACKS.items()}

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        return apps[environ.pop("HTTP_X_VARIANT")](environ, start_response)

    return application


def create() -> Flask:
    """Make the app, as `gunicorn "module:create()"` and `flask run` want it."""
    app = flask_site()
    app.wsgi_app = by_variant(app.wsgi_app)  # type: ignore[method-assign, assignment]
    return app


def __getattr__(name: str) -> Any:
    if name == "django_application":
        return by_variant(django())
    if name == "application":
        return create()
    raise AttributeError(name)


# The module is Django's settings as well, for `runserver`.
SECRET_KEY = "not one"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.matrix.django_urls"
WSGI_APPLICATION = "tests.matrix.launched.django_application"
MIDDLEWARE: list[str] = []
LOGGING_CONFIG = None
