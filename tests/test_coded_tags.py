"""Entity tags of coded responses: the grammar, and the way there and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgimw.coded_tags import coded_tag, for_if_match, with_plain_tags
from wsgimw.http.validators import entity_tags, is_strong

law = settings(derandomize=True, database=None, deadline=None, max_examples=300)
opaque = st.text(
    st.sampled_from("!#a,b--gzip;=/W*\x80\xff~'"),
    max_size=8,
)
tags = st.builds(lambda weak, text: f'{weak}"{text}"', st.sampled_from(["", "W/"]), opaque)


@pytest.mark.parametrize(
    ("field", "members"),
    [
        ("", []),
        (" \t,, ", []),
        ("*", []),
        ('"a"', ['"a"']),
        ('W/"a"', ['W/"a"']),
        ('""', ['""']),
        ('"a","b"', ['"a"', '"b"']),
        (' "a" \t, W/"b" ', ['"a"', 'W/"b"']),
        (',"a",,', ['"a"']),
        ('"a,b"', ['"a,b"']),
        ('"a, b"', []),
        ('"a"b', []),
        ('"a" "b"', []),
        ('a, "b"', ['"b"']),
        ('w/"a", "b"', ['"b"']),
        ('W/ "a", "b"', ['"b"']),
        ('W/a, "b"', ['"b"']),
        ('"a, "b"', ['"b"']),
        ('"a', []),
        ('*, "a"', ['"a"']),
        ('"\xe9\xff"', ['"\xe9\xff"']),
        ('"\x7f"', []),
        ('"\u20ac"', []),
        ("'a'", []),
        ('"a"\n, "b"', ['"b"']),
    ],
)
def test_entity_tags(field: str, members: list[str]) -> None:
    assert entity_tags(field) == members


@law
@given(st.lists(tags, max_size=5), st.sampled_from([",", ", ", " ,\t", ",,"]))
def test_what_was_joined_is_read_again(members: list[str], between: str) -> None:
    """Whatever stands in a tag, a list of tags is read as it was written."""
    assert entity_tags(between.join(members)) == members


@law
@given(st.text(max_size=40))
def test_never_raises(text: str) -> None:
    """Any text is read, and what is found is well formed."""
    for tag in entity_tags(text):
        assert is_strong(tag.removeprefix("W/"))
    assert with_plain_tags(text, "gzip")[0].startswith(text)
    assert for_if_match(text).startswith(text)


@law
@given(st.lists(tags, max_size=4), st.sampled_from(["gzip", "br", "zstd"]))
def test_round_trip_of_coded_tags(members: list[str], coding: str) -> None:
    """A strong tag that was coded is found again; a weak one never changed."""
    for tag in members:
        coded = coded_tag(tag, coding)
        field, held = with_plain_tags(", ".join([*members, coded]), coding)
        if is_strong(tag):
            assert coded != tag
            assert tag in entity_tags(field)
            assert held[tag] == coded
            assert tag in entity_tags(for_if_match(coded))
        else:
            assert coded == tag


@pytest.mark.parametrize("unit", ['"', '"a,', 'W/"a', ", "])
def test_a_megabyte_comes_back(unit: str) -> None:
    """What is quadratic takes hours here: the watchdog of pytest's settings ends it."""
    assert all(tag.endswith('"') for tag in entity_tags(unit * (2**20 // len(unit))))
