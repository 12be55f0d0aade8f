"""Run every check of the project: `python3 -m tests [--only-pytest] [arguments for pytest]`.

Needs nothing but Python: the environment is made on the first run (see `venvs.py`). With arguments
for pytest only a part of the tests may run, so the coverage gate is left out.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.venvs import ROOT, reenter

ONLY_PYTEST = "--only-pytest"
SHARED = ["-n", "auto", "--maxprocesses", "8", "--dist", "worksteal"]  # all tests, on every core


def plan(python: str, arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the steps by heading, in order."""
    pytest_arguments = [argument for argument in arguments if argument != ONLY_PYTEST]
    plain_pytest = {"pytest": [python, "-m", "pytest", *(pytest_arguments or SHARED)]}
    if ONLY_PYTEST in arguments:
        return plain_pytest
    static = {
        "ruff check": [python, "-m", "ruff", "check"],
        "ruff format": [python, "-m", "ruff", "format", "--check"],
        "mypy": [python, "-m", "mypy"],
        # Without the path pyright looks into the `python` that it finds on PATH.
        "pyright": [python, "-m", "pyright", "--pythonpath", python],
    }
    if pytest_arguments:
        return static | plain_pytest
    return static | {
        # pytest imports our plugin, and so the package, before pytest-cov could start.
        "pytest": [python, "-m", "coverage", "run", "--parallel-mode", "-m", "pytest", *SHARED],
        "coverage": [python, "-m", "tests.gate"],
    }


def run(steps: dict[str, list[str]]) -> list[str]:
    """Run all steps, whatever fails; return the headings of those that did."""
    environ = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    if "coverage" in steps:
        environ["WSGIMW_MEASURE"] = "1"  # to tests/conftest.py
    failed = []
    for heading, command in steps.items():
        print(f"\n=== {heading} ===", flush=True)
        if subprocess.call(command, cwd=ROOT, env=environ):
            failed.append(heading)
    return failed


def main(arguments: Sequence[str]) -> int:
    """Return the exit status: 0 if everything passed, else 1."""
    reenter("tests", arguments, group="dev")
    failed = run(plan(sys.executable, arguments))
    print(f"\nFAILED: {', '.join(failed)}" if failed else "\nall passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
