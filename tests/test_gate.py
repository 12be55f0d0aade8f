"""Each file of the package is held to its own coverage."""

import pytest

from tests.gate import required, shortfalls


@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("wsgimw/compose.py", 100),
        ("wsgimw/exchange.py", 100),
        ("wsgimw/onion.py", 100),
        ("wsgimw/http/paths.py", 100),
        ("wsgimw/compress.py", 95),
        ("wsgimw/testing/kit.py", 95),
    ],
)
def test_required(path: str, least: float) -> None:
    assert required(path) == least


def test_shortfalls() -> None:
    covered = {
        "wsgimw/compress.py": 95.0,
        "wsgimw/http/paths.py": 99.999,
        "wsgimw/cli.py": 94.99,
        "wsgimw/compose.py": 100.0,
    }
    files = {path: {"summary": {"percent_covered": share}} for path, share in covered.items()}
    assert [line.partition(":")[0] for line in shortfalls(files)] == [
        "wsgimw/cli.py",
        "wsgimw/http/paths.py",
    ]
