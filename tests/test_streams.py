"""The streams that the linter puts in: they do all that the server's do, and tell of the rest."""

from __future__ import annotations

import doctest
import io
from collections.abc import Callable, Hashable
from typing import Any

import pytest

from wsgimw.testing import crossing, faults, linter, streams
from wsgimw.testing.streams import Errors, Input, Place, watched


class Watch:
    """Notes what is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, Hashable]] = []

    def tell(self, rule: int, key: Hashable, sentence: str, who: Place | None = None) -> None:
        assert sentence.endswith(".")
        self.told.append((rule, key))

    def reader(self) -> None:
        return None

    def call(self, method: Callable[..., Any], *args: Any) -> Any:
        return method(*args)


def exits(stream: Any) -> None:
    with stream:
        pass


PAST = [(30, "read past the end")]
CLOSED = [(30, "closed")]


@pytest.mark.parametrize(
    ("limit", "use", "told"),
    [
        pytest.param(5, lambda s: s.read(5), [], id="read(n)"),
        pytest.param(5, lambda s: s.read(), [], id="read() without a size"),
        pytest.param(5, lambda s: s.read(-1), [], id="read(-1)"),
        pytest.param(5, lambda s: s.read(None), [], id="read(None)"),
        pytest.param(5, lambda s: s.read(6), PAST, id="read(n) past the end"),
        pytest.param(5, lambda s: [s.read(4), s.read(2)], PAST, id="read(n) twice"),
        pytest.param(5, lambda s: [s.readline(), s.read(4)], PAST, id="read(n) after readline()"),
        pytest.param(5, lambda s: [*s, s.read(1)], PAST, id="read(n) after iteration"),
        pytest.param(5, lambda s: [next(s), s.read(4)], PAST, id="read(n) after next()"),
        pytest.param(5, lambda s: [s.readlines(), s.read(1)], PAST, id="read(n) after readlines()"),
        pytest.param(5, lambda s: s.read1(6), PAST, id="read1(n) past the end"),
        pytest.param(5, lambda s: s.readinto(bytearray(6)), PAST, id="readinto() past the end"),
        pytest.param(5, lambda s: [s.readinto(bytearray(5)), s.read(0)], [], id="readinto()"),
        pytest.param(5, lambda s: [s.read(5), s.seek(0), s.read(5)], [], id="seek()"),
        pytest.param(None, lambda s: s.read(99), [], id="a length that is not known"),
        pytest.param(5, lambda s: s.close(), CLOSED, id="close()"),
        pytest.param(5, exits, CLOSED, id="with"),
    ],
)
def test_input(limit: int | None, use: Callable[[Any], Any], told: list[Any]) -> None:
    watch = Watch()
    use(watched(Input, io.BytesIO(b"a\nbcd"), watch, limit))
    assert watch.told == told


@pytest.mark.parametrize(
    ("use", "told"),
    [
        pytest.param(lambda s: s.write("a"), [], id="write(str)"),
        pytest.param(lambda s: print("a", file=s, flush=True), [], id="print"),
        pytest.param(lambda s: s.writelines(["a"]), [], id="writelines"),
        pytest.param(lambda s: (s.isatty(), s.encoding), [], id="other attributes"),
        pytest.param(lambda s: s.close(), [(31, "closed")], id="close()"),
    ],
)
def test_errors(use: Callable[[Any], Any], told: list[Any]) -> None:
    watch = Watch()
    use(watched(Errors, io.StringIO(), watch))
    assert watch.told == told


def test_errors_take_str_alone() -> None:
    watch = Watch()
    with pytest.raises(TypeError):
        watched(Errors, io.StringIO(), watch).write(b"a")
    assert watch.told == [(31, "type")]


def test_all_methods_are_there_and_no_others() -> None:
    class Plain:
        def read(self, size: int = -1) -> bytes:
            return b""

    class Sized(Plain):
        def __len__(self) -> int:
            return 5

    plain = watched(Input, Plain(), Watch(), None)
    assert not any(hasattr(plain, name) for name in ("seek", "__iter__", "__len__", "close"))
    sized: Any = watched(Input, Sized(), Watch(), None)
    assert len(sized) == 5
    whole: Any = watched(Input, io.BytesIO(b"hello"), Watch(), None)
    public = [name for name in dir(io.BytesIO) if not name.startswith("_")]
    assert all(hasattr(whole, name) for name in public)
    assert io.BufferedReader(whole).read() == b"hello"


@pytest.mark.parametrize("module", [crossing, faults, linter, streams])
def test_examples(module: Any) -> None:
    assert doctest.testmod(module).failed == 0
