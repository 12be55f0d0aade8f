"""What the sources say: who may touch a body, and that imports run downwards only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import wsgimw
from tests.venvs import ROOT

PACKAGE = ROOT / "wsgimw"
FILES = sorted(PACKAGE.rglob("*.py"))

# DESIGN.md 3, from above to below. A module that is not named is a layer or a part of one.
LEVELS: list[tuple[str, tuple[str, ...]]] = [
    ("the commands", ("cli", "__main__", "paste")),
    ("devtools", ("devtools",)),
    ("testing", ("testing",)),
    ("layers", ()),
    ("exchange, @layer", ("onion", "exchange")),
    ("compose", ("compose",)),
    (
        "what layers share",
        (
            *("record", "redact", "shapes", "codings", "peers", "answers", "facts", "misuse"),
            *("targets", "request_body", "spooled"),
        ),
    ),
    ("names", ("describe", "lazy")),
    ("http", ("http",)),
]
LAYERS = next(number for number, (name, _) in enumerate(LEVELS) if name == "layers")
FRONT_DOOR = -1

# What the front door offers lazily. Other modules among the layers are what a layer was split into.
OFFERED = {module.split(".")[1] for module in wsgimw.__dict__["_LAZY"].values()}

# Within one level: who may import whom, since one stands upon the other.
BESIDE = {("onion", "exchange"), ("shapes", "redact"), ("spooled", "request_body")}

# What stands in a server's place, and so consumes bodies by itself.
CONSUMERS = ("testing", "devtools", "cli", "__main__")
CLOSES_ITS_OWN = {
    "static/answers.py": "a layer closes the files that it opened",
    "static/explain.py": "a command stands in the server's place",
}


def part(module: str) -> str:
    """Return the first name below the package: `errors` of `wsgimw.errors.tree`."""
    return module.split(".")[1] if "." in module else ""


def level(module: str) -> int:
    name = part(module)
    if not name:
        return FRONT_DOOR
    for number, (_, names) in enumerate(LEVELS):
        if name in names:
            return number
    return LAYERS


def module_of(path: Path) -> str:
    names = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and module of each import of ours, lazy ones and those for checkers included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import"
            module = node.module or ""
            names = [module]
            if module == "wsgimw":  # `from wsgimw import misuse`: the module, if there is one
                names = [
                    f"wsgimw.{alias.name}" if (PACKAGE / f"{alias.name}.py").exists() else module
                    for alias in node.names
                ]
        else:
            continue
        for name in names:
            if name.partition(".")[0] == "wsgimw":
                yield node.lineno, name


def upward(path: Path) -> Iterator[str]:
    """Yield a line for each import that does not run downwards."""
    module = module_of(path)
    here = level(module)
    if here == FRONT_DOOR:
        return
    for line, name in imports(path):
        there = level(name)
        if part(name) == part(module) or (part(module), part(name)) in BESIDE:
            continue
        if there == FRONT_DOOR and here < LAYERS:
            continue  # what uses layers may come in by the front door
        if here == there == LAYERS and part(name) not in OFFERED:
            continue
        if there <= here and not (there == here and here < LAYERS):
            yield f"{path.relative_to(ROOT)}:{line}: {module} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path: Path) -> None:
    """A layer imports no other layer, and nothing imports what stands above it."""
    assert not list(upward(path))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("wsgimw.cli", "the commands"),
        ("wsgimw.devtools.walk", "devtools"),
        ("wsgimw.testing.kit", "testing"),
        ("wsgimw.compress", "layers"),
        ("wsgimw.errors.tree", "layers"),
        ("wsgimw.exchange", "exchange, @layer"),
        ("wsgimw.compose", "compose"),
        ("wsgimw.record", "what layers share"),
        ("wsgimw.http.paths", "http"),
    ],
)
def test_levels(module: str, name: str) -> None:
    assert LEVELS[level(module)][0] == name


def test_an_upward_import_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_sources.ROOT", tmp_path)
    (tmp_path / "wsgimw" / "http").mkdir(parents=True)
    path = tmp_path / "wsgimw" / "http" / "paths.py"
    path.write_text("def f():\n    import wsgimw.compose\n")
    assert list(upward(path)) == [
        "wsgimw/http/paths.py:2: wsgimw.http.paths imports wsgimw.compose"
    ]
    path = tmp_path / "wsgimw" / "gate.py"
    path.write_text("from wsgimw.errors import CatchErrors\nfrom wsgimw import Gzip\nimport re\n")
    assert list(upward(path)) == [
        "wsgimw/gate.py:1: wsgimw.gate imports wsgimw.errors",
        "wsgimw/gate.py:2: wsgimw.gate imports wsgimw",
    ]


# Who touches a body.


class Touches(ast.NodeVisitor):
    """Finds code that closes, iterates or writes a body: by the words that all of us use."""

    BODY = ("body", "app_iter", "iterable", "response")

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def is_body(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Call):  # `for block in app(environ, start_response)`
            words = {arg.id for arg in node.args if isinstance(arg, ast.Name)}
            return "start_response" in words or any(self.is_body(arg) for arg in node.args)
        return isinstance(node, ast.Name) and node.id in self.BODY

    def note(self, node: ast.AST, what: str) -> None:
        self.found.append((getattr(node, "lineno", 0), what))

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute) and self.is_body(function.value):
            if function.attr == "close":
                self.note(node, "closes a body")
        elif isinstance(function, ast.Name) and node.args and self.is_body(node.args[0]):
            if function.id in ("iter", "next", "list", "tuple", "sum", "map", "enumerate"):
                self.note(node, "iterates a body")
            elif (
                function.id == "getattr"
                and isinstance(node.args[1], ast.Constant)
                and node.args[1].value in ("close", "__iter__", "__next__")
            ):
                self.note(node, f"takes the {node.args[1].value} of a body")
        joins = isinstance(function, ast.Attribute) and function.attr == "join"
        if joins and any(self.is_body(arg) for arg in node.args):
            self.note(node, "iterates a body")
        if isinstance(function, ast.Name) and function.id == "write":
            self.note(node, "forwards write()")
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        if self.is_body(node.iter):
            self.note(node, "iterates a body")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if self.is_body(node.iter):
            self.note(node.iter, "iterates a body")
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        if self.is_body(node.value):
            self.note(node, "iterates a body")
        self.generic_visit(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        if self.is_body(node.value):
            self.note(node, "iterates a body")
        self.generic_visit(node)


def touches(source: str) -> list[tuple[int, str]]:
    visitor = Touches()
    visitor.visit(ast.parse(source))
    return visitor.found


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if part(module_of(path)) not in (*CONSUMERS, "exchange")],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_only_the_primitive_touches_a_body(path: Path) -> None:
    """Close, iterate, forward `write()`: that is `exchange.py`, and what stands for a server."""
    found = touches(path.read_text(encoding="utf-8"))
    if str(path.relative_to(PACKAGE)) in CLOSES_ITS_OWN:
        assert {what for _, what in found} == {"takes the close of a body"}
    else:
        assert found == []


def test_the_primitive_is_found_to_touch_bodies() -> None:
    found = {what for _, what in touches((PACKAGE / "exchange.py").read_text(encoding="utf-8"))}
    assert {"takes the close of a body", "iterates a body"} <= found


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("body.close()", "closes a body"),
        ("getattr(body, 'close', None)", "takes the close of a body"),
        ("for block in body: pass", "iterates a body"),
        ("for block in app(environ, start_response): pass", "iterates a body"),
        ("for n, block in enumerate(body): pass", "iterates a body"),
        ("[len(block) for block in body]", "iterates a body"),
        ("b''.join(body)", "iterates a body"),
        ("def hand_on(): list(body)", "iterates a body"),
        ("def hand_on(): b''.join(body)", "iterates a body"),
        ("list(body)", "iterates a body"),
        ("next(iter(body))", "iterates a body"),
        ("[*body]", "iterates a body"),
        ("def f():\n    yield from body", "iterates a body"),
        ("write(block)", "forwards write()"),
    ],
)
def test_what_is_found(source: str, what: str) -> None:
    assert what in {found for _, found in touches(source)}


@pytest.mark.parametrize(
    "source",
    [
        "file.close()",
        "for line in file: pass",
        "b''.join(blocks)",
        "file.write(b'')",
        "len(body)",
    ],
)
def test_what_is_not_found(source: str) -> None:
    assert touches(source) == []
