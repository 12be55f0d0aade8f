"""tests.servers: each server of the matrix starts on a free port, answers, and ends by its pid."""

from __future__ import annotations

from typing import Any

import pytest

from tests import servers
from tests.servers import SERVERS, exchange, need, running

pytestmark = pytest.mark.slow


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_answers_and_ends(name: str) -> None:
    with running(name, "tests.test_servers:application") as server:
        assert server.get("/")[0::2] == (200, b"hello")
        request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert exchange(server.port, request).endswith(b"\r\n\r\nhello")
    assert server.process.returncode == 0


@pytest.mark.parametrize("where", ["CI", "elsewhere"])
def test_a_missing_server(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(servers.NEEDS, "uwsgi", ("a_package_that_is_not_there",))
    monkeypatch.setenv("CI", "true" if where == "CI" else "")
    wanted = pytest.fail.Exception if where == "CI" else pytest.skip.Exception
    with pytest.raises(wanted, match="a_package_that_is_not_there is not installed"):
        need("uwsgi")
