"""What the tests of Router share: an app that tells what it was given, and a client."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from wsgiref.validate import validator

from tests.bench.drive import make_environ
from wsgimw.testing import lint

Environ = dict[str, Any]


class App:
    """An app that notes each environ it is given, and answers with its own name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[Environ] = []

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        self.seen.append(dict(environ))
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-App", self.name)])
        return [self.name.encode()]

    def __repr__(self) -> str:
        return self.name

    @property
    def last(self) -> Environ:
        """The environ of the last request."""
        return self.seen[-1]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def code(self) -> int:
        return int(self.status[:3])

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        (value,) = self.all(name)
        return value


def get(
    app: Any, path: str = "/", method: str = "GET", *, check: bool = True, **more: Any
) -> Answer:
    """Make a request with `path` as PATH_INFO; the linters look on unless told not to."""
    environ = make_environ(path, method, **more)
    # No raw target unless the test gives one: PATH_INFO is what it says.
    if "RAW_URI" not in more:
        del environ["RAW_URI"]
    return ask(validator(lint(app)) if check else app, environ)


def key(name: str, value: Any) -> Environ:
    """Return one key of an environ, for a name that is no identifier."""
    return {name: value}


def ask(app: Any, environ: Environ) -> Answer:
    """Make a request with just this environ."""
    heads: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        heads.append((status, list(headers)))
        return lambda block: None

    body: Iterable[bytes] = app(environ, start_response)
    try:
        content = b"".join(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
    return Answer(*heads[-1], content)
