"""Pages that are taken from the code: what a docstring says is said nowhere else.

A docstring of this project is Markdown. On a page a fence

    ```{code} module wsgimw.compress
    ```

is replaced by the docstring of that module before the page is read, and

    ```{code} api wsgimw.Compress wsgimw.Gzip
    ```

by an entry for each name: its signature, its docstring, its options or attributes with type,
default and what they mean, and its public methods. Examples become blocks that Sphinx's doctest
runs with the names of their module.

>>> markdown("\\n".join(["One.", ">>> 1 + 1", "2"]), "wsgimw").splitlines()
['One.', '', '```{doctest} wsgimw', '>>> 1 + 1', '2', '```']
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from sphinx.pycode import ModuleAnalyzer

FENCE = re.compile(r"^```\{code\} (\w+) ?(.*)\n```$", re.MULTILINE)


def setup(app: Any) -> dict[str, Any]:
    """Be an extension of Sphinx."""
    app.connect("source-read", _read)
    return {"version": "1", "parallel_read_safe": True}


def _read(app: Any, name: str, source: list[str]) -> None:
    source[0] = expand(source[0])


def expand(page: str) -> str:
    """Return a page with what its fences ask for."""
    return FENCE.sub(lambda fence: KINDS[fence[1]](fence[2].split()), page)


def names_of(page: str) -> Iterator[str]:
    """Yield all names that the fences of a page ask an entry for."""
    for kind, names in FENCE.findall(page):
        if kind == "api":
            yield from names.split()


# ---- docstrings -------------------------------------------------------------------------------


def markdown(docstring: str, module: str) -> str:
    """Return a docstring as Markdown for MyST, with its examples in fences."""
    lines: list[str] = []
    example = indented = False
    for line in inspect.cleandoc(docstring).splitlines():
        if example and not line:
            lines.append("```")
            example = False
        elif indented and not line.startswith("    ") and line:
            indented = False
        if line.startswith(">>>") and not example:
            if lines and lines[-1]:
                lines.append("")
            lines.append("```{doctest} " + module)
            example = True
        lines.append(line)
    if example:
        lines.append("```")
    return "\n".join(lines)


def _names(module: str) -> str:
    """Return a block, not shown, that gives the examples the names that they have in a module."""
    return "\n".join(
        [
            "```{testsetup} " + module,
            "import sys, importlib",
            f"importlib.import_module({module!r})",
            f"globals().update(vars(sys.modules[{module!r}]))",
            "```",
        ]
    )


def modules(names: list[str]) -> str:
    """Return the docstrings of modules."""
    parts = []
    for name in names:
        import_module(name)
        # `wsgimw.compose` the attribute is the function.
        docstring = sys.modules[name].__doc__ or ""
        if ">>>" in docstring:
            parts.append(_names(name))
        parts.append(markdown(docstring, name))
    return "\n\n".join(parts)


# ---- the entries of names ---------------------------------------------------------------------


def entries(names: list[str]) -> str:
    """Return an entry for each dotted name."""
    return "\n\n".join(entry(name) for name in names)


def entry(name: str) -> str:
    """Return the entry of a class, a function or a value."""
    home, _, short = name.rpartition(".")
    import_module(home)
    value = getattr(sys.modules[home], short)
    if isinstance(value, type):
        return _class(name, value)
    if callable(value) and not typing.get_origin(value):
        return _directive("py:function", name + signature(value), _said(value), 4)
    return _directive("py:data", name, _value_said(home, short), 4)


def _class(name: str, kind: type) -> str:
    parts = [_said(kind), *_attributes(kind)]
    for method, function in vars(kind).items():
        called = function.__func__ if isinstance(function, classmethod) else function
        shown = function.fget if isinstance(function, property) else called
        if method.startswith("_") or not inspect.isfunction(shown) or not shown.__doc__:
            continue
        if isinstance(function, property):
            parts.append(_directive("py:property", method, _said(shown), 4))
        else:
            parts.append(_directive("py:method", method + signature(called), _said(shown), 4))
    is_error = issubclass(kind, BaseException)
    return _directive(
        "py:exception" if is_error else "py:class",
        name + signature(kind),
        "\n\n".join(part for part in parts if part),
        5,
    )


def _directive(what: str, title: str, content: str, ticks: int) -> str:
    fence = "`" * ticks
    return "\n".join([f"{fence}{{{what}}} {title}", "", content, fence])


def _said(value: Any) -> str:
    docstring = inspect.getdoc(value) or ""
    module = value.__module__
    setup_block = _names(module) + "\n\n" if ">>>" in docstring else ""
    return setup_block + markdown(docstring, module)


def _value_said(module: str, name: str) -> str:
    analyzer = ModuleAnalyzer.for_module(module)
    return " ".join(analyzer.find_attr_docs().get(("", name), []))


def signature(value: Any) -> str:
    """Return a signature with the defaults and without the types, which the options tell."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    parameters = [
        parameter.replace(annotation=parameter.empty, default=_default(parameter.default))
        for name, parameter in found.parameters.items()
        if name != "self"
    ]
    return str(found.replace(parameters=parameters, return_annotation=found.empty))


class _Shown:
    """A default whose `repr` is the text that is shown."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _default(default: Any) -> Any:
    if default is inspect.Parameter.empty:
        return default
    text = repr(default)
    return _Shown(text if not text.startswith("<") and len(text) < 60 else "...")


def _attributes(kind: type) -> Iterator[str]:
    """Yield a line for each documented field or attribute: its type, its default, what it is."""
    said: dict[str, str] = {}
    types: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not base.__module__.startswith("wsgimw"):
            continue
        docs = ModuleAnalyzer.for_module(base.__module__).find_attr_docs()
        said |= {name: " ".join(text) for (of, name), text in docs.items() if of == base.__name__}
        types |= inspect.get_annotations(base)
    known = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    fields = {field.name: field for field in known}
    for name, text in said.items():
        if name.startswith("_"):
            continue
        facts = [f"`{types[name]}`"] if name in types else []
        if name in fields and fields[name].default is not dataclasses.MISSING:
            facts.append(f"default `{_default(fields[name].default)!r}`")
        told = f" ({', '.join(facts)})" if facts else ""
        yield f"- **{name}**{told}: {text.strip()}"


# ---- the command ------------------------------------------------------------------------------


def commands(names: list[str]) -> str:
    """Return a section for each subcommand of `wsgimw`, with a table of what it takes."""
    from wsgimw.cli import COMMANDS

    return "\n\n".join(_command(command) for command in COMMANDS)


def _command(command: Any) -> str:
    parser = argparse.ArgumentParser(prog=f"wsgimw {command.name}", add_help=False)
    command.add_arguments(parser)
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    summary = f"{command.summary[0].upper()}{command.summary[1:]}."
    lines = [f"## wsgimw {command.name}", "", summary, "", "```text", usage, "```"]
    for sub, subparser in _subcommands(parser):
        lines += ["", f"`wsgimw {command.name} {sub}`", "", *_arguments(subparser)]
    return "\n".join([*lines, "", *_arguments(parser)])


def _subcommands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _arguments(parser: argparse.ArgumentParser) -> list[str]:
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        named = ", ".join(f"`{option}`" for option in action.option_strings)
        shown = named or f"`{action.metavar or action.dest}`"
        told = (action.help or "") % {**vars(action), "prog": parser.prog}
        rows.append(f"| {shown} | {told.replace('|', chr(92) + '|')} |")
    return ["| argument | meaning |", "| --- | --- |", *rows] if rows else []


KINDS = {"module": modules, "api": entries, "commands": commands}
