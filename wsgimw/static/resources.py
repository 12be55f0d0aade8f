"""What a version of a file looks like from outside: its heads, and which coding a request gets.

A `Resource` is a version under one `Cache-Control`: the same file has several where it is also
served by a fingerprint or as the page of an application. A `Representation` is one coding of it,
with the heads that are built once. RFC 9110, 8.8.3.3, 12.5.3, 15.4.5.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, TypeAlias

from wsgimw.http.headers import Headers, find, is_field_value, is_token, put
from wsgimw.http.negotiation import choose_coding, weights
from wsgimw.http.validators import entity_tags, format_date, parse_date
from wsgimw.static.loading import PINNED_BEFORE
from wsgimw.static.names import readable
from wsgimw.static.opening import Root
from wsgimw.static.versions import Content, Version

Head: TypeAlias = tuple[tuple[str, str], ...]

MEMORISED: Final = 64
"""How many values of Accept-Encoding are remembered for one resource."""

_OF_CONTENT = frozenset({"content-type", "content-length", "content-encoding", "accept-ranges"})
_NOSNIFF = ("X-Content-Type-Options", "nosniff")
_VARY = ("Vary", "Accept-Encoding")
_ANY_ORIGIN = ("Access-Control-Allow-Origin", "*")


class Representation:
    """One coding of a version, with its heads."""

    __slots__ = (
        "after_length",
        "bare",
        "before_length",
        "content",
        "content_type",
        "data",
        "etag",
        "head",
        "last_modified",
        "modified",
        "root",
    )

    def __init__(self, root: Root, content: Content, head: Headers) -> None:
        self.root = root
        self.content = content
        self.data = content.data
        self.head: Head = tuple(head)
        at = next(i for i, pair in enumerate(head) if pair[0].lower() == "content-length")
        self.before_length, self.after_length = self.head[:at], self.head[at + 1 :]
        self.bare: Head = tuple(pair for pair in head if pair[0].lower() not in _OF_CONTENT)
        self.etag = find(head, "ETag")
        self.modified = find(head, "Last-Modified")
        self.last_modified = parse_date(self.modified) if self.modified else None
        self.content_type = find(head, "Content-Type") or "application/octet-stream"

    @property
    def size(self) -> int:
        """The length of the content, in bytes."""
        return self.content.size


class Resource:
    """A version under one Cache-Control: chooses the representation that a request gets."""

    __slots__ = ("_cors", "_edit", "_lock", "_made", "cache_control", "ready", "version")

    def __init__(
        self,
        version: Version,
        cache_control: str | None,
        cors: str | None,
        edit: Callable[[str, Headers], object] | None,
    ) -> None:
        self.version = version
        self.ready: dict[str | None, Representation] = {}
        self.cache_control = cache_control
        self._cors = cors
        self._edit = edit
        self._made: dict[str, Representation] = {}
        self._lock = Lock()

    def negotiate(self, accept: str | None) -> Representation:
        """Return what this Accept-Encoding gets; there is always one (never a 406)."""
        found = self.ready.get(accept)
        if found is None:
            coding = choose_coding(accept, self.version.offers)
            found = self.representation("" if coding in ("identity", None) else str(coding))
            if len(self.ready) < MEMORISED:
                self.ready[accept] = found
        return found

    def for_range(
        self, accept: str | None, if_range: str | None, if_match: str | None
    ) -> Representation:
        """Return the representation whose parts are meant: the one that the client holds."""
        if not self.version.varies:
            return self.representation("")
        if if_range or if_match:
            tag = (if_range or "").strip(" \t")
            named = [tag] if tag else entity_tags(if_match or "")
            for coding in self._acceptable(accept):
                # A tag of ours says its coding, so none is made that nobody has.
                if coding and not any(tag.endswith(f'-{coding}"') for tag in named):
                    continue
                found = self.representation(coding)
                if found.etag in named:
                    return found
        if choose_coding(accept, ()) == "identity":
            return self.representation("")
        return self.negotiate(accept)

    def _acceptable(self, accept: str | None) -> list[str]:
        """Return the codings that the client does not refuse, identity first."""
        found = [""] if choose_coding(accept, ()) == "identity" else []
        asked = weights(accept or "")
        if "x-gzip" in asked:
            asked["gzip"] = min(asked["x-gzip"], asked.get("gzip", 1.0))
        others = asked.get("*", 0.0)
        return found + [c for c in self.version.offers if asked.get(c, others) > 0]

    def representation(self, coding: str) -> Representation:
        """Return one coding, made on first use; identity where that coding is none."""
        found = self._made.get(coding)
        if found is None:
            content = self.version.content(coding)
            if content.coding != coding:
                return self.representation(content.coding)
            with self._lock:  # `headers` is called once
                found = self._made.get(coding)
                if found is None:
                    found = self._made[coding] = Representation(
                        self.version.root, content, self._head(content)
                    )
        return found

    def _head(self, content: Content) -> Headers:
        version = self.version
        length = ("Content-Length", str(content.size))
        head = [("Content-Type", version.content_type), length, ("Accept-Ranges", "bytes")]
        if content.coding:
            head.append(("Content-Encoding", content.coding))
        head.append(("ETag", f'"{content.tag}"'))
        seconds = version.key[3] // 1_000_000_000
        if PINNED_BEFORE <= seconds <= time.time():
            head.append(("Last-Modified", format_date(seconds)))
        if self.cache_control is not None:
            head.append(("Cache-Control", self.cache_control))
        if version.varies:
            head.append(_VARY)
        head.append(_NOSNIFF)
        if self._cors == "*" or (
            self._cors == "fonts" and version.content_type.startswith("font/")
        ):
            head.append(_ANY_ORIGIN)
        if self._edit is not None:
            self._edit(readable(version.name), head)
            _check(head)
            put(head, *length)  # rule 15
        return head


def _check(head: Any) -> None:
    """Refuse what no server could send (rule 13)."""
    for pair in head:
        if not (
            isinstance(pair, tuple)
            and len(pair) == 2
            and all(isinstance(text, str) for text in pair)
            and is_token(pair[0])
            and is_field_value(pair[1])
        ):
            raise ValueError(
                f"headers= of StaticFiles left {pair!r} in the head; write pairs of str such as "
                "('Timing-Allow-Origin', '*'), without control characters"
            )
