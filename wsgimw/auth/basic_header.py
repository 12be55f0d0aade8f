r"""The grammar of Basic credentials, strictly. RFC 7617, 2.

>>> parse("basic  YWRhOnA6dw== ")
('ada', 'p:w')
>>> [parse(text) for text in ("Basic", "Basic YQ==", "Basic a, Basic b", "Basic\tYTpi")]
[None, None, None, None]

The scheme in any case, one or more spaces, base64 with its exact padding, spaces at the end. What
it holds is UTF-8; the first colon divides; neither part has a control character. Nothing is
normalised: two spellings of an é are two passwords. Never raises.
"""

from __future__ import annotations

import binascii
import re

from wsgimw.auth.challenges import LONGEST
from wsgimw.auth.identities import is_subject

__all__ = ["parse"]

_BASIC = re.compile(r"[Bb][Aa][Ss][Ii][Cc] +([A-Za-z0-9+/]+={0,2}) *").fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search


def parse(header: str) -> tuple[str, str] | None:
    """Give username and password, or None for what breaks a rule."""
    if len(header) > LONGEST:
        return None
    found = _BASIC(header)
    # Python takes padding behind a text that needs none.
    if found is None or len(found[1]) % 4:
        return None
    try:
        data = binascii.a2b_base64(found[1], strict_mode=True)
        text = data.decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = text.partition(":")
    if not colon or _CONTROL(text) or not is_subject(user):
        return None
    if len(data) > 256 and (len(user.encode()) > 256 or len(password.encode()) > 1024):
        return None
    return user, password
