"""Hold each file of the package to its branch coverage: the last step of `python3 -m tests`."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

# What `import wsgimw` loads, beside http/paths.py.
CORE = ("compose", "describe", "exchange", "lazy", "misuse", "onion", "request_body")
COMPLETE = (*(f"wsgimw/{name}.py" for name in CORE), "wsgimw/http/*")
ELSEWHERE = 95.0


def required(path: str) -> float:
    """Return the least coverage of one file, in per cent."""
    return 100.0 if any(fnmatch(path, pattern) for pattern in COMPLETE) else ELSEWHERE


def shortfalls(files: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each file below its bar; `files` is that part of coverage's JSON report."""
    for path, report in sorted(files.items()):
        covered, least = report["summary"]["percent_covered"], required(path)
        if covered < least:
            yield f"{path}: {covered:.2f} % of lines and branches, {least:.0f} % required"


def main() -> int:
    """Print the table and what falls short; return the exit status."""
    from coverage import Coverage

    coverage = Coverage()
    coverage.combine()  # the data of all processes that shared the work
    coverage.report(show_missing=True, skip_covered=True)
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "coverage.json")
        coverage.json_report(outfile=str(report))
        found = list(shortfalls(json.loads(report.read_text())["files"]))
    print("\n".join(found) or "every file reaches its coverage")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
