"""Break a module in one place at a time, and see whether its tests notice.

`python -m tests.mutants wsgimw/http/ranges.py tests/test_http_ranges.py [--most N]`

Each mutant changes one operator, condition or constant; error messages, docstrings, names and
annotations are left alone. It runs in a child process, against the given tests with few examples
of each property (`--hypothesis-profile=brief`) and without those that are `unmeasured`; one that
fails, or takes longer than a minute, has killed it. With `--most` an even sample is taken. The
survivors are printed, with the line: either a test is missing, or the two programs are the same.
Run by hand; the figures are in docs/security.md.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tests.venvs import ROOT, reenter

SECONDS = 60
SWAPS: dict[type[ast.AST], type[Any]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
}


def places(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield the nodes that can be changed, and how."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "exc"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or _is_left_alone(node):
                continue
            if isinstance(node, (ast.If, ast.While, ast.IfExp)):
                yield node, "condition"
            if isinstance(node, ast.Compare):
                yield node, "comparison"
            if isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in SWAPS:
                yield node, "operator"
            if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, str)):
                yield node, "constant"
            yield from places(node)


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)  # a docstring
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def change(node: Any, how: str) -> None:
    """Change a node in place."""
    if how == "condition":
        node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
    elif how == "comparison":
        node.ops[0] = SWAPS[type(node.ops[0])]()
    elif how == "operator":
        node.op = SWAPS[type(node.op)]()
    elif isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node.value, int):
        node.value += 1
    else:
        node.value = node.value + "x" if node.value else "x"


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the mutant in place of the module."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        self.name, self.path, self.tree = name, path, tree

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname == self.name:
            return importlib.util.spec_from_file_location(fullname, self.path, loader=self)
        return None

    def exec_module(self, module: Any) -> None:
        exec(compile(self.tree, self.path, "exec"), module.__dict__)


def is_killed(name: str, path: str, tree: ast.Module, tests: list[str]) -> bool:
    """Run the tests in a child with the mutant; they have killed it if they do not pass."""
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(BaseException):
            signal.alarm(SECONDS)
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            sys.meta_path.insert(0, Mutated(name, path, tree))
            import pytest

            # Rewriting would load the module by itself.
            given = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider"]
            given.append("--hypothesis-profile=brief")
            status = int(pytest.main([*given, "-m", "not unmeasured", *tests]))
        os._exit(1 if status else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def main(arguments: list[str]) -> int:
    """Print the survivors and the score."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("module")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--most", type=int, default=10_000)
    options = parser.parse_args(arguments)
    if not os.environ.get("WSGIMW_NO_VENV"):
        reenter("tests.mutants", arguments, group="dev")
    name = options.module.removesuffix(".py").replace("/", ".")
    path = str(ROOT / options.module)
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    if is_killed(name, path, tree, options.tests):
        print("the tests fail without a mutant")
        return 2
    count = len(list(places(tree)))
    step = max(1, -(-count // options.most))
    tried = killed = 0
    for number in range(0, count, step):
        mutant = copy.deepcopy(tree)
        node, how = list(places(mutant))[number]
        line = getattr(node, "lineno", 0)
        change(node, how)
        ast.fix_missing_locations(mutant)
        tried += 1
        if is_killed(name, path, mutant, options.tests):
            killed += 1
        else:
            print(f"{options.module}:{line}: {how}: {ast.unparse(node)[:90]}", flush=True)
    print(f"{options.module}: {killed} of {tried} killed ({100 * killed // max(tried, 1)} %)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
