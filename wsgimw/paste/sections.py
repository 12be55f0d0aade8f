"""Find the section of an ini file that a filter's settings came from: PasteDeploy does not say it.

It hands a factory the settings and the name of the file. So the file is read again, as it is, and
the sections are those that use the filter and set the same options. There may be several, and none:
for settings from `use = config:other.ini`, or without a file.

>>> found_in("gzip", {}, {"level": "9"})
('egg:wsgimw#gzip', frozenset())
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from pathlib import Path

__all__ = ["found_in"]

# What PasteDeploy takes for itself.
_RESERVED = {"use", "next", "filter-with", "require", "paste.filter_factory"}
_SCHEME = re.compile(r"[A-Za-z]+:").match


def found_in(
    name: str, settings: Mapping[str, str], given: Mapping[str, str]
) -> tuple[str, frozenset[str]]:
    """Return the place in words, and the options that are set there and did not arrive.

    `settings` are the global ones, `given` those of the section. PasteDeploy leaves out an option
    of a section if the global settings have one of the same name.
    """
    use = f"egg:wsgimw#{name}"
    file = settings.get("__file__")
    if not file:
        return use, frozenset()
    found = []
    for section, own in _sections(file, name):
        kept = {option: value for option, value in own.items() if option not in settings}
        same = kept.keys() == given.keys() and all(
            value is None or "%" in value or value.strip() == given[option].strip()
            for option, value in kept.items()
        )
        if same:
            found.append((f"[{section}]", own.keys() - kept.keys()))
    if not found:
        return f"{use}, for {Path(file).name},", frozenset()
    words = " or ".join(section for section, _ in found)
    dropped = frozenset.intersection(*(frozenset(options) for _, options in found))
    return f"{words} of {Path(file).name}", dropped


def _sections(file: str, name: str) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Yield the sections that use a filter, with their options; None is a value not known here."""
    parser = RawConfigParser(default_section="\0")  # so that [DEFAULT] is a section like any other
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read(file)
    except (Error, UnicodeDecodeError):  # PasteDeploy has read it, so it says what is wrong
        return
    for section in parser.sections():
        if section.partition(":")[0] not in ("filter", "filter-app"):
            continue
        own = _chain(parser, section, ())
        scheme, _, factory = (own.get("use") or "").partition(":")
        uses = scheme.lower() == "egg" and factory.lower() == f"wsgimw#{name}"
        if uses or own.get("paste.filter_factory") == f"wsgimw.paste:{name}":
            options: dict[str, str | None] = {}
            for option, value in own.items():
                if option.startswith("get "):
                    options[option[4:].strip()] = None
                elif option not in _RESERVED and not option.startswith("set "):
                    options[option] = value
            yield section, options


def _chain(parser: RawConfigParser, section: str, seen: tuple[str, ...]) -> dict[str, str]:
    """Return the options of a section over those of the section that it uses."""
    own = dict(parser.items(section))
    used = own.get("use", "")
    if used and not _SCHEME(used):
        for other in parser.sections():
            kind, _, name = other.partition(":")
            if kind == "filter" and name.strip() == used and other not in seen:
                below = _chain(parser, other, (*seen, section))
                return {**below, **{key: own[key] for key in own if key != "use"}}
    return own
