"""The fast form of the search: one small function per list of shapes.

It does what `wsgimw.routing.matcher.loop` does, with the texts of the path in locals and `int`
checked inline. **No text of a route ever enters the source**, only integers and fixed words:
literals are keys of tables, names are read from the entry, both handed over as arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from wsgimw.routing.converters import NO
from wsgimw.routing.matcher import Search, Shape, Tables, loop

MOST = 256  # of a longer list the source would only be long


def fast(tables: Tables, first: str | None, size: int, items: bool) -> Search:
    """Return the search of one list of shapes, generated where the shapes allow that."""
    plan = tables.plan(first, size)
    shapes = tuple([shape for shape, _ in plan])
    kinds = [(kind, shape.after) for shape in shapes for _, kind in shape.params]
    if len(shapes) > MOST or any(
        kind.word == "x" or (kind.many and after) for kind, after in kinds
    ):
        return loop(tables, first, size, items)
    gets = [table.get if shape.keys else table[()] for shape, table in plan]
    binds = [kind.bind for kind, _ in kinds if kind.word in "ic"]
    make: Callable[..., Search] = _compile(source(shapes, size, size == tables.top, items))
    return make(NO, *gets, *binds)


@lru_cache(1024)
def _compile(text: str) -> Callable[..., Search]:
    names: dict[str, Any] = {}
    exec(text, {"len": len, "int": int}, names)
    make: Callable[..., Search] = names["make"]
    return make


def source(shapes: tuple[Shape, ...], size: int, more: bool, items: bool) -> str:
    """Write the source for these shapes and paths of `size` texts, or of that many and `more`."""
    found = "e.item" if items else "e"
    text = "s[{}]" if more else "s{}"
    lines = [" def find(m, s):", "  x = None"]
    if not more and size > 1:
        lines.append(f"  {', '.join(f's{at}' for at in range(size))} = s")
    binds = 0
    for number, shape in enumerate(shapes):
        keys = [text.format(at) for at in shape.keys]
        key = "" if not keys else f"({keys[0]})" if len(keys) == 1 else f"(({', '.join(keys)}))"
        tests, values = ["e is not None"], []
        for at, kind in shape.params:
            one = text.format(at)
            value = one
            if kind.word == "p":
                tests.append(f'{one} and {one}[0] != "/"')
                value = f'"/".join(s[{at}:])'
            elif kind.word == "s":
                tests.append(one)
            else:
                value, call = f"v{binds}", f"k{binds}({one})"
                if kind.word == "i":  # 640 digits are what int() always takes
                    tests.append(f"{one}.isdigit() and {one}.isascii()")
                    call = f"int({one}) if len({one}) < 641 else {call}"
                tests.append(f"({value} := {call}) is not r")
                binds += 1
            values.append(value)
        names = [f"n{at}" for at in range(len(values))]
        lines += [f"  c = t{number}{key}", "  if c is not None:" if keys else "  if 1:"]
        lines += ["   e = c.get(m) or c.get(None)", f"   if {' and '.join(tests)}:"]
        if names:
            lines.append(f"    {', '.join(names)}, = e.names")
        pairs = ", ".join(f"{a}: {b}" for a, b in zip(names, values, strict=True))
        lines += [f"    return {found}, {{{pairs}}}", "   if e is None: x = ()"]
    args = [f"t{at}" for at in range(len(shapes))] + [f"k{at}" for at in range(binds)]
    head = f"def make({', '.join(['r', *args])}):"
    return "\n".join([head, *lines, "  return x", " return find"])
