"""Load the names that a package offers when they are first asked for (PEP 562).

Use it in the `__init__.py` of a package whose names are dear to load and seldom needed all at once.
For type checkers the names are imported under `TYPE_CHECKING`; the two lines below it are hidden
from them, since a visible `__getattr__` makes them accept any misspelt name:

    if not TYPE_CHECKING:
        __getattr__, __dir__ = lazily(globals(), {"Compress": "wsgimw.compress"})

>>> names = {"__name__": "shop", "__all__": ["dumps"]}
>>> get, list_names = lazily(names, {"dumps": "json"})
>>> "dumps" in names, get("dumps")([1]), "dumps" in names
(False, '[1]', True)

It imports nothing by itself: the front door stands on it.
"""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazily"]


def lazily(
    names: dict[str, Any], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a module.

    `names` are the module's `globals()`, in which a name is kept once it was loaded; `homes` says
    for each name in which module it is defined. Any other name is an `AttributeError`.
    """

    def get(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {names['__name__']!r} has no attribute {name!r}")
        from importlib import import_module

        value = names[name] = getattr(import_module(home), name)
        return value

    def list_names() -> list[str]:
        return sorted({*names, *names["__all__"]})

    return get, list_names
