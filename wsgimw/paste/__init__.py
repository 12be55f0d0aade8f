"""PasteDeploy: every layer as a filter of an ini file, `use = egg:wsgimw#compress`.

Use it where a stack is configured in ini files: Pyramid's `pserve`, `gunicorn --paste`, OpenStack,
Zope, CKAN. In a program of your own write `compose()`, which checkers and editors read.

    [filter:compress]
    use = egg:wsgimw#compress
    min_size = 1_000
    codings = br, gzip

    [pipeline:main]
    pipeline = compress shop

The options of a filter are those of its layer, and `wsgimw.paste.values` says how each is written.
What an ini file cannot say, such as routes, schemes and functions, is named as `MODULE:ATTR`:

>>> compress({}, min_size="1_000", codings="gzip")
Compress(codings=('gzip',), min_size=1000)
>>> authenticate({}, schemes="wsgimw.auth:RemoteUser()", required="no")
Authenticate(RemoteUser(), required=False)

A mistake is a `ValueError` when the ini file is loaded; it names the section, the option, and what
is accepted. A coding or a scheme whose extra is not installed is an `ImportError`.

>>> compress({}, min_sise="1_000")
Traceback (most recent call last):
ValueError: egg:wsgimw#compress has no option 'min_sise'; did you mean min_size?

Of the global settings it reads `here`, from which paths start; `__file__`, for messages; and
`debug`, for a layer that has this option and is not given it. What a filter costs is what its layer
costs. PasteDeploy calls this module and is not imported by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import Parameter
from typing import TYPE_CHECKING, Any

import wsgimw
from wsgimw import misuse
from wsgimw.paste.sections import found_in
from wsgimw.paste.values import Scope, accepted, options_of, read

if TYPE_CHECKING:
    from wsgimw import Layer

__all__ = ["FILTERS", "Filter"]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter factory: called with the settings of an ini file, it returns a layer."""

    name: str
    """The name of the entry point."""
    makes: str
    """The name in `wsgimw` of what makes the layer."""

    @property
    def maker(self) -> Any:
        """The class or function that makes the layer; it is loaded when it is asked for."""
        return getattr(wsgimw, self.makes)

    def __call__(self, global_conf: Mapping[str, str] | None, /, **given: str) -> Layer:
        """Return the layer. Raises `ValueError` for mistakes, `ImportError` for absent extras."""
        settings = global_conf or {}
        place, dropped = found_in(self.name, settings, given)
        maker = self.maker
        options = options_of(maker)
        for name in given:
            if name not in options:
                raise ValueError(f"{place} has no option {name!r}; {misuse.hint(name, [*options])}")
        for name in dropped & options.keys():
            raise ValueError(
                f"{place} sets {name}, and so do the settings of all sections; PasteDeploy then "
                f"leaves out the section's own: "
                + (f"write 'set {name} = ...' here" if name == "debug" else f"remove {name} there")
            )
        if "debug" in options and "debug" in settings:
            given.setdefault("debug", settings["debug"])
        scope = Scope(maker.__module__, settings.get("here"))
        values: dict[str, Any] = {}
        for name, option in options.items():
            if name in given:
                try:
                    values[name] = read(given[name], option.hint, scope)
                except ValueError as error:
                    raise ValueError(f"{place}: {name} = {given[name]!r}: {error}") from None
            elif option.required:
                what = accepted(option.hint, scope)
                raise ValueError(f"{place} needs {name}, which takes {what}")
        try:
            return _made(maker, values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{place}: {error}") from error
        except ImportError as error:
            raise ImportError(f"{place}: {error}") from error


def _made(maker: Any, values: dict[str, Any]) -> Layer:
    """Call what makes a layer, with what stands before a `*` as positional arguments."""
    positional: list[Any] = []
    for name, option in options_of(maker).items():
        if name in values and option.kind is not Parameter.KEYWORD_ONLY:
            value = values.pop(name)
            positional += value if option.kind is Parameter.VAR_POSITIONAL else [value]
    layer: Layer = maker(*positional, **values)
    return layer


# One row for each name of the front door that makes layers; pyproject.toml has the same rows.
FILTERS = {
    name: Filter(name, makes)
    for name, makes in {
        "access_log": "AccessLog",
        "authenticate": "Authenticate",
        "catch_errors": "CatchErrors",
        "compose": "compose",
        "compress": "Compress",
        "decompress": "Decompress",
        "gzip": "Gzip",
        "portable": "Portable",
        "request_id": "RequestId",
        "require": "Require",
        "router": "Router",
        "static_files": "StaticFiles",
        "status_pages": "StatusPages",
        "unless": "unless",
        "when": "when",
    }.items()
}
globals().update(FILTERS)  # an entry point is a module and a name in it
