"""`wsgimw static build|check|explain`: the command beside the layer."""

from __future__ import annotations

import argparse
import os
import re

from wsgimw.static.audit import findings
from wsgimw.static.build import build
from wsgimw.static.explain import explain, is_miss
from wsgimw.static.static_files import StaticFiles

_FIELD = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*)").fullmatch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the three actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    action = actions.add_parser("build", help="compress what is text, and note the index")
    action.add_argument("root", metavar="ROOT", type=_directory, help="the directory")
    action.add_argument("--snapshot", metavar="FILE", help="write names, sizes, times and hashes")
    action = actions.add_parser("check", help="look for what should not be served")
    action.add_argument("root", metavar="ROOT", type=_directory, help="the directory")
    action = actions.add_parser("explain", help="say how one request is answered, and why")
    action.add_argument("root", metavar="ROOT", type=_directory, help="the directory")
    action.add_argument("path", metavar="PATH", type=_path, help="as it stands in a URL")
    action.add_argument(
        "-H",
        dest="headers",
        metavar="'NAME: VALUE'",
        type=_header,
        action="append",
        default=[],
        help="a field of the request; may be given again",
    )
    action.add_argument("--prefix", type=_prefix, default="/static", help="as the layer's")


def run(options: argparse.Namespace) -> int:
    """Do what was asked; return the exit status: 1 for an error found, and for a miss."""
    if options.action == "build":
        build(options.root, snapshot=options.snapshot)
        return 0
    if options.action == "check":
        found = findings(options.root)
        for finding in found:
            print(finding)
        return int(any(finding.severity == "error" for finding in found))
    lines = explain(StaticFiles(options.root, prefix=options.prefix), options.path, options.headers)
    print("\n".join(lines))
    return int(is_miss(lines))


def _directory(text: str) -> str:
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a directory")
    return text


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} does not begin with a slash: write /{text}")
    return text


def _prefix(text: str) -> str:
    try:
        StaticFiles(".", prefix=text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _header(text: str) -> tuple[str, str]:
    found = _FIELD(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no field; write it as in 'Range: bytes=0-9'")
    return found[1], found[2]
