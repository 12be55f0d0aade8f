"""The command: its table, its reader of MODULE:ATTR, its exit status."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import environment, serving
from tests.venvs import ROOT
from wsgimw import cli
from wsgimw.cli import COMMANDS, Usage, load, main

SHOP = """
    class Site:
        def app(self, environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
            return [b"shop"] if environ["REQUEST_METHOD"] != "HEAD" else []

    site = Site()
    app = site.app
    number = 3

    def create(name="x", *, debug=False):
        def created(environ, start_response):
            return []
        created.options = (name, debug)
        return created

    def broken():
        raise LookupError("no\\nprices")
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with modules to name, which is the current one."""
    files = {
        "shop.py": SHOP,
        "typo.py": "import wsgimw\n\nwsgimw.Compres()\n",
        "needs.py": "import nowhere_to_be_found\n",
        "syntax.py": "def x(:\n",
        "leaves.py": "import sys\nsys.exit('bye')\n",
        "pack/__init__.py": "",
        "pack/web.py": "app = 1\n",
    }
    for name, source in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source))
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in {"shop", "typo", "needs", "syntax", "leaves", "pack"}:
            del sys.modules[name]


@pytest.mark.parametrize(
    ("target", "sees"),
    [
        pytest.param("shop:number", lambda found: found == 3, id="name"),
        pytest.param("shop:site.app", callable, id="dotted name"),
        pytest.param("pack.web:app", lambda found: found == 1, id="dotted module"),
        pytest.param("shop:create()", lambda f: f.options == ("x", False), id="call"),
        pytest.param(
            "shop:create('y', debug=True)", lambda f: f.options == ("y", True), id="arguments"
        ),
        pytest.param("shop: create()", callable, id="a space"),
    ],
)
def test_load(shop: Path, target: str, sees: Callable[[Any], bool]) -> None:
    assert sees(load(target))


HOW = "after the colon stands a name, dotted or not, or its call with literal arguments"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        pytest.param("shop", "'shop' is not MODULE:ATTR; write it as in shop.web:app", id="bare"),
        pytest.param(":app", "':app' is not MODULE:ATTR", id="no module"),
        pytest.param("shop:", "'shop:' is not MODULE:ATTR", id="no attribute"),
        pytest.param("shop:site.ap", "shop:site has no 'ap'; did you mean 'app'?", id="near"),
        pytest.param("shop:zzzzz", "shop has no 'zzzzz'", id="no such name"),
        pytest.param("shop:create(", HOW, id="half a call"),
        pytest.param("shop:create(number)", HOW, id="argument that is no literal"),
        pytest.param("shop:[1]", HOW, id="an expression"),
        pytest.param("shop:create()()", HOW, id="call of a call"),
        pytest.param("nowhere:app", "no module 'nowhere' can be imported from here", id="module"),
        pytest.param("pack.no.web:app", "no module 'pack.no.web' can be imported", id="package"),
        pytest.param(
            "typo:app", "typo cannot be imported: AttributeError: module 'wsgimw' has", id="own bug"
        ),
        pytest.param("typo:app", "typo.py, line 3)", id="place of the bug"),
        pytest.param(
            "needs:app",
            "needs cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
            id="a missing dependency is the module's own bug",
        ),
        pytest.param(
            "syntax:app", "syntax cannot be imported: SyntaxError: invalid syntax", id="syntax"
        ),
        pytest.param("leaves:app", "leaves cannot be imported: SystemExit: bye", id="exit"),
        pytest.param("shop:broken()", "shop:broken() raised LookupError: no", id="factory raises"),
        pytest.param(
            "shop:create(1, 2)", "shop:create(1, 2) raised TypeError: create() takes", id="misfit"
        ),
    ],
)
def test_load_says_what_is_wrong(shop: Path, target: str, text: str) -> None:
    with pytest.raises(Usage) as raised:
        load(target)
    assert text in str(raised.value)


@pytest.mark.parametrize("command", ["run", "check", "explain"])
@pytest.mark.parametrize(
    "target",
    ["shop", "shop:zzzzz", "nowhere:app", "typo:app", "shop:broken()", "shop:number"],
)
def test_mistake_is_one_line_and_status_2(
    shop: Path, command: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, target]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"wsgimw {command}: ")
    assert err.count("\n") == 1


def test_run_of_a_layer_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "examples.raw_app:stack"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "a layer; layers go into the first call: compose(layer)(app)" in err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        pytest.param([], 2, id="nothing"),
        pytest.param(["fly"], 2, id="unknown command"),
        pytest.param(["run"], 2, id="no target"),
        pytest.param(["run", "a:b", "--port", "65536"], 2, id="port too high"),
        pytest.param(["run", "a:b", "--port", "x"], 2, id="port no number"),
        pytest.param(["--help"], 0, id="help"),
        *(pytest.param([command.name, "--help"], 0, id=command.name) for command in COMMANDS),
    ],
)
def test_usage(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert "usage: wsgimw" in (err if status else out)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    out = capsys.readouterr().out
    assert all(f"{command.name} " in out and command.summary in out for command in COMMANDS)


def test_ctrl_c_has_the_status_of_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(target: str) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load", interrupted)
    assert main(["check", "a:b"]) == 130


NOBODY_READS = [
    pytest.param(["--help"], id="help"),
    *(pytest.param([command, "--help"], id=command) for command in ("run", "check")),
    pytest.param(["check", "shop:app"], id="check an app"),
    pytest.param(["explain", "shop:app", "--json"], id="explain an app"),
    pytest.param(["xray", "shop:app", "/"], id="xray an app"),
    pytest.param(["static", "explain", ".", "/shop.py"], id="static, which tells of an OSError"),
    pytest.param(["koans", "new", "koans"], id="koans, which tells of an OSError"),
]


@pytest.fixture
def unread() -> Iterator[int]:
    """The end of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


@pytest.mark.parametrize("buffering", [-1, 1], ids=["buffered", "by the line"])
@pytest.mark.parametrize("arguments", NOBODY_READS)
def test_nobody_reads(
    shop: Path,
    arguments: list[str],
    buffering: int,
    unread: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open(os.dup(unread), "w", buffering, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(arguments) == 141
        stream.write("goes nowhere")  # and leaving the block, which flushes, raises nothing
    assert capsys.readouterr().err == ""


def test_nobody_reads_the_complaint(unread: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.dup(unread), "w", 1, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        assert main(["check", "shop"]) == 141
        monkeypatch.undo()


def test_no_output_at_all(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["check", "shop:app"]) == 0


def test_a_process_whose_output_nobody_reads_ends_in_silence(shop: Path, unread: int) -> None:
    for arguments in (["explain", "shop:app"], ["check", "shop:app"]):
        done = subprocess.run(
            [sys.executable, "-m", "wsgimw", *arguments],
            cwd=shop, env=environment(), stdout=unread, stderr=subprocess.PIPE, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable, "-m", "wsgimw"], id="module"),
        pytest.param([str(Path(sys.executable).with_name("wsgimw"))], id="script"),
    ],
)
def test_exit_status_of_the_process(command: list[str], shop: Path) -> None:
    if not Path(command[0]).exists():
        pytest.skip("the project is not installed: no script")
    for arguments, status in ((["--help"], 0), (["check", "shop:app"], 0), (["run", "x"], 2)):
        done = subprocess.run(
            [*command, *arguments], cwd=shop, env=environment(), capture_output=True, timeout=60
        )
        assert done.returncode == status, done.stderr


def test_run_serves_and_logs(shop: Path) -> None:
    with serving("wsgimw", "run", "shop:app", "--port", "0", cwd=shop) as server:
        assert server.get("/x")[2] == b"shop"
        server.until(r"\d GET /x 200 4 B .*\n")
        assert server.stop(signal.SIGINT) == 0
    assert server.output.count("GET /x") == 1  # the server writes no line of its own
    assert "Traceback" not in server.output


def test_run_with_reload(shop: Path) -> None:
    """A change is seen; an unfinished one is told to the client, and the server lives on."""
    command = ("wsgimw", "run", "shop:app", "--port", "0", "--reload")
    with serving(*command, cwd=shop) as server:
        server.until("Debugger|Restarting with .*\n")
        assert server.get("/")[2] == b"shop"
        (shop / "shop.py").write_text("app = \n")
        server.until("wsgimw run: shop cannot be imported: SyntaxError.*\n")
        status, _, body = server.get("/")
        assert status == 500
        assert body.startswith(b"shop cannot be imported: SyntaxError: invalid syntax (")
        (shop / "shop.py").write_text(textwrap.dedent(SHOP).replace('b"shop"', 'b"mend"'))
        server.until("(?s)SyntaxError.*Restarting with .*\n")
        assert server.get("/")[2] == b"mend"
        server.stop(signal.SIGTERM)


@pytest.mark.parametrize("options", [[], ["--reload"]])
def test_run_on_a_port_in_use(
    shop: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["run", "shop:app", "--port", port, *options]) == 2
    assert capsys.readouterr().err.startswith("wsgimw run: cannot listen on http://127.0.0.1:")


def test_importing_the_command_loads_no_server() -> None:
    source = "import sys, wsgimw.cli; sys.exit('werkzeug' in sys.modules)"
    subprocess.run([sys.executable, "-c", source], cwd=ROOT, check=True, timeout=60)
