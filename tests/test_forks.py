"""What a child process must not share is told of it."""

import gc
import os
import runpy
import subprocess
import sys

import pytest

from wsgimw import forks


def test_a_child_tells_what_still_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `os.register_at_fork` was given, called here: a child's coverage is not measured."""
    told: list[str] = []

    class Holder:
        def __init__(self, name: str) -> None:
            self.name = name

        def after_fork(self) -> None:
            told.append(self.name)

    monkeypatch.setattr(forks, "_forking", type(forks._forking)())
    living, gone = Holder("living"), Holder("gone")
    forks.after_fork(living)
    forks.after_fork(gone)
    del gone
    gc.collect()
    forks._in_child()
    assert told == ["living"]


def test_it_loads_where_nothing_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    names = runpy.run_path(str(forks.__file__))
    assert {"after_fork", "Forks"} <= names.keys()


IDS_OF_TWO = """
import os
from tests.wsgi import make_environ, serve
from wsgimw import RequestId

def app(environ, start_response):
    start_response("200 OK", [])
    return [environ["wsgimw.request_id"].encode()]

app = RequestId()(app)
serve(app, make_environ())
read, write = os.pipe()
child = os.fork()
ids = b" ".join(serve(app, make_environ()).blocks[0] for _ in range(70))
if child == 0:
    os.write(write, ids)
    os._exit(0)
os.waitpid(child, 0)
others = os.read(read, 1 << 16)
print(len(set(ids.split()) | set(others.split())))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_parent_and_child_give_no_id_twice() -> None:
    command = [sys.executable, "-c", IDS_OF_TWO]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "140\n"
