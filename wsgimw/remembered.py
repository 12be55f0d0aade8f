"""What has been worked out for a text, kept for the next request that brings it.

>>> shown = Remembered(str.upper, 2)
>>> shown["get"], shown["post"], shown["put"], len(shown)
('GET', 'POST', 'PUT', 1)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Remembered"]

Result = TypeVar("Result")


class Remembered(dict[Any, Result], Generic[Result]):
    """A dict that works out what it does not have; half the price of `lru_cache` where it has it.

    Once it holds `most` texts it forgets them all. A text of more than `longest` characters, which
    could fill memory, and values other than `str` and None, which may be equal and yet be shown in
    different ways (`1`, `True`), are worked out each time.
    """

    __slots__ = ("_function", "_longest", "_most")

    def __init__(self, function: Callable[[Any], Result], most: int, longest: int = 1024) -> None:
        self._function = function
        self._longest = longest
        self._most = most

    def __missing__(self, key: Any) -> Result:
        result = self._function(key)
        if (type(key) is str and len(key) <= self._longest) or key is None:
            if len(self) >= self._most:
                self.clear()
            self[key] = result
        return result
