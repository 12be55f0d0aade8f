"""What is done at the end of each request: keep it or not, write the line, put it in its sink.

A function of this module raises nothing but what is no `Exception`: the client must not feel that
the log has failed.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wsgimw.access_log import sinks
from wsgimw.access_log.dev import coloured, dev
from wsgimw.access_log.entry import Masks, make_entry
from wsgimw.access_log.lines import FAST, Line
from wsgimw.access_log.notes import Notes
from wsgimw.access_log.structured import json_line, logfmt
from wsgimw.exchange import own_code

if TYPE_CHECKING:
    from wsgimw.access_log import AccessLog
    from wsgimw.access_log.flow import LogFlow
    from wsgimw.access_log.template import Template

__all__ = ["make_finish"]

Entry = dict[str, Any]
Finish = Callable[["LogFlow"], None]
Emit = Callable[["LogFlow", Entry], object]


def make_finish(layer: AccessLog, masks: Masks, template: Template | None) -> Finish:
    """Make the function that gets each request whose end was seen."""
    name, notes = layer.format or "combined", Notes()
    sink: Any = layer.sink
    kind = sinks.kind_of(sink)
    if kind == "function":
        return _with_entry(layer, masks, notes, lambda flow, entry: sink(entry))
    fast = own_code(FAST[name]) if name in FAST else None
    write_line = _quick(fast, masks, _writer(name, masks, template, sink, kind))
    if kind == "logger":
        return _with_entry(layer, masks, notes, _logging(layer, notes, write_line))
    put, flush = _put(sink, kind)
    if layer.keep is None:
        return _direct(fast, write_line, put, flush, masks, notes)

    def emit(flow: LogFlow, entry: Entry) -> None:
        put(f"{write_line(flow, entry)}\n")
        if flush is not None:
            flush()

    return _with_entry(layer, masks, notes, emit)


def _put(sink: Any, kind: str) -> tuple[sinks.Write, Callable[[], object] | None]:
    """Return what writes a line with its end, and what flushes it, if anything has to."""
    if kind == "stderr":
        return sinks.to_stderr, None
    if kind == "path":
        return sinks.PathSink(sink), None
    flush = None if getattr(sink, "line_buffering", False) else getattr(sink, "flush", None)
    return sink.write, flush


def _writer(
    name: str, masks: Masks, template: Template | None, sink: Any, kind: str
) -> Callable[[LogFlow, Entry], str]:
    if template is not None:
        return lambda flow, entry: template.write(entry, flow, masks)
    if name == "json":
        return lambda flow, entry: json_line(entry)
    if name == "logfmt":
        return lambda flow, entry: logfmt(entry)
    if kind == "stderr":
        return lambda flow, entry: dev(entry, coloured(sys.stderr))
    colour = kind == "stream" and coloured(sink)
    return lambda flow, entry: dev(entry, colour)


def _quick(
    fast: Line | None, masks: Masks, write_line: Callable[[LogFlow, Entry], str]
) -> Callable[[LogFlow, Entry], str]:
    """Prefer the fast way where the entry is wanted as well."""
    if fast is None:
        return write_line

    def write(flow: LogFlow, entry: Entry) -> str:
        try:
            line = fast(flow, masks)
        except Exception:
            line = None
        return write_line(flow, entry) if line is None else line[:-1]

    return write


def _direct(
    fast: Line | None,
    write_line: Callable[[LogFlow, Entry], str],
    put: sinks.Write,
    flush: Callable[[], object] | None,
    masks: Masks,
    notes: Notes,
) -> Finish:
    """Write each line, without an entry where nothing is out of the ordinary."""

    def finish(flow: LogFlow) -> None:
        try:
            line = fast(flow, masks) if fast is not None else None
        except Exception:  # an environ that is out of the ordinary indeed
            line = None
        try:
            put(f"{write_line(flow, make_entry(flow, masks))}\n" if line is None else line)
            if flush is not None:
                flush()
        except Exception as error:
            notes.say(flow.environ, "writing a line", error)

    return own_code(finish)


def _with_entry(layer: AccessLog, masks: Masks, notes: Notes, emit: Emit) -> Finish:
    keep = layer.keep

    def finish(flow: LogFlow) -> None:
        try:
            entry = make_entry(flow, masks)
            if keep is not None:
                try:
                    if not keep(entry):
                        return
                except Exception as error:
                    notes.say(flow.environ, "keep", error)
            emit(flow, entry)
        except Exception as error:
            notes.say(flow.environ, "writing a line", error)

    return finish


def _logging(layer: AccessLog, notes: Notes, write_line: Callable[[LogFlow, Entry], str]) -> Emit:
    logger: Any = layer.sink
    given = layer.level

    def emit(flow: LogFlow, entry: Entry) -> None:
        level = given
        if not isinstance(level, int):
            try:
                level = int(level(entry))
            except Exception as error:
                notes.say(flow.environ, "level", error)
                level = logging.INFO
            if not logger.isEnabledFor(level):
                return
        sinks.to_logger(logger, level, write_line(flow, entry), entry)

    return emit
