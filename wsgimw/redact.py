"""What must not be shown: secrets told by their names, masked in logs, reports and pages.

One helper for the access log, the error report, the debug page and the X-ray. A name is split into
words at everything that is no letter or digit, and where a capital follows a small letter. It is
secret if one of its words is `pass key apikey auth sig sid pin otp pwd dsn`, or if it contains
`passw passwd passphrase secret token credential signature session cookie csrf jwt authorization`.

>>> [name for name in ("api_key", "apiKey", "X-Api-Key", "keyword", "author") if is_secret(name)]
['api_key', 'apiKey', 'X-Api-Key']
>>> mask_query("page=2&access_token=abc")
'page=2&access_token=[redacted]'
>>> mask_url("https://ada:pw@example.org/?token=1#top")
'https://[redacted]@example.org/?token=[redacted]#top'

Do not take it for a wall: a secret in a path, or under a harmless name, is shown. A masked value is
never dropped, so that one who reads can tell what is masked from what is absent. Every function is
linear in its text and none raises, whatever the text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from functools import lru_cache

from wsgimw.http.paths import unescape

__all__ = [
    "REDACTED",
    "Secret",
    "is_secret",
    "mask_query",
    "mask_url",
    "of_the_process",
    "secret_names",
    "words",
]

REDACTED = "[redacted]"

Secret = Callable[[str], bool]
"""A question about a name."""

_WORDS = frozenset(["pass", "key", "apikey", "auth", "sig", "sid", "pin", "otp", "pwd", "dsn"])
_PARTS = (
    "passw",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "signature",
    "session",
    "cookie",
    "csrf",
    "jwt",
    "authorization",
)

_BETWEEN = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")
_REMEMBERED = 256


def words(name: str) -> list[str]:
    """Split a name into its words, case folded.

    >>> words("X-Api-Key"), words("userToken2"), words("__")
    (['x', 'api', 'key'], ['user', 'token2'], [])
    """
    return [word.casefold() for word in _BETWEEN.split(name) if word]


def is_secret(name: str) -> bool:
    """Does a name say that its value is a secret?

    >>> is_secret("user[password]"), is_secret("passenger")
    (True, False)
    """
    return (_is_secret if len(name) <= _REMEMBERED else _is_secret.__wrapped__)(name)


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    folded = name.casefold()
    return any(part in folded for part in _PARTS) or not _WORDS.isdisjoint(words(name))


def secret_names(more: Collection[str]) -> Secret:
    """Make `is_secret` with more names, each of which counts as a word or as the whole name.

    >>> secret = secret_names(["iban", "customer_id"])
    >>> secret("userIBAN"), secret("Customer-Id"), secret("customer"), secret("token")
    (True, True, False, True)
    """
    if not more:
        return is_secret
    single = frozenset([name.casefold() for name in more])
    whole = frozenset([tuple(words(name)) for name in more if words(name)])

    @lru_cache(1024)
    def known(name: str) -> bool:
        found = words(name)
        return not single.isdisjoint([name.casefold(), *found]) or tuple(found) in whole

    def secret(name: str) -> bool:
        hit = (known if len(name) <= _REMEMBERED else known.__wrapped__)(name)
        return hit or is_secret(name)

    return secret


def of_the_process(name: object, value: object) -> bool:
    """Are these the name and the value of a variable of the process environment?

    Some servers, wsgiref and CGI among them, put all of it into environ, where nothing else tells
    it from what came with the request. It is not to be shown.

    >>> import os
    >>> of_the_process("PATH", os.environ["PATH"]), of_the_process("PATH_INFO", "/")
    (True, False)
    """
    if type(name) is not str or type(value) is not str or len(name) > _REMEMBERED:
        return False
    try:
        return os.environ.get(name) == value
    except ValueError:  # a name that the system cannot have
        return False


def mask_query(query: str, secret: Secret = is_secret) -> str:
    """Mask the values of secret parameters; the names stay.

    Names are percent-decoded before they are asked about. Parameters are separated by `&` and by
    `;`. What follows a secret after a `;` and is no parameter itself belongs to the secret, for one
    who splits at `&` alone.

    >>> mask_query("a=1;%74oken=x&pin=2&b")
    'a=1;%74oken=[redacted]&pin=[redacted]&b'
    >>> mask_query("token=one;two;b=3")
    'token=[redacted];[redacted];b=3'
    """
    if "=" not in query:
        return query
    return "&".join([_mask_pairs(part, secret) for part in query.split("&")])


def _mask_pairs(part: str, secret: Secret) -> str:
    pairs = part.split(";")
    hidden = False
    for index, pair in enumerate(pairs):
        name, equals, value = pair.partition("=")
        if equals:
            hidden = secret(_decoded(name))
            if hidden and value:
                pairs[index] = f"{name}={REDACTED}"
        elif hidden and pair:
            pairs[index] = REDACTED
    return ";".join(pairs)


def _decoded(name: str) -> str:
    if "%" not in name:
        return name
    return unescape(name.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")


def mask_url(url: str, secret: Secret = is_secret) -> str:
    """Mask userinfo, and secret parameters of query and fragment, of a URL or what is like one.

    >>> mask_url("//ada@example.org/a@b"), mask_url("/a@b?x=1&sid=9")
    ('//[redacted]@example.org/a@b', '/a@b?x=1&sid=[redacted]')
    """
    rest, hash_, fragment = url.partition("#")
    rest, mark, query = rest.partition("?")
    scheme, slashes, authority = rest.partition("//")
    if slashes and (not scheme or scheme.endswith(":")):
        host, slash, path = authority.partition("/")
        if "@" in host:
            rest = f"{scheme}//{REDACTED}@{host.rpartition('@')[2]}{slash}{path}"
    if mark:
        query = mask_query(query, secret)
    if hash_:
        fragment = mask_query(fragment, secret)
    return f"{rest}{mark}{query}{hash_}{fragment}"
