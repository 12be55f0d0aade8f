"""Make the project's own virtual environment and run a module of the checkout inside it.

Standard library only: this runs under a bare `python3`, before anything is installed. It serves
`python3 -m tests` and `python3 -m tests.bench`, which differ only in their dependency group.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def reenter(module: str, arguments: Sequence[str], *, group: str) -> None:
    """Return inside a warm environment that has `group`; else make it and run `module` there.

    Raises `SystemExit` with one line of advice if the environment cannot be made.
    """
    venv = venv_directory(ROOT, VERSION)
    python = venv / "bin" / "python"
    stamp = venv / f"wsgimw-{group}.stamp"
    wanted = fingerprint(ROOT, VERSION)
    if not python.exists() or not (venv / "bin" / "pip").exists():
        make(venv)
    if not stamp.exists() or stamp.read_text() != wanted:
        install(python, group)
        stamp.write_text(wanted)
    if Path(sys.prefix).resolve() != venv.resolve():
        sys.stdout.flush()
        os.chdir(ROOT)
        os.execv(python, [str(python), "-m", module, *arguments])


def venv_directory(root: Path, version: str) -> Path:
    """Choose `.venv`, or `.venv-3.13` and the like where `.venv` has another Python version."""
    plain = root / ".venv"
    if plain.exists() and version_of(plain) != version:
        return root / f".venv-{version}"
    return plain


def version_of(venv: Path) -> str | None:
    """Read `major.minor` from `pyvenv.cfg`; None if it does not say."""
    try:
        lines = (venv / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, value = line.partition("=")
        # virtualenv and uv write `version_info` where the standard library writes `version`.
        if key.strip() in ("version", "version_info"):
            return ".".join(value.strip().split(".")[:2])
    return None


def fingerprint(root: Path, version: str) -> str:
    """Return what an installation depends on: pyproject.toml, the Python, the checkout's place."""
    digest = hashlib.sha256((root / "pyproject.toml").read_bytes()).hexdigest()
    # An editable installation points to the checkout, so a moved checkout is a cold one.
    return f"{digest} {version} {root}\n"


def make(venv: Path) -> None:
    """Make an environment, or complete one: Debian without python3-venv leaves one without pip."""
    if importlib.util.find_spec("ensurepip") is None:
        stop(f"{sys.executable} cannot make a virtual environment: apt install python3-venv")
    tell(f"making {venv.name} with Python {VERSION}")
    # `venv` does not mend a link whose interpreter was removed: such an environment starts anew.
    clear = [] if (venv / "bin" / "python").exists() else ["--clear"]
    run([sys.executable, "-m", "venv", *clear, str(venv)])


def install(python: Path, group: str) -> None:
    """Install the project editable, with every extra and one dependency group."""
    tell(f"installing the project and its group {group!r}")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    # A new environment's pip may be too old to know `--group` (PEP 735).
    run([*pip, "--upgrade", "pip"])
    run([*pip, "--editable", ".[all]", "--group", group])


def run(command: Sequence[str]) -> None:
    """Run one preparing command in the checkout; end the program if it fails."""
    if status := subprocess.call(command, cwd=ROOT):
        stop(f"exit status {status} from: {' '.join(command)}")


def tell(news: str) -> None:
    """Say what takes so long; not on stdout, where a bench may write JSON."""
    print(news, file=sys.stderr, flush=True)


def stop(advice: str) -> NoReturn:
    """End the program with one line."""
    raise SystemExit(advice)
