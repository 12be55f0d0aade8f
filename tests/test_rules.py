"""The rules of the doctor, as data."""

from __future__ import annotations

import re
from typing import Any

import pytest

from wsgimw.devtools.doctor import _Doctor
from wsgimw.devtools.rules import PRODUCTION, RULES, SERVERS, check_ids, check_server, server_named
from wsgimw.facts import CHANGES, DOES, READS

WORDS = {*DOES, *(f"reads {word}" for word in READS), *(f"changes {word}" for word in CHANGES)}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_rule_is_whole(rule: Any) -> None:
    asked = (rule.lacks_inside, rule.lacks_outside, rule.lacks_anywhere)
    words = [*rule.outer, *rule.inner, *rule.layer, *filter(None, asked)]
    names = {name for word in words for name in word.removeprefix("not ").split("|")}
    assert names <= WORDS
    assert words or rule.finds
    assert not rule.finds or hasattr(_Doctor, rule.finds)
    assert set(rule.servers) <= SERVERS
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
    for text in (rule.why, rule.fix):
        assert text[0].isupper()
        assert text.endswith(".")
    assert ". " not in rule.why  # one sentence
    assert rule.clash


def test_each_word_that_a_layer_does_has_a_rule() -> None:
    asked = " ".join(rule.clash for rule in RULES.values())
    assert [word for word in DOES if f"`{word}`" not in asked] == []


@pytest.mark.parametrize(
    ("id", "clash"),
    [
        ("cors-inside-auth", "`authenticates` or `authorizes` outside of `answers CORS`"),
        ("limit-inside-reader", "`reads input` but not `limits input` outside of `limits input`"),
        ("repair-inside", "any layer outside of `repairs servers`"),
        (
            "require-alone",
            "`authorizes` and `reads identity`, with no `changes identity` on either side",
        ),
        ("head-comes-late", "`holds the head`, with no `repairs servers` outside, on granian"),
        ("debug-in-production", "`shows internals` but not `runs code`, on a production server"),
        ("own-check", "not `routes` but not `authorizes`: its own check"),
        ("once-only", "two layers with the same `once`"),
    ],
)
def test_clash_in_words(id: str, clash: str) -> None:
    assert RULES[id].clash == clash


@pytest.mark.parametrize("ids", [[], ("once-only",), {"once-only", "auth-alone"}])
def test_ids(ids: Any) -> None:
    assert check_ids(ids) == frozenset(ids)


@pytest.mark.parametrize(
    ("ids", "error", "text"),
    [
        pytest.param("once-only", TypeError, "it takes ids of rules", id="str"),
        pytest.param(3, TypeError, "ignore is 3", id="number"),
        pytest.param(["once-ony"], ValueError, "is no rule; did you mean 'once-only'?", id="near"),
        pytest.param(["zzz"], ValueError, "is no rule; write one of abort-seen-late, ", id="none"),
        pytest.param([3], ValueError, "ignore holds 3", id="no text"),
    ],
)
def test_ids_that_are_none(ids: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        check_ids(ids)
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("name", "expected"), [(None, None), ("gunicorn", "gunicorn"), ("uWSGI", "uwsgi")]
)
def test_server(name: Any, expected: str | None) -> None:
    assert check_server(name) == expected


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        pytest.param("gunicron", ValueError, "did you mean 'gunicorn'?", id="near"),
        pytest.param("iis", ValueError, "write one of a2wsgi, bjoern", id="unknown"),
        pytest.param(3, TypeError, "it takes a name such as server='gunicorn'", id="number"),
    ],
)
def test_server_that_is_none(name: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        check_server(name)
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("software", "expected"),
    [
        ("gunicorn/23.0.0", "gunicorn"),
        ("waitress", "waitress"),
        ("WSGIServer/0.2", "wsgiref"),
        ("Werkzeug/3.1.3", "werkzeug"),
        ("Cheroot/11.0.0", "cheroot"),
        ("Apache/2.4 (Debian) mod_wsgi/5.0", "mod_wsgi"),
        ("gevent/25.1 Python/3.11", "gevent"),
        ("nginx/1.2", None),
        ("", None),
    ],
)
def test_server_by_its_software(software: str, expected: str | None) -> None:
    assert server_named(software) == expected


def test_servers_of_development_are_not_those_of_production() -> None:
    assert PRODUCTION | {"werkzeug", "wsgiref"} == SERVERS
