"""Content negotiation: which coding, which media type. RFC 9110, 12.4.2, 12.5.1, 12.5.3.

Use it to choose among what you can send by what the client says that it takes. Both fields are read
by one grammar of weights, in which a doubt is a refusal:

- Members are split at commas, parameters at semicolons, spaces and tabs round both mean nothing,
  quoted strings stay whole. ``q`` may have any case and any place among the parameters.
- A weight is ``digits[.digits]``, the digits before the point may be missing (Java sends ``q=.2``),
  from 0 to 1. Anything else (``q=``, ``2``, ``-1``, ``nan``, ``1e0``) counts as 0.
- A name given twice has the lower weight.
- A field of more than 1,024 characters counts as one that says nothing.

>>> choose_coding("gzip;q=0.8, br, *;q=0", ("zstd", "br", "gzip"))
'br'
>>> offers = ("text/html", "application/problem+json", "text/plain")
>>> choose_type("application/json, text/plain, */*", offers)
'application/problem+json'

The caller names what it looked at in ``Vary`` (``add_vary`` in ``headers``). There is always an
answer: RFC 9110 lets a server send what was not asked for, and no layer of ours sends a 406.
Answers are remembered by field and offers, bounded. No function raises for anything that a field
may hold, and each takes time linear in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from wsgimw.http.headers import split_list

_LIMIT = 1024
_HTML = "text/html"
# From 0 to 1 by its digits: as a float, 1.00000000000000000001 would be 1.
_WEIGHT = re.compile(r"0*\.[0-9]+|0+|0*1(?:\.0+)?").fullmatch


def weights(field: str) -> dict[str, float]:
    """Read a field: each name, in lower case and without parameters, to its weight, 0.0 to 1.0.

    Empty for a field that says nothing. RFC 9110, 12.4.2; where its grammar lets a weight end in
    the point (``1.``) this one doubts.

    >>> weights('text/html;level="1,2";q=.5, */*; Q=0.1, text/html, a;q=2')
    {'text/html': 0.5, '*/*': 0.1, 'a': 0.0}
    """
    found: dict[str, float] = {}
    if len(field) > _LIMIT:
        return found
    for member in split_list(field):
        name, _, parameters = member.partition(";")
        name = name.rstrip(" \t").lower()
        found[name] = min(found.get(name, 1.0), _weight(parameters))
    return found


def _weight(parameters: str) -> float:
    least = 1.0
    for parameter in split_list(parameters, ";"):
        name, _, value = parameter.partition("=")
        if name.rstrip(" \t") in ("q", "Q"):
            # No space may stand round the "=": that, too, is a doubt.
            least = min(least, float(value) if len(name) == 1 and _WEIGHT(value) else 0.0)
    return least


def choose_coding(field: str | None, offers: Sequence[str]) -> str | None:
    """Choose a content coding by ``Accept-Encoding``: an offer, ``"identity"``, or None.

    ``field`` is the value, None if absent; ``offers`` are codings in lower case, in order of
    preference, without ``identity``. The highest weight above 0 wins, ties go to the order of the
    offers. ``x-gzip`` is ``gzip``; ``*`` stands for every coding that is not named. ``identity``
    takes part when it is named, and wins if its weight is greater; otherwise it is the last choice.
    None: ``identity;q=0`` or ``*;q=0`` refused even that. An absent, blank or over-long field means
    identity. RFC 9110, 12.5.3.

    >>> choose_coding("gzip, deflate, br, zstd", ("zstd", "br", "gzip"))
    'zstd'
    >>> choose_coding("gzip;q=0.5, identity", ("gzip",)), choose_coding("*;q=0", ("gzip",))
    ('identity', None)
    """
    if not field or len(field) > _LIMIT:
        return "identity"
    return _choose_coding(field, tuple(offers))


@lru_cache(512)
def _choose_coding(field: str, offers: tuple[str, ...]) -> str | None:
    asked = weights(field)
    if "x-gzip" in asked:
        asked["gzip"] = min(asked["x-gzip"], asked.get("gzip", 1.0))
    others = asked.get("*")
    best, most = None, 0.0
    for offer in offers:
        weight = asked.get(offer, others or 0.0)
        if weight > most:
            best, most = offer, weight
    if "identity" in asked:
        return "identity" if asked["identity"] > most else best
    return best if best or others == 0.0 else "identity"


def choose_type(field: str | None, offers: Sequence[str], fetch_dest: str | None = None) -> str:
    """Choose a media type by ``Accept``; the last offer is what silence gets. There is always one.

    ``offers`` are media types in lower case, at least one. The weight of an offer is that of the
    most specific range that covers it; an ``application/json`` or ``+json`` range names every JSON
    offer. The highest weight wins. Among equals an offer that is named goes before one that only a
    wildcard covers; named ones go in the order of the offers, and of the others the last offer
    comes first. Parameters other than ``q`` are ignored. With a ``fetch_dest`` of ``document`` (the
    ``Sec-Fetch-Dest`` of a navigation) HTML takes the place of the last offer. RFC 9110, 12.5.1.

    >>> offers = ("text/html", "application/problem+json", "text/plain")
    >>> choose_type("text/html,application/xhtml+xml,*/*;q=0.8", offers), choose_type("*/*", offers)
    ('text/html', 'text/plain')
    >>> choose_type(None, offers, "document"), choose_type("application/vnd.api+json", offers)
    ('text/html', 'application/problem+json')
    """
    if field is not None and len(field) > _LIMIT:
        field = None
    return _choose_type(field or "", tuple(offers), fetch_dest == "document")


@lru_cache(256)
def _choose_type(field: str, offers: tuple[str, ...], document: bool) -> str:
    asked = weights(field)
    # What wildcards, and silence, mean: the least first.
    meant = offers[-1:]
    if document and _HTML in offers and asked.get(_HTML) != 0.0:
        meant = (offers[-1], _HTML)
    best, most = meant[-1], (0.0, 0)
    for offer in offers:
        weight, named = _covered(asked, offer)
        rank = len(meant) + 1 if named else meant.index(offer) + 1 if offer in meant else 0
        if weight and (weight, rank) > most:
            best, most = offer, (weight, rank)
    return best


def _covered(asked: dict[str, float], offer: str) -> tuple[float, bool]:
    """Give the weight of the most specific range over the offer, and whether that names it."""
    if offer in asked:
        return asked[offer], True
    if _is_json(offer):
        aliases = [weight for name, weight in asked.items() if _is_json(name)]
        if aliases:
            return max(aliases), True
    return asked.get(offer.partition("/")[0] + "/*", asked.get("*/*", 0.0)), False


def _is_json(name: str) -> bool:
    return name == "application/json" or ("/" in name and name.endswith("+json"))


def names(field: str | None, media_type: str) -> bool:
    """Does an ``Accept`` field name this very type, with a weight above 0? Wildcards do not.

    >>> names("text/html, */*;q=0.8", "text/html"), names("*/*", "text/html")
    (True, False)
    """
    return weights(field or "").get(media_type, 0.0) > 0.0
