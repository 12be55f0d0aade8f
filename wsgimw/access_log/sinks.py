"""Where lines go: a text stream, `sys.stderr`, a file that may be rotated, a logger, a function.

A sink raises whatever it raises; the layer sees to it that no client hears of it.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import weakref
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any

from wsgimw.describe import describe

__all__ = ["PathSink", "Write", "check_sink", "kind_of", "to_logger", "to_stderr"]

Write = Callable[[str], object]


def check_sink(sink: Any) -> None:
    """Raise TypeError or ValueError unless `sink` is one."""
    if sink is None or isinstance(sink, logging.Logger):
        return
    if _is_path(sink):
        if not os.fspath(sink):
            raise ValueError("AccessLog(sink='') names no file; write sink=None for sys.stderr")
        return
    if isinstance(sink, (io.RawIOBase, io.BufferedIOBase)):
        raise TypeError(
            f"AccessLog(sink=...) is {describe(sink)}, a binary stream; open it as text, or give "
            "its path"
        )
    if isinstance(sink, (bytes, type)) or not (
        callable(getattr(sink, "write", None)) or callable(sink)
    ):
        raise TypeError(
            f"AccessLog(sink=...) is {describe(sink)}; it takes None (sys.stderr), a text stream, "
            "a path (str or PathLike), a logging.Logger, or a function of the entry"
        )


def kind_of(sink: Any) -> str:
    """Tell what a sink is: `stderr`, `logger`, `path`, `stream` or `function`."""
    if sink is None:
        return "stderr"
    if isinstance(sink, logging.Logger):
        return "logger"
    if _is_path(sink):
        return "path"
    return "stream" if callable(getattr(sink, "write", None)) else "function"


def _is_path(sink: object) -> bool:
    if isinstance(sink, str):
        return True
    return isinstance(sink, os.PathLike) and isinstance(os.fspath(sink), str)


def to_stderr(line: str) -> None:
    """Write a line, with its end, to what `sys.stderr` is at this moment, if anything."""
    stream = sys.stderr
    if stream is not None:
        stream.write(line)
        if not getattr(stream, "line_buffering", False):
            stream.flush()


class PathSink:
    """A file, opened for append; one `os.write` for each line.

    At most once a second it is looked whether the path still is that file. If it is not (somebody
    has moved it away), the path is opened anew in the same descriptor, so that a line on its way in
    another thread goes to the one file or to the other. No signal is needed.
    """

    __slots__ = ("__weakref__", "_checked", "_fd", "_identity", "_lock", "_path")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(path)  # the process may change its directory
        self._fd = _open(self._path)
        self._identity = _identity(os.fstat(self._fd))
        self._checked = monotonic()
        self._lock = Lock()
        weakref.finalize(self, os.close, self._fd)

    def __call__(self, line: str) -> None:
        now = monotonic()
        if now - self._checked >= 1:
            self._checked = now
            self._follow()
        os.write(self._fd, line.encode("utf-8", "backslashreplace"))

    def _follow(self) -> None:
        with self._lock:
            try:
                if _identity(os.stat(self._path)) == self._identity:
                    return
            except FileNotFoundError:
                pass
            fd = _open(self._path)
            try:
                os.dup2(fd, self._fd, inheritable=False)
                self._identity = _identity(os.fstat(fd))
            finally:
                os.close(fd)


def _open(path: str) -> int:
    return os.open(
        path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666
    )


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def to_logger(logger: logging.Logger, level: int, line: str, entry: dict[str, Any]) -> None:
    """Hand a record to a logger: the message is the line, `wsgi` the entry.

    The record is made by hand: `logger.log` would look for the line of code that called it.
    """
    record = logging.getLogRecordFactory()(
        logger.name, level, __file__, 0, line, (), None, "access_log"
    )
    record.wsgi = entry
    record.request_id = entry["request_id"]
    logger.handle(record)
