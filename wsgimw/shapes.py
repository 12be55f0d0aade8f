r"""What must not be shown, told by its shape: credentials inside of free text and source lines.

The other half of `wsgimw.redact`, for text that has no names to go by: messages,
tracebacks, source. Masked are `Bearer` and `Basic` credentials, JWTs, PEM blocks, AWS key ids,
userinfo and secret parameters of URLs, and strings that stand behind a secret name in source or in
a repr.

>>> mask_shapes("https://ada:pw@example.org/?token=12&a=1")
'https://[redacted 6 chars]@example.org/?token=[redacted 2 chars]&a=1'
>>> mask_shapes("Authorization: Bearer abc.def.ghi")
'Authorization: Bearer [redacted 11 chars]'
>>> mask_shapes("connect(password='hunter2', user='ada')")
"connect(password='[redacted 7 chars]', user='ada')"

Do not take it for a wall. Every pattern is linear: it starts at a rare mark or at the beginning of
a word, its repeats are bounded or possessive. The caller cuts first, and then masks.
"""

from __future__ import annotations

import re

from wsgimw.redact import is_secret

__all__ = ["mask_shapes"]

_WORDS = "auth|authentication|authorization|credentials?|header|realm|scheme|token|tokens"
_PATTERNS = [
    # The first group stays, the second is masked.
    re.compile(
        rf"(?i:(?<![a-z0-9])((?:bearer|basic)[ \t]{{1,4}})(?!(?:{_WORDS})\b))"
        r"([A-Za-z0-9._~+/=-]{4,}+)"
    ),
    re.compile(
        r"(?<![A-Za-z0-9_-])()"
        r"(eyJ[A-Za-z0-9_-]{5,}+\.[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]*+)?)"
    ),
    re.compile(r"(?<![A-Za-z0-9])()((?:AKIA|ASIA)[A-Z0-9]{12,32}+)"),
    re.compile(r"(://)([^\s/?#\"'<>]{1,1024})(?=@)"),
]
_PEM = re.compile(r"(-----BEGIN [A-Z0-9 ]{1,64}-----)((?:[^-]++|-(?!----END))*+)")
_PEM_REST = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\ \r\n\t"

_PARAMETER = re.compile(
    r"((?:[?&\"']|; ?)([A-Za-z0-9_.\[\]%-]{1,64}+)=)(?!\[redacted)([^&;\s\"'<>)]++)"
)
_ASSIGNED = re.compile(r"[=:][ \t]{0,8}+(?:[rbfuRBFU]{0,2})(\"{3}|'{3}|[\"'])")
_ANNOTATION = re.compile(r"[ \t\w.|\[\]]++").fullmatch
_ERRORS = ("Error", "Exception", "Group", "Warning")
_WINDOW = 160
_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_STRINGS = {
    # Up to the closing quotes, or to the end of what is there of the line or text.
    '"': re.compile(r'(?:[^\\"\n]++|\\.)*+', re.DOTALL),
    "'": re.compile(r"(?:[^\\'\n]++|\\.)*+", re.DOTALL),
    '"""': re.compile(r'(?:[^\\"]++|\\.|"(?!""))*+', re.DOTALL),
    "'''": re.compile(r"(?:[^\\']++|\\.|'(?!''))*+", re.DOTALL),
}


def mask_shapes(text: str) -> str:
    """Return the text with what looks like a secret replaced by its length."""
    if "-----" in text:
        text = _mask_pem(text)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda found: found[1] + _hidden(found[2]), text)
    text = _PARAMETER.sub(_mask_parameter, text)
    return _mask_strings(text)


def _hidden(secret: str) -> str:
    return f"[redacted {len(secret)} chars]"


def _mask_pem(text: str) -> str:
    end = text.find("-----END ")
    if end >= 0 and not 0 <= text.find("-----BEGIN ") < end:
        # Its beginning was cut off: what looks like base64 before the end belongs to it.
        rest = text[:end].rstrip(_PEM_REST)
        text = f"{rest}{_hidden(text[len(rest) : end])}{text[end:]}"
    return _PEM.sub(lambda found: found[1] + _hidden(found[2]), text)


def _mask_parameter(found: re.Match[str]) -> str:
    return found[1] + _hidden(found[3]) if is_secret(found[2]) else found[0]


def _mask_strings(text: str) -> str:
    """Mask string literals behind `name =`, `name: str =`, `"name":`, `["name"] =`, `name ==`."""
    parts: list[str] = []
    done = position = 0
    while found := _ASSIGNED.search(text, position):
        position = found.end()
        before = text[max(0, found.start() - _WINDOW) : found.start()]
        if not _names_secret(before, found[0][0] == "="):
            continue
        literal = _STRINGS[found[1]].match(text, position)
        if literal and literal[0] and not literal[0].startswith("[redacted "):
            parts += [text[done:position], _hidden(literal[0])]
            done = position = literal.end()
    return "".join([*parts, text[done:]])


def _names_secret(before: str, annotated: bool) -> bool:
    """Does the text before a `:`, or a `=` that may follow an annotation, end in a secret name?"""
    if _ends_secret(before.rstrip(" \t=!:").rstrip("\"'])")):
        return True
    name, colon, annotation = before.rpartition(":") if annotated else ("", "", "")
    return bool(colon and _ANNOTATION(annotation)) and _ends_secret(name.rstrip(" \t"))


def _ends_secret(text: str) -> bool:
    name = text[len(text.rstrip(_NAME)) :]
    # `KeyError: 'x'` is the last line of a traceback.
    return bool(name) and not name.endswith(_ERRORS) and is_secret(name)
