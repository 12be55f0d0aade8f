"""What the pieces of authentication have in common: they are values, and they keep secrets.

Schemes, tables and verifiers are frozen, slotted dataclasses like the layers they go into: `repr`
is the constructor call with what is secret left out, an unknown option gets the message with the
nearest name, `==` and `dataclasses.replace` work.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True, slots=True)
... class Vault(Part):
...     content: Secret
>>> Vault(Secret(b"gold", "<a secret>"))
Vault(<a secret>)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgimw import misuse
from wsgimw.compose import LayerType
from wsgimw.describe import constructor_call

__all__ = ["Part", "Secret", "missing_extra"]


class PartType(LayerType):
    """The metaclass of parts: a call that does not fit gets the line to write, without values."""

    __wsgimw_makes_layers__ = False

    if not TYPE_CHECKING:  # a visible `__call__` makes pyright take every part for Any

        def __call__(cls, *args, **options):
            # What is given here may be a key: messages show no text that came as an argument.
            shown = tuple([_hidden(arg) for arg in args])
            misuse.check_options(cls.__name__, cls.__signature__, shown, options)
            return type.__call__(cls, *args, **options)


def _hidden(arg: Any) -> Any:
    if isinstance(arg, (str, bytes, bytearray, dict, list, tuple)):
        return Secret(None, f"a {type(arg).__name__}")
    return arg


class Part(metaclass=PartType):
    """The base of schemes, tables, verifiers and predicates."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        # A dataclass writes its own `__repr__` unless the class itself has one.
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return constructor_call(self)


class Secret:
    """A value that is shown as its label, in `repr`, messages and tracebacks alike."""

    __slots__ = ("label", "value")

    def __init__(self, value: Any, label: str) -> None:
        self.value = value
        self.label = label

    def __repr__(self) -> str:
        return self.label

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(type(self))


def missing_extra(extra: str, what: str, cause: ImportError) -> ImportError:
    """Make the one clear error of an absent extra."""
    return ImportError(f'{what} needs {cause.name}: pip install "wsgimw[{extra}]"')
