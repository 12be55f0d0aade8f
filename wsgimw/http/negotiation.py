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
# From 0 to 1 by its digits, since a float would take 1.00000000000000000001 for 1.
_WEIGHT = re.compile(r"[0-9]*\.[0-9]+|[0-9]+").fullmatch


def weights(field: str) -> dict[str, float]:
    """Read the members of a field: name in lower case, without parameters, to weight 0.0 to 1.0.

    >>> weights('text/html;level="1,2";q=.5, */*; Q=0.1, text/html, a;q=2')
    {'text/html': 0.5, '*/*': 0.1, 'a': 0.0}
    """
    found: dict[str, float] = {}
    if len(field) > _LIMIT:
        return found
    for member in split_list(field):
        name, _, parameters = member.partition(";")
