"""Run benches: `python3 -m tests.bench [names...] [--rounds N] [--markdown | --json]`.

A target that is missed is printed, never an error: timings on a busy machine are no test.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tests.bench.frame import Result, run
from tests.bench.report import as_json, as_markdown, as_text
from tests.venvs import reenter


def names() -> list[str]:
    """Return the names of all benches."""
    prefix = "bench_"
    return sorted(
        path.stem.removeprefix(prefix) for path in Path(__file__).parent.glob(f"{prefix}*.py")
    )


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; exit with status 2 on a name or an option that is not known."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description="Run the benches.")
    parser.add_argument("names", nargs="*", help=f"which to run (all): {', '.join(names())}")
    parser.add_argument("--rounds", type=int, default=15, help="timings of each case (15)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", dest="write", action="store_const", const=as_markdown)
    form.add_argument("--json", dest="write", action="store_const", const=as_json)
    parser.set_defaults(write=as_text)
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(names())):
        parser.error(f"no bench {', '.join(unknown)}; there is: {', '.join(names())}")
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: at least one")
    return options


def main(arguments: Sequence[str]) -> None:
    """Run the benches that were asked for and print the tables."""
    options = parse(arguments)
    reenter("tests.bench", arguments, group="bench")
    results: list[Result] = []
    for name in options.names or names():
        # Progress goes to stderr, so that JSON stays JSON.
        print(f"bench {name} ...", file=sys.stderr, flush=True)
        module = import_module(f"tests.bench.bench_{name}")
        results += [run(bench, rounds=options.rounds) for bench in module.benches()]
    print(options.write(results))


if __name__ == "__main__":
    main(sys.argv[1:])
