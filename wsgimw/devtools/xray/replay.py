"""A recorded request again: as a `curl` command, and as a WebTest test of what it got.

Secrets are masked in the recording and what is long is cut; both say which fields these are, so
that who replays a request puts them in. Bodies are not recorded.

>>> request = {"method": "GET", "path": "/it's", "query": "page=2", "status": "200 OK"}
>>> request["request_headers"] = [{"name": "Accept", "value": "text/html"},
...     {"name": "Cookie", "value": "[redacted]"}]
>>> print(curl(request, "http://127.0.0.1:8000"))
# Masked or cut in the recording, so put in yours: Cookie.
curl -X GET --globoff 'http://127.0.0.1:8000/it'"'"'s?page=2' -H 'Accept: text/html' \
-H 'Cookie: [redacted]'
>>> print(webtest(request))
def test_replay(app):
    from webtest import TestApp
<BLANKLINE>
    response = TestApp(app).request(
        "/it's?page=2",
        method='GET',
        headers={
            'Accept': 'text/html',
            'Cookie': '[redacted]',  # masked or cut: put in yours
        },
        expect_errors=True,
    )
    assert response.status == '200 OK'
<BLANKLINE>
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from wsgimw.devtools.xray.reading import items, mapping, shown
from wsgimw.devtools.xray.telling import MOST_VALUE
from wsgimw.http.headers import is_token
from wsgimw.http.paths import from_wsgi, percent_path, percent_query

ORIGIN = "http://127.0.0.1:8000"
"""Where the app is served, as long as no browser has said."""

# They speak of a body, which is not recorded: who sent them without one would wait for ever.
_OF_THE_BODY = {"content-length", "transfer-encoding", "expect", "trailer"}
_UNSENDABLE = re.compile("[\r\n\0]")  # RFC 9110, 5.5; a TAB is sent
_MASKED = re.compile(r"\[redacted(?: \d+ chars)?\]")
_PLAIN = re.compile(r"[ -~]").match
_SPELLED = "\\%'!-"  # what printf, or a shell within double quotes, may take for its own


class Field(NamedTuple):
    """A field of a request that can be sent; `partly`: its value is masked or cut."""

    name: str
    value: str
    partly: bool


def target(request: Mapping[str, Any]) -> str:
    """Return path and query as they are sent; the recording has the path as environ has it."""
    path = percent_path(str(request.get("path") or "/"))
    query = percent_query(str(request.get("query") or "")).replace("#", "%23")
    path = path if path.startswith("/") else f"/{path}"
    return f"{path}?{query}" if query else path


def fields(request: Mapping[str, Any]) -> list[Field]:
    """Return the fields that can be sent, without those of the body."""
    found = []
    for field in map(mapping, items(request.get("request_headers"))):
        name, value = field.get("name"), field.get("value")
        if not isinstance(name, str) or not isinstance(value, str):
            continue
        if len(name) > MOST_VALUE or not is_token(name) or name.lower() in _OF_THE_BODY:
            continue
        try:
            value.encode("latin-1")
        except UnicodeEncodeError:  # no WSGI string
            continue
        if not _UNSENDABLE.search(value):
            partly = len(value) > MOST_VALUE or bool(_MASKED.search(value))
            found.append(Field(name, value[:MOST_VALUE], partly))
    return found


def _missing(request: Mapping[str, Any]) -> list[str]:
    """Return in words what of the target and the fields is not in the recording."""
    path, query = (str(request.get(key) or "") for key in ("path", "query"))
    found = []
    for what, value in (("the path", path), ("the query", query)):
        if len(value) > MOST_VALUE or _MASKED.search(value):
            found.append(what)
    return [*found, *dict.fromkeys(field.name for field in fields(request) if field.partly)]


def _body(request: Mapping[str, Any]) -> str:
    """Return how large the body was, in words, or nothing where there was none."""
    for field in map(mapping, items(request.get("request_headers"))):
        name, value = str(field.get("name")).lower(), str(field.get("value"))
        if name == "content-length" and value.isascii() and value.isdigit() and value.strip("0"):
            return f"a body of {value[:20]} bytes"
        if name == "transfer-encoding":
            return "a body"
    return ""


def curl(request: Mapping[str, Any], origin: str = ORIGIN) -> str:
    """Return a command that repeats method, URL and fields, for a POSIX shell.

    Its last line is the command; comments stand above it.
    """
    method = shown(request.get("method"), 100) or "GET"
    words = ["curl", "-X", method, "--globoff"]
    if method == "HEAD":
        words.append("--head")
    sent = fields(request)
    if any(field.name.lower() == "accept-encoding" for field in sent):
        words.append("--compressed")
    command = [shlex.quote(word) for word in [*words, f"{origin}{target(request)}"]]
    for name, value, _ in sent:
        # Without a value curl would take the field away, unless there is a semicolon.
        command += ["-H", _word(f"{name}: {value}" if value else f"{name};")]
    lines = []
    if missing := _missing(request):
        # Quoted, since a shell at a terminal may know no comments, as zsh's does.
        listed = ", ".join([each if " " in each else shlex.quote(each) for each in missing])
        lines.append(f"# Masked or cut in the recording, so put in yours: {listed}.")
    if body := _body(request):
        lines.append(f"# The request had {body}, not recorded: add it by --data-binary @FILE.")
    return "\n".join([*lines, " ".join(command)])


def _word(text: str) -> str:
    r"""Return a word of a shell for a WSGI string: the same bytes, where a terminal is UTF-8.

    What is no UTF-8, or cannot be seen, is spelled for `printf`.

    >>> print(_word("X: caf\xc3\xa9"), _word("X: caf\xe9"))
    'X: café' "$(printf 'X: caf\351')"
    """
    decoded = from_wsgi(text)
    if decoded is not None and shown(decoded) == decoded:
        return shlex.quote(decoded)
    spelled = "".join(
        char if _PLAIN(char) and char not in _SPELLED else f"\\{ord(char):03o}" for char in text
    )
    return f"\"$(printf '{spelled}')\""


def webtest(request: Mapping[str, Any]) -> str:
    """Return the source of `test_replay(app)`, which expects the status that was recorded."""
    method = shown(request.get("method"), 100) or "GET"
    note = "  # masked or cut: put in yours"
    lines = "".join(
        f"            {name!a}: {value!a},{note if partly else ''}\n"
        for name, value, partly in fields(request)
    )
    headers = f"        headers={{\n{lines}        }},\n" if lines else ""
    body = _body(request)
    told = f"    # The request had {body}, which is not recorded.\n" if body else ""
    address = "" if not {"the path", "the query"} & {*_missing(request)} else note
    return (
        "def test_replay(app):\n"
        "    from webtest import TestApp\n\n"
        f"{told}"
        "    response = TestApp(app).request(\n"
        f"        {target(request)!a},{address}\n"
        f"        method={method!a},\n"
        f"{headers}"
        "        expect_errors=True,\n"
        "    )\n"
        f"    assert response.status == {shown(request.get('status'), 300)!a}\n"
    )
