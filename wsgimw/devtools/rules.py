"""The rules of the doctor: data over the words of `wsgimw.facts`, and over names of servers.

A rule names no layer, so it holds for those of others as well. In `outer`, `inner` and `layer` all
words must be there; `a|b` is one of two, `not a` must not be there.

>>> RULES["log-inside-compression"].clash
'`compresses` outside of `logs`'
>>> server_named("gunicorn/23.0.0")
'gunicorn'

Severities: an `error` does not do what it is for; a `warning` is most likely a mistake; a `note` is
a thing to know, and may be what was wanted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["RULES", "SERVERS", "Rule", "Severity", "check_ids", "server_named"]

Severity: TypeAlias = Literal["note", "warning", "error"]
Words: TypeAlias = tuple[str, ...]

# Servers that reach a WSGI app through ASGI or RSGI, or are as far from PEP 3333 as those are.
BRIDGES = frozenset({"a2wsgi", "daphne", "granian", "hypercorn", "pyvoy", "socketify", "uvicorn"})
PRODUCTION = BRIDGES | {
    "bjoern",
    "cheroot",
    "gevent",
    "gunicorn",
    "mod_wsgi",
    "uwsgi",
    "waitress",
}
SERVERS = PRODUCTION | {"werkzeug", "wsgiref"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. What it looks for is in the first of these that it has."""

    id: str
    severity: Severity
    outer: Words = ()
    inner: Words = ()
    """Of two layers, one outside of the other; no word means any layer."""
    layer: Words = ()
    """Of one layer,"""
    lacks_inside: str = ""
    """with nothing inside that has this word,"""
    lacks_outside: str = ""
    """with nothing outside that has this word,"""
    lacks_anywhere: str = ""
    """with nothing on either side that has this word, or, of a whole stack, with none at all,"""
    servers: Collection[str] = frozenset()
    """and only on these servers."""
    finds: str = ""
    """What no words can say: the doctor has a function of this name."""
    why: str
    fix: str

    @property
    def clash(self) -> str:
        """The facts that clash, in words."""
        if self.finds:
            said = _FINDS[self.finds].format(_said(self.layer))
        elif self.inner:
            said = f"{_said(self.outer)} outside of {_said(self.inner)}"
        elif self.layer:
            said = _said(self.layer)
        else:
            said = "a stack"
        for word, where in (
            (self.lacks_inside, "with no `{}` inside"),
            (self.lacks_outside, "with no `{}` outside"),
            (self.lacks_anywhere, "with no `{}` on either side" if self.layer else "with no `{}`"),
        ):
            said += f", {where.format(word)}" if word else ""
        if not self.servers:
            return said
        named = ", ".join(sorted(self.servers))
        return f"{said}, on {'a production server' if self.servers == PRODUCTION else named}"


_FINDS = {
    "once": "two layers with the same `once`",
    "branch": "a prefix of `when` or `unless` that no request can have there",
    "own_check": "{}: its own check",
}


def _said(words: Words) -> str:
    shown: list[str] = []
    for word in words:
        name = word.removeprefix("not ")
        either = " or ".join(f"`{part}`" for part in name.split("|"))
        shown.append(f"but not {either}" if name != word else f"and {either}" if shown else either)
    return " ".join(shown).removeprefix("but ") or "any layer"


_ALL = (
    # What is logged, named and caught.
    Rule(
        id="errors-outside-log",
        severity="warning",
        outer=("catches errors",),
        inner=("logs",),
        why="The log sees the exception and not the answer that is made of it: its line has "
        "another status and size than what the client got, and no fingerprint.",
        fix="Put the layer that logs outside of the one that catches errors.",
    ),
    Rule(
        id="id-inside-log",
        severity="warning",
        outer=("reads request id",),
        inner=("changes request id",),
        why="The request has no id yet when the outer layer begins, and an answer that is made "
        "between the two has none at all.",
        fix="Put the layer that gives the id outermost.",
    ),
    Rule(
        id="log-inside-compression",
        severity="warning",
        outer=("compresses",),
        inner=("logs",),
        why="The log counts the bytes before compression, which is not what is sent.",
        fix="Put the layer that logs outside of compression.",
    ),
    Rule(
        id="answers-unlogged",
        severity="note",
        outer=("answers early",),
        inner=("logs",),
        why="What the outer layer answers by itself leaves no line in the log.",
        fix="Put the layer that logs outside, unless these answers are to be left out.",
    ),
    Rule(
        id="answers-unnamed",
        severity="note",
        outer=("answers early",),
        inner=("changes request id",),
        why="What the outer layer answers by itself has no request id.",
        fix="Put the layer that gives the id outermost.",
    ),
    Rule(
        id="reports-inside-catcher",
        severity="note",
        outer=("reports errors",),
        inner=("catches errors", "not reports errors"),
        why="Exceptions that the inner layer answers never get to the outer one, which can "
        "report only what passes it.",
        fix="Report from the layer that catches, as CatchErrors(report=...) does, or put the "
        "reporter inside of it.",
    ),
    # Bodies.
    Rule(
        id="compression-twice",
        severity="warning",
        outer=("compresses",),
        inner=("compresses",),
        why="At best one of them finds nothing to do; at worst a body is compressed twice and no "
        "client can read it.",
        fix="Leave one of them out.",
    ),
    Rule(
        id="tags-kept-over-compression",
        severity="warning",
        outer=("keeps tags", "changes body"),
        inner=("computes tags",),
        why="The tag is that of the bytes before the change, so two different bodies go out under "
        "one strong tag, and caches mix them up (RFC 9110, 8.8.3.3).",
        fix="Compress with a layer that gives each coding a tag of its own, as Compress() does.",
    ),
    Rule(
        id="tags-outside-compression",
        severity="note",
        outer=("computes tags",),
        inner=("compresses",),
        why="Each answer is compressed before its tag is known, also those that become a 304.",
        fix="Put the layer that computes tags inside of compression.",
    ),
    Rule(
        id="pages-outside-compression",
        severity="note",
        outer=("fills errors",),
        inner=("compresses",),
        why="The pages that the outer layer puts in place of empty answers go out uncompressed.",
        fix="Put it just inside of compression.",
    ),
    Rule(
        id="limit-inside-reader",
        severity="warning",
        outer=("reads input", "not limits input"),
        inner=("limits input",),
        why="The outer layer has read the whole body before the inner one can refuse it.",
        fix="Put the limit outside of what reads `wsgi.input`.",
    ),
    Rule(
        id="decoding-inside-reader",
        severity="warning",
        outer=("reads input", "not decodes input"),
        inner=("decodes input",),
        why="The outer layer reads the body while it is still compressed.",
        fix="Put the layer that decodes bodies outside of what verifies or parses them.",
    ),
    # Who is asking, from where.
    Rule(
        id="client-changed-inside",
        severity="warning",
        outer=("reads client",),
        inner=("changes client",),
        why="The outer layer goes by the address, scheme or host of the proxy, not by those of "
        "the client.",
        fix="Put the layer that reads the proxy's headers outside of it.",
    ),
    Rule(
        id="client-changed-inside-peer",
        severity="note",
        outer=("reads peer",),
        inner=("changes client",),
        why="The outer layer goes by the peer of the socket on the way in, which is the proxy.",
        fix="Nothing, if that is meant: trust is in the proxy's address then, and AccessLog logs "
        "both. Else put the layer that reads the proxy's headers outside of it.",
    ),
    Rule(
        id="cors-inside-auth",
        severity="warning",
        outer=("authenticates|authorizes",),
        inner=("answers CORS",),
        why="A 401 or 403 of the outer layer has no CORS headers, so a page of another origin sees "
        "only a CORS error; and preflights, which carry no credentials, are refused.",
        fix="Put CORS outside of authentication.",
    ),
    Rule(
        id="cors-inside-errors",
        severity="note",
        outer=("catches errors",),
        inner=("answers CORS",),
        why="A 500 that the outer layer makes has no CORS headers, so a page of another origin "
        "sees only a CORS error.",
        fix="Put CORS outside of it, if such pages are to read the error.",
    ),
    Rule(
        id="files-inside-auth",
        severity="note",
        outer=("authenticates|authorizes",),
        inner=("serves files",),
        why="The files are private: nobody gets a style sheet without credentials, and no shared "
        "cache keeps it.",
        fix="Put the files outside of authentication, if anybody may have them.",
    ),
    Rule(
        id="auth-inside-files",
        severity="note",
        outer=("serves files",),
        inner=("authenticates",),
        why="The files are public: they are served before anybody is asked who they are.",
        fix="Put authentication outside of the files, if they are not for anybody.",
    ),
    Rule(
        id="auth-alone",
        severity="note",
        layer=("authenticates", "changes identity", "not authorizes"),
        lacks_inside="authorizes",
        why="To find out who is asking refuses nobody whose credentials are good, and nobody at "
        "all where none are required.",
        fix='Put Require("authenticated"), or rules, inside of it, if the app does not decide.',
    ),
    Rule(
        id="anyone-never-asked",
        severity="warning",
        outer=("refuses strangers",),
        inner=("lets strangers in",),
        why="A request without credentials is answered 401 by the outer layer, so the rule that "
        "lets anyone in is never asked about it.",
        fix="Write Authenticate(..., required=False): the rules then decide about strangers, too.",
    ),
    Rule(
        id="require-alone",
        severity="warning",
        layer=("authorizes", "reads identity"),
        lacks_anywhere="changes identity",
        why="Nothing in the stack finds out who is asking, so only a REMOTE_USER that the server "
        "sets counts, and all others are nobody.",
        fix="Put Authenticate(...) outside of it; Authenticate(RemoteUser()) if the server knows.",
    ),
    Rule(
        id="require-outside-auth",
        severity="error",
        outer=("authorizes", "reads identity"),
        inner=("changes identity",),
        why="The outer layer decides before the inner one has found out who is asking.",
        fix="Put Authenticate outside of Require.",
    ),
    # What can be there once, or not at all.
    Rule(
        id="once-only",
        severity="warning",
        finds="once",
        why="It is done twice for a request, and the second time undoes or doubles the first.",
        fix="Leave one of them out.",
    ),
    Rule(
        id="branch-never-right",
        severity="warning",
        finds="branch",
        why="The condition has the same answer for all requests that come here, so the layers of "
        "`when` never apply, or the exemption of `unless` never or always does.",
        fix="Below a Mount, write the prefix as it is there; else write the one that was meant.",
    ),
    Rule(
        id="routes-shadowed",
        severity="warning",
        layer=("routes",),
        finds="own_check",
        why="Where two routes fit one path, only one of them gets it.",
        fix="Make one pattern more specific; Router.check() has the paths.",
    ),
    Rule(
        id="rules-doubtful",
        severity="warning",
        layer=("authorizes",),
        finds="own_check",
        why="A rule that lets more in than it seems to is found by those who look for it.",
        fix="Write the rule that is meant; Require.explain() tells how a request is decided.",
    ),
    Rule(
        id="own-check",
        severity="warning",
        layer=("not routes", "not authorizes"),
        finds="own_check",
        why="The layer itself says so.",
        fix="See the layer's own documentation.",
    ),
    Rule(
        id="repair-inside",
        severity="warning",
        inner=("repairs servers",),
        why="What stands outside meets the server as it is.",
        fix="Put Portable() outermost.",
    ),
    # What depends on the server.
    Rule(
        id="repair-missing",
        severity="warning",
        lacks_anywhere="repairs servers",
        servers=BRIDGES,
        why="The server is no WSGI server at heart: a late status, an empty body, `write()` or a "
        "chunked request may break there.",
        fix="Put Portable() outermost.",
    ),
    Rule(
        id="head-comes-late",
        severity="warning",
        layer=("holds the head",),
        lacks_outside="repairs servers",
        servers=frozenset({"granian"}),
        why="The layer passes the head on with the first block, and the server ignores a status "
        "that comes after the call has returned: the client sees 200.",
        fix="Put Portable() outermost, or write the layer with Hooks.",
    ),
    Rule(
        id="cut-unseen",
        severity="note",
        layer=("catches errors",),
        servers=frozenset({"granian", "mod_wsgi", "socketify"}),
        why="The server ends a stream that fails midway as if it were complete.",
        fix="Give large answers a Content-Length: only that shows the cut.",
    ),
    Rule(
        id="abort-seen-late",
        severity="note",
        layer=("logs",),
        servers=frozenset({"a2wsgi", "hypercorn", "pyvoy", "socketify", "uvicorn"}),
        why="The server closes a stream only when it has run out, so a client that went away is "
        "seen late, and an endless stream is never stopped.",
        fix="Let streams end by themselves.",
    ),
    Rule(
        id="proxy-applied-twice",
        severity="note",
        layer=("changes client",),
        servers=frozenset({"gunicorn", "uvicorn", "uwsgi"}),
        why="The server applies proxy headers by itself for peers that it trusts.",
        fix="Trust the proxy in one place: switch it off in the server, or leave the layer out.",
    ),
    Rule(
        id="proxy-headers-removed",
        severity="note",
        layer=("changes client",),
        servers=frozenset({"waitress"}),
        why="The server removes the headers of proxies that it was not told to trust, and applies "
        "them itself for one that it was.",
        fix="Set `trusted_proxy` of waitress, and leave the layer out.",
    ),
    Rule(
        id="console-in-production",
        severity="error",
        layer=("runs code",),
        servers=PRODUCTION,
        why="Whoever gets to its page can run code on the machine.",
        fix="Leave it out where others can reach the server.",
    ),
    Rule(
        id="debug-in-production",
        severity="warning",
        layer=("shows internals", "not runs code"),
        servers=PRODUCTION,
        why="An error page that shows source and variables is not for visitors.",
        fix="Write debug=False, or leave the layer out.",
    ),
    Rule(
        id="development-in-production",
        severity="warning",
        layer=("is for development", "not shows internals", "not runs code"),
        servers=PRODUCTION,
        why="It was made for development: it is slow, or holds bodies back.",
        fix="Leave it out.",
    ),
)

RULES: dict[str, Rule] = {rule.id: rule for rule in _ALL}


def check_ids(ids: Any) -> frozenset[str]:
    """Return the ids of rules to leave out; TypeError for a str, ValueError for an unknown id."""
    if isinstance(ids, str) or not isinstance(ids, Collection):
        raise TypeError(f"ignore is {ids!r}; it takes ids of rules: ignore={{'log-inside-...'}}")
    for name in ids:
        if name not in RULES:
            raise ValueError(f"ignore holds {name!r}, which is no rule; {_nearest(name, RULES)}")
    return frozenset(ids)


def check_server(name: Any) -> str | None:
    """Return the name of a server; TypeError for another kind, ValueError for an unknown one."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError(f"server is {name!r}; it takes a name such as server='gunicorn'")
    if name.lower() not in SERVERS:
        raise ValueError(f"server is {name!r}, which is not known; {_nearest(name, SERVERS)}")
    return name.lower()


def _nearest(name: Any, names: Collection[str]) -> str:
    near = difflib.get_close_matches(str(name), names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"write one of {', '.join(sorted(names))}"


def server_named(software: str) -> str | None:
    """Return the server that `SERVER_SOFTWARE` names, or None where it is not known.

    >>> server_named("WSGIServer/0.2 CPython/3.11"), server_named("nginx")
    ('wsgiref', None)
    """
    words = re.split(r"[/ ]", software.strip().lower())
    name = {"wsgiserver": "wsgiref", "apache": "mod_wsgi"}.get(words[0], words[0])
    return name if name in SERVERS else None
