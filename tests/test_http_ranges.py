"""wsgimw.http.ranges: what Range asks for, and what 206 and 416 say."""

from __future__ import annotations

import doctest
import email
import email.policy
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wsgimw.http import ranges as module
from wsgimw.http.ranges import content_range, multipart, parse_range, unsatisfied

law = settings(derandomize=True, database=None, deadline=None, max_examples=1000)


def test_docstrings_are_true() -> None:
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 6


def test_imports_alone_and_only_the_standard_library() -> None:
    root = str(Path(__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {root!r}); import wsgimw; before = set(sys.modules)\n"
        "import wsgimw.http.ranges\n"
        "for name in set(sys.modules) - before:\n"
        "    top = name.partition('.')[0]\n"
        "    assert top in sys.stdlib_module_names or name.startswith('wsgimw.http'), name\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


@pytest.mark.parametrize(
    ("field", "size", "expected"),
    [
        pytest.param("bytes=0-0", 10, [(0, 1)], id="whitenoise-711 the first byte"),
        pytest.param("bytes=9-9", 10, [(9, 10)], id="whitenoise-711 the last byte"),
        pytest.param("bytes=0-0", 1, [(0, 1)], id="whitenoise-711 the only byte"),
        pytest.param("bytes=0-0", 100, [(0, 1)], id="outline-13695 0-0 is one byte"),
        pytest.param("bytes=0-4", 10, [(0, 5)], id="from the beginning"),
        pytest.param("bytes=5-", 10, [(5, 10)], id="open end"),
        pytest.param("bytes=0-", 10, [(0, 10)], id="all of it"),
        pytest.param("bytes=-3", 10, [(7, 10)], id="the end"),
        pytest.param("bytes=-10", 10, [(0, 10)], id="an end that is all of it"),
        pytest.param("bytes=-99", 10, [(0, 10)], id="tower-http-556 an end longer than it is"),
        pytest.param("bytes=5-99", 10, [(5, 10)], id="whitenoise-322 last beyond the end"),
        pytest.param("bytes=0-" + "9" * 30, 10, [(0, 10)], id="a last of 30 digits"),
        pytest.param("bytes=-" + "9" * 5000, 10, [(0, 10)], id="webob 5,000 digits: a suffix"),
        pytest.param("bytes=0-" + "9" * 5000, 10, [(0, 10)], id="webob 5,000 digits: a last"),
        pytest.param("bytes=" + "9" * 5000 + "-", 10, [], id="webob 5,000 digits: a first"),
        pytest.param("bytes=000000000000000000000005-007", 10, [(5, 8)], id="zeros in front"),
        pytest.param(
            "bytes=" + "0" * 5000 + "5-" + "0" * 4900 + "7", 10, [(5, 8)], id="5,000 zeros"
        ),
        pytest.param("Bytes=0-0", 10, [(0, 1)], id="the unit in any case"),
        pytest.param("BYTES=0-0,1-1", 10, [(0, 2)], id="the unit in any case, two members"),
        # Nothing to be had.
        pytest.param("bytes=10-", 10, [], id="first is the size"),
        pytest.param("bytes=10-20", 10, [], id="whitenoise-301 after the end"),
        pytest.param("bytes=-0", 10, [], id="whitenoise-341 the last zero bytes"),
        pytest.param("bytes=-000", 10, [], id="the last zero bytes, three digits"),
        pytest.param("bytes=-0,10-,99-100", 10, [], id="none of several"),
        pytest.param(
            "bytes=" + "9" * 30 + "-" + "9" * 30, 10, [], id="30 digits twice are in order"
        ),
        # No set of ranges.
        pytest.param("", 10, None, id="nothing"),
        pytest.param("bytes", 10, None, id="the unit alone"),
        pytest.param("bytes=", 10, None, id="an empty set"),
        pytest.param("bytes=,", 10, None, id="empty members only"),
        pytest.param("bytes= , ,", 10, None, id="blank members only"),
        pytest.param("bytes=-", 10, None, id="a sign alone"),
        pytest.param("bytes=5", 10, None, id="no sign"),
        pytest.param("bytes=5-4", 10, None, id="CVE-2022-44570 first after last"),
        pytest.param("bytes=1-0", 10, None, id="tower-http-228 first after last by one"),
        pytest.param("bytes=10-9", 10, None, id="whitenoise-612 first after last, beyond the end"),
        pytest.param(
            "bytes=" + "9" * 30 + "-" + "9" * 29 + "8", 10, None, id="30 digits, last one less"
        ),
        pytest.param("bytes=" + "1" * 30 + "-5", 10, None, id="30 digits after one"),
        pytest.param("bytes=--1", 10, None, id="webob two signs"),
        pytest.param("bytes=-1-", 10, None, id="rack-2159 a sign before and after"),
        pytest.param("bytes=1-2-3", 10, None, id="three numbers"),
        pytest.param("bytes=+1-2", 10, None, id="a plus sign"),
        pytest.param("bytes=1_0-20", 100, None, id="an underscore"),
        pytest.param("bytes=0x1-5", 10, None, id="hex"),
        pytest.param("bytes=1.0-2", 10, None, id="a point"),
        pytest.param("bytes=\u0661-\u0662", 10, None, id="digits that are not ASCII"),
        pytest.param("bytes=\xb2-", 10, None, id="a superscript digit"),
        pytest.param("bytes=a-b", 10, None, id="letters"),
        pytest.param("bytes=0-1;2-3", 10, None, id="a semicolon"),
        pytest.param("bytes=0-1,x", 10, None, id="one bad member spoils the set"),
        pytest.param("bytes=0-1,5-4", 10, None, id="tower-http-660 one reversed member"),
        pytest.param("bytes =0-1", 10, None, id="space after the unit"),
        pytest.param("bytes= 0-1", 10, None, id="space after the equals sign"),
        pytest.param("bytes=0 -1", 10, None, id="space in a member"),
        pytest.param("bytes=0- 1", 10, None, id="space after the sign"),
        pytest.param("bytes=0-1\n", 10, None, id="a line end"),
        pytest.param("bytes=0-1\xa0,3-4", 10, None, id="a space that is none"),
        pytest.param("items=0-1", 10, None, id="another unit"),
        pytest.param("bytes:0-1", 10, None, id="a colon"),
        pytest.param("bytes=0-0", 0, None, id="nothing to take a part of"),
        pytest.param("bytes=-1", 0, None, id="nothing to take the end of"),
        # Lists.
        pytest.param("bytes=,0-0,", 10, [(0, 1)], id="empty members beside one"),
        pytest.param("bytes=0-0 \t,\t 9-9", 1000, [(0, 10)], id="white space round the comma"),
        pytest.param("bytes=0-0, 500-500", 1000, [(0, 1), (500, 501)], id="two apart"),
        pytest.param("bytes=500-500,0-0", 1000, [(500, 501), (0, 1)], id="in the order asked for"),
        pytest.param("bytes=0-5,3-9", 1000, [(0, 10)], id="they overlap"),
        pytest.param("bytes=0-4,5-9", 1000, [(0, 10)], id="they touch"),
        pytest.param("bytes=0-9,2-3", 1000, [(0, 10)], id="one inside the other"),
        pytest.param("bytes=2-3,0-9", 1000, [(0, 10)], id="one round the other"),
        pytest.param("bytes=0-0,80-80", 1000, [(0, 81)], id="79 bytes between"),
        pytest.param("bytes=0-0,81-81", 1000, [(0, 1), (81, 82)], id="80 bytes between"),
        pytest.param(
            "bytes=500-500,0-0,501-501", 1000, [(500, 502), (0, 1)], id="where the first stood"
        ),
        pytest.param(
            "bytes=0-0,160-160,80-80", 1000, [(0, 161)], id="one more joins two that were apart"
        ),
        pytest.param("bytes=0-0,10-,500-500", 1000, [(0, 1000)], id="an open end takes the rest"),
        pytest.param("bytes=0-0,2000-3000", 1000, [(0, 1)], id="what is not there is left out"),
        pytest.param("bytes=-0,0-0", 1000, [(0, 1)], id="the last zero bytes are left out"),
        pytest.param(
            "bytes=" + ",".join(f"{n * 100}-{n * 100}" for n in range(16)),
            10_000,
            [(n * 100, n * 100 + 1) for n in range(16)],
            id="16 members",
        ),
        pytest.param(
            "bytes=" + ",".join(f"{n * 100}-{n * 100}" for n in range(17)),
            10_000,
            None,
            id="17 members",
        ),
        pytest.param(
            "bytes=" + ",".join(["0-"] * 1300), 10_000, None, id="CVE-2011-3192 overlapping ranges"
        ),
        pytest.param("bytes=" + "0-0," * 100_000, 10, None, id="CVE-2026-34826 very many members"),
        pytest.param(
            "bytes=-5,-9223372036854775805", 10, [(0, 10)], id="CVE-2017-7529 a sum of suffixes"
        ),
    ],
)
def test_parse_range(field: str, size: int, expected: list[tuple[int, int]] | None) -> None:
    assert parse_range(field, size) == expected


def test_limits_are_options() -> None:
    assert parse_range("bytes=0-0,2-2", 10, limit=1) is None
    assert parse_range("bytes=0-0,2-2", 10, gap=1) == [(0, 1), (2, 3)]
    assert parse_range("bytes=0-0,1-1", 10, gap=0) == [(0, 2)]


# The oracle: RFC 9110, 14.1.1, 14.1.2, 14.2, 5.6.1, one byte at a time.

TOKENS = ["0", "1", "5", "9", "10", "007", "12345678901234567890123", "-", ",", " ", "\t", "=", "x"]


def slow(field: str, size: int, limit: int, gap: int) -> list[tuple[int, int]] | None:
    """Say what a field asks for, by sets of positions."""
    if "=" not in field:
        return None
    unit, members = field[: field.index("=")], field[field.index("=") + 1 :]
    if unit.lower() != "bytes" or size == 0 or len(members.split(",")) > limit:
        return None
    wanted: list[set[int]] = []
    specifiers = 0
    split = members.split(",")
    for number, member in enumerate(split):
        if number > 0:
            while member[:1] in (" ", "\t") and member:
                member = member[1:]
        if number < len(split) - 1:
            while member[-1:] in (" ", "\t") and member:
                member = member[:-1]
        if member == "":
            continue
        specifiers += 1
        if member.count("-") != 1 or any(c not in "0123456789-" for c in member) or member == "-":
            return None
        first, last = member.split("-")
        if first == "":
            count = min(int(last), size)
            wanted.append(set(range(size - count, size)))
        elif last == "":
            wanted.append(set(range(min(int(first), size), size)))
        elif int(first) > int(last):
            return None
        else:
            wanted.append(set(range(min(int(first), size), min(int(last) + 1, size))))
    if not specifiers:
        return None
    parts = [part for part in wanted if part]
    merged = True
    while merged:
        merged = False
        for one in range(len(parts)):
            for other in range(one + 1, len(parts)):
                low, high = sorted((parts[one], parts[other]), key=min)
                between = min(high) - max(low) - 1
                if between < gap or between <= 0:
                    parts[one] = set(range(min(low), max(max(low), max(high)) + 1))
                    del parts[other]
                    merged = True
                    break
            if merged:
                break
    return [(min(part), max(part) + 1) for part in parts]


NUMBER = st.one_of(
    st.integers(0, 60).map(str), st.integers(0, 60).map("00{}".format), st.just("9" * 25)
)
SPECIFIER = st.one_of(
    st.tuples(NUMBER, NUMBER).map("-".join),
    NUMBER.map("{}-".format),
    NUMBER.map("-{}".format),
    st.sampled_from(["", " ", "\t", "-", "x"]),
)
FIELD = st.one_of(
    st.lists(SPECIFIER, min_size=1, max_size=8).map(lambda m: "bytes=" + ",".join(m)),
    st.lists(SPECIFIER, min_size=1, max_size=4).map(lambda m: "BYTES=" + " , ".join(m)),
    st.lists(st.sampled_from(TOKENS), max_size=12).map(lambda t: "bytes=" + "".join(t)),
    st.text(alphabet="bytes=0123456789-, \t", max_size=20),
)


@law
@given(FIELD, st.integers(0, 50), st.integers(1, 6), st.integers(0, 10))
@example("bytes=0-0,20-20,10-10", 50, 6, 10)
@example("bytes=40-40,0-0,41-41", 50, 6, 0)
def test_it_agrees_with_the_oracle(field: str, size: int, limit: int, gap: int) -> None:
    """For every field, size and limit: what sets of positions say."""
    assert parse_range(field, size, limit=limit, gap=gap) == slow(field, size, limit, gap)


@law
@given(st.text(max_size=60), st.integers(0, 10**12))
def test_no_text_raises_and_all_that_comes_is_inside(field: str, size: int) -> None:
    """Parts are not empty, lie inside, and do not overlap."""
    for text in (field, f"bytes={field}"):
        found = parse_range(text, size) or []
        assert all(0 <= start < stop <= size for start, stop in found)
        ordered = sorted(found)
        assert all(a[1] < b[0] for a, b in itertools.pairwise(ordered))


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("bytes=" + "0-0," * 200_000, id="CVE-2025-62727 starlette-3389 many members"),
        pytest.param("bytes=" + "-" * 800_000, id="CVE-2024-26141 signs"),
        pytest.param("bytes=" + "9" * 800_000 + "-", id="digits"),
        pytest.param("bytes=" + " " * 800_000 + "0-0", id="spaces"),
        pytest.param("bytes=0-0" + " \t" * 400_000 + ",1-1", id="white space before a comma"),
        pytest.param("=" * 800_000, id="equals signs"),
    ],
)
def test_long_fields_take_linear_time(field: str) -> None:
    """There is no clock: what is quadratic takes minutes here."""
    for _ in range(3):
        assert parse_range(field, 10) in (None, [], [(0, 10)], [(0, 2)])


def test_content_range() -> None:
    assert content_range(0, 1, 1) == "bytes 0-0/1"
    assert content_range(5, 10, 10) == "bytes 5-9/10"
    assert unsatisfied(10) == "bytes */10"


few = settings(law, max_examples=200)

PARTS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 50)).map(lambda p: (p[0], p[0] + p[1])),
    min_size=1,
    max_size=5,
)


@few
@given(PARTS)
def test_a_multipart_body_is_what_mail_parsers_read(parts: list[tuple[int, int]]) -> None:
    """The frames and the parts between them parse; the length is exact."""
    data = bytes(range(97, 123)) * 20
    frames, length = multipart(parts, len(data), "text/plain; charset=utf-8", "0f" * 16)
    body = b""
    for frame, (start, stop) in zip(frames, parts, strict=False):
        body += frame + data[start:stop]
    body += frames[-1]
    assert len(frames) == len(parts) + 1
    assert len(body) == length
    head = b"Content-Type: multipart/byteranges; boundary=" + b"0f" * 16 + b"\r\n\r\n"
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    got = list(message.iter_parts())
    assert [part["Content-Range"] for part in got] == [
        content_range(start, stop, len(data)) for start, stop in parts
    ]
    assert [part.get_payload(decode=True) for part in got] == [
        data[start:stop] for start, stop in parts
    ]
    assert {part["Content-Type"] for part in got} == {'text/plain; charset="utf-8"'}
