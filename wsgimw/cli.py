"""The command `wsgimw`: one table of subcommands.

    wsgimw run MODULE:ATTR      serve any WSGI app for development
    wsgimw check MODULE:ATTR    hold a layer, a stack or an app to the rules of WSGI
    wsgimw explain MODULE:ATTR  list the layers of an app, and what clashes
    wsgimw xray MODULE:ATTR     run one request and show what each layer did
    wsgimw demo                 serve a small site behind a stack, to see what the layers do
    wsgimw koans ACTION DIR     learn the rules by repairing small broken layers
    wsgimw static ACTION ROOT   build, check or explain a directory of static files

`MODULE:ATTR` is a module that can be imported from the current directory and a name in it, which
may be dotted (`shop.web:site.app`) or a call with literal arguments (`shop:create(debug=True)`);
`wsgimw.targets` reads it.

Exit status: 0 good, 1 findings, 2 usage. A mistake in the command is one line on stderr, never a
traceback. Who reads the output may leave early, as `head` does: the command ends in silence, with
141, as a shell says it of one that SIGPIPE ended.

>>> main(["check", "shop"])
2
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsgimw import misuse, targets

__all__ = ["Usage", "load", "main"]

GOOD, FINDINGS, USAGE = 0, 1, 2
INTERRUPTED, NO_READER = 130, 141  # as a shell says it of what SIGINT or SIGPIPE ended


class Usage(Exception):
    """A mistake in the command: its text is the one line that is printed."""


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table of subcommands."""

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 good, 1 findings, 2 usage."""
    try:
        status = _main(argv)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, and not when the interpreter ends, where nobody can catch it
    except BrokenPipeError:
        _write_nowhere()
        return NO_READER
    return status


def _main(argv: Sequence[str] | None) -> int:
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:  # argparse has printed help or usage
        return int(end.code or GOOD)
    try:
        return int(options.run(options))
    except Usage as mistake:
        if isinstance(mistake.__context__, BrokenPipeError):  # an OSError, but no mistake
            raise mistake.__context__ from None
        text = " ".join(str(mistake).split())  # a stack's repr has many lines
        print(f"wsgimw {options.command}: {text}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def _write_nowhere() -> None:
    """Let what is still to be written go nowhere ("Note on SIGPIPE" of Python's `signal`)."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # it is no file, or closed
                try:
                    stream.flush()
                except BrokenPipeError:
                    os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wsgimw",
        description="Serve, check and show WSGI apps and the layers round them.",
        epilog="MODULE:ATTR is as in shop.web:app, or a call as in shop:create(debug=True).",
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        text = f"{command.summary[0].upper()}{command.summary[1:]}."
        subparser = subparsers.add_parser(command.name, help=command.summary, description=text)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def load(target: str) -> Any:
    """Return the object that `MODULE:ATTR` names; the current directory is importable.

    Raises `Usage`, with the one line to print, where there is no such object or making it fails.
    """
    here = str(Path.cwd())
    if sys.path[0] not in ("", here):
        sys.path.insert(0, here)
    try:
        return targets.load(target)
    except targets.TargetError as error:
        raise Usage(str(error)) from None


def _load_app(target: str) -> Any:
    """Return the WSGI app that `target` names; raise `Usage` for anything else."""
    app = load(target)
    try:
        misuse.check_app(app)
    except TypeError as error:
        raise Usage(f"{target}: {error}") from None
    return app


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="MODULE:ATTR", help="the WSGI app")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="0 is any free one (%(default)s)")
    parser.add_argument("--reload", action="store_true", help="start anew when a file changes")
    parser.add_argument("--threads", action="store_true", help="serve requests side by side")
    parser.add_argument("--xray", action="store_true", help="show each request at /_xray/")


def _run(options: argparse.Namespace) -> int:
    from wsgimw.devtools import serve

    try:
        if options.reload:
            serve.run_reloading(
                lambda: _load_app(options.target),
                Usage,
                options.host,
                options.port,
                threads=options.threads,
                xrayed=options.xray,
            )
        else:
            app = _load_app(options.target)
            serve.run(app, options.host, options.port, threads=options.threads, xrayed=options.xray)
    except serve.CannotListen as error:
        raise Usage(str(error)) from None
    return GOOD


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="MODULE:ATTR", help="a layer, a stack or a WSGI app")


def _check(options: argparse.Namespace) -> int:
    from wsgimw.devtools import check

    subject = load(options.target)
    try:
        clean = check.check(subject)
    except check.NothingToCheck as error:
        raise Usage(f"{options.target}: {error}") from None
    return GOOD if clean else FINDINGS


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="MODULE:ATTR", help="the WSGI app")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--strict", action="store_true", help="exit 1 on a warning, too")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="ID",
        help="leave out a rule; may be given more than once",
    )
    parser.add_argument("--server", metavar="NAME", help="the server that it is for")


def _explain(options: argparse.Namespace) -> int:
    from wsgimw.devtools.explain import explain

    app = _load_app(options.target)
    try:
        explanation = explain(app, ignore=options.ignore, server=options.server)
    except ValueError as error:
        raise Usage(str(error)) from None
    print(json.dumps(explanation.to_dict(), indent=2) if options.json else explanation)
    bad = explanation.count("error") + (explanation.count("warning") if options.strict else 0)
    return FINDINGS if bad else GOOD


def _xray_arguments(parser: argparse.ArgumentParser) -> None:
    from wsgimw.devtools.xray import command

    command.add_arguments(parser)


def _xray(options: argparse.Namespace) -> int:
    from wsgimw.devtools.xray import command

    app = _load_app(options.target)
    try:
        clean = command.run(app, options)
    except command.Mistake as error:
        raise Usage(str(error)) from None
    return GOOD if clean else FINDINGS


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=8000, help="0 is any free one (%(default)s)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="request every address over a free port, and check what each layer did",
    )


def _demo(options: argparse.Namespace) -> int:
    from wsgimw.devtools import demo, demo_check, serve

    if options.check:
        return GOOD if demo_check.run() else FINDINGS
    try:
        demo.run(options.port)
    except serve.CannotListen as error:
        raise Usage(str(error)) from None
    return GOOD


def _koans_arguments(parser: argparse.ArgumentParser) -> None:
    from wsgimw.devtools.koans import command

    command.add_arguments(parser)


def _koans(options: argparse.Namespace) -> int:
    from wsgimw.devtools.koans import command, folder

    try:
        return command.run(options)
    except (command.NoKoans, folder.NotEmpty, OSError) as error:
        raise Usage(str(error)) from None


def _static_arguments(parser: argparse.ArgumentParser) -> None:
    from wsgimw.static import command

    command.add_arguments(parser)


def _static(options: argparse.Namespace) -> int:
    from wsgimw.static import command

    try:
        return command.run(options)
    except OSError as error:
        raise Usage(str(error)) from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; write a number from 0 to 65535")
    return int(text)


COMMANDS = (
    Command("run", "serve a WSGI app for development", _run_arguments, _run),
    Command("check", "hold a layer, a stack or an app to the rules", _check_arguments, _check),
    Command("explain", "list the layers of an app, and what clashes", _explain_arguments, _explain),
    Command("xray", "run one request and show what each layer did", _xray_arguments, _xray),
    Command("demo", "serve a small site behind a stack", _demo_arguments, _demo),
    Command("koans", "learn the rules by repairing small layers", _koans_arguments, _koans),
    Command("static", "build, check or explain static files", _static_arguments, _static),
)
