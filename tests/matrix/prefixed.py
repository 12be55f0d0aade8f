"""Serve the Flask site below `/mounted`, by the server's own option: `... prefixed SERVER`."""

from __future__ import annotations

import os
import sys
from typing import Any

from tests.matrix.launched import create

PREFIX = "/mounted"


def gunicorn() -> None:
    """gunicorn takes the prefix from the environment."""
    from gunicorn.app.wsgiapp import run

    os.environ["SCRIPT_NAME"] = PREFIX
    sys.argv = [
        *("gunicorn", "--no-control-socket", "--bind", "127.0.0.1:0", "--threads", "4"),
        "tests.matrix.launched:create()",
    ]
    run()


def waitress() -> None:
    """waitress has an option."""
    from waitress.server import create_server

    server: Any = create_server(create(), host="127.0.0.1", port=0, url_prefix=PREFIX)
    print(f"http://127.0.0.1:{server.effective_port}", flush=True)
    server.run()


def cheroot() -> None:
    """cheroot dispatches by itself."""
    from cheroot import wsgi

    untyped: Any = wsgi
    server: Any = wsgi.Server(("127.0.0.1", 0), untyped.PathInfoDispatcher({PREFIX: create()}))
    server.prepare()
    print(f"http://127.0.0.1:{server.bind_addr[1]}", flush=True)
    server.serve()


SERVERS = {"gunicorn": gunicorn, "waitress": waitress, "cheroot": cheroot}

if __name__ == "__main__":
    try:
        SERVERS[sys.argv[1]]()
    except KeyboardInterrupt:
        os._exit(0)  # whatever threads it has
