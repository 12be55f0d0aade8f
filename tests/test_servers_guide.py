"""What the guide to servers says, asked of the servers themselves."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.serving import PATIENCE, Server, serving
from tests.venvs import ROOT

GUIDE = (ROOT / "docs" / "servers.md").read_text()
(HELLO,) = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
COMMANDS = {
    command.split()[0]: command.strip()
    for command in re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
}

SITE = '''
"""Tell what came, or fail midway."""

import json


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/fail":
        return broken()
    names = ("PATH_INFO", "SCRIPT_NAME", "REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "wsgi.url_scheme")
    return [json.dumps({name: environ.get(name) for name in names}).encode()]


def broken():
    yield b"first"
    raise LookupError("no such order")
'''
FREE = {
    "gunicorn": ["--bind", "127.0.0.1:0", "--workers", "1"],
    "waitress-serve": ["--listen", "127.0.0.1:0"],
    "granian": [],
}
MODULES = {"gunicorn": "gunicorn", "waitress-serve": "waitress", "granian": "granian"}
SAYS = r"(?:http://|tcp://|Listening at: \w+ ?)?127\.0\.0\.1:(\d+)"


def command_for(name: str, target: str, port: int) -> list[str]:
    """Return what the guide says to type, as a module, with a target and a port of our own."""
    _, *arguments = shlex.split(COMMANDS[name].replace("hello:application", target))
    if name == "waitress-serve":
        arguments = [argument for argument in arguments if argument == target]
    if name == "granian":
        arguments += ["--port", str(port)]
    options, last = [a for a in arguments if a != target], target
    return [MODULES[name], *options, *FREE[name], last]


def free_port() -> int:
    """Return a port that was free a moment ago: of 0 granian does not say what it became."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_the_snippet_runs() -> None:
    names: dict[str, Any] = {}
    exec(compile(HELLO, "docs/servers.md", "exec"), names)
    assert callable(names["application"])


def test_there_is_a_command_for_each_server_that_is_asked() -> None:
    assert COMMANDS.keys() == FREE.keys()
    assert all("hello:application" in command for command in COMMANDS.values())


@pytest.fixture(params=list(FREE), scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Each server with the site, one process for all questions."""
    name: str = request.param
    directory: Path = tmp_path_factory.mktemp("site")
    (directory / "site_that_tells.py").write_text(SITE)
    command = command_for(name, "site_that_tells:application", free_port())
    with serving(*command, says=SAYS, cwd=directory) as server:
        yield from up(name, server)


def up(name: str, server: Server) -> Iterator[tuple[str, Server]]:
    """Yield once the server answers: granian says its address before it listens."""
    deadline = monotonic() + PATIENCE
    while True:
        try:
            server.get("/")
        except ConnectionError:
            assert monotonic() < deadline, server.output
        else:
            break
    yield name, server


def ask(server: Server, **headers: str) -> dict[str, str]:
    told: dict[str, str] = json.loads(server.get("/a/b", headers=headers)[2])
    return told


@pytest.mark.slow
def test_forwarded_fields(running: tuple[str, Server]) -> None:
    name, server = running
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    told = ask(server, **headers)
    assert told["REMOTE_ADDR"] == "127.0.0.1"
    assert told["wsgi.url_scheme"] == ("https" if name == "gunicorn" else "http")
    kept = None if name == "waitress-serve" else "203.0.113.9"
    assert told["HTTP_X_FORWARDED_FOR"] == kept


@pytest.mark.slow
def test_a_field_named_script_name(running: tuple[str, Server]) -> None:
    name, server = running
    told = ask(server, SCRIPT_NAME="/a")
    expected = ("/a", "/b") if name == "gunicorn" else ("", "/a/b")
    assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == expected


@pytest.mark.slow
def test_a_stream_that_fails_midway(running: tuple[str, Server]) -> None:
    name, server = running
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    with closing(connection):
        connection.request("GET", "/fail")
        with connection.getresponse() as response:
            if name == "granian":
                assert response.read() == b"first"
            else:
                with pytest.raises(http.client.IncompleteRead):
                    response.read()


@pytest.mark.slow
def test_gunicorn_can_be_told_to_take_no_script_name(tmp_path: Path) -> None:
    (tmp_path / "site_that_tells.py").write_text(SITE)
    command = command_for("gunicorn", "site_that_tells:application", 0)
    with serving(*command[:1], "--forwarder-headers", "", *command[1:], cwd=tmp_path) as server:
        told = ask(server, SCRIPT_NAME="/a")
    assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == ("", "/a/b")
