"""Say why: what `Require.explain` and `Require.lint` tell about rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgimw.auth.predicates import anyone
from wsgimw.auth.rules import Rule, Rules, methods_of
from wsgimw.http.paths import readings, to_wsgi, unescape

if TYPE_CHECKING:
    from wsgimw.auth.identities import Identity

__all__ = ["explain", "lint"]


def explain(rules: Rules, request: str, identity: Identity | None) -> str:
    """Tell how a request is read, which rules are asked and why, and what comes of it."""
    method, _, target = request.partition(" ")
    if request.startswith("/") or not target:
        method, target = "GET", request
    path, _, query = target.partition("#")[0].partition("?")
    came = unescape(to_wsgi(path).encode("latin-1")).decode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": came,
        "QUERY_STRING": query,
        "wsgimw.identity": identity,
    }
    lines = [f"{environ['REQUEST_METHOD']} {target}"]
    found = readings(environ)
    if found is None:
        lines.append("the path cannot be decided: a dot segment, a control character, or no UTF-8")
        return "\n".join([*lines, "DENY 400"])
    allowed = True
    methods = methods_of(environ) if rules.by_method else [environ["REQUEST_METHOD"]]
    for why, path, asked, rule in rules.consult(found, methods):
        allows = bool(rule.predicate(identity, environ))
        allowed = allowed and allows
        as_method = f" as {asked}" if asked != environ["REQUEST_METHOD"] else ""
        said = "allows" if allows else "refuses"
        lines.append(f"{why}, {path}{as_method}: the rule {rule.text!r} is {rule.shown}: {said}")
    denied = "DENY 401" if identity is None else "DENY 403"
    return "\n".join([*lines, "ALLOW" if allowed else denied])


def lint(rules: Rules) -> list[str]:
    """Tell which rules let more in than they seem to."""
    found: list[str] = []
    plain = {rule.prefix: rule for rule in rules.rules if rule.method is None}
    for prefix in dict.fromkeys(rule.prefix for rule in rules.rules):
        guarding = [r for r in rules.rules if r.prefix == prefix and r.method is not None]
        guarding = [rule for rule in guarding if rule.predicate is not anyone]
        others = _nearest(plain, prefix)
        if guarding and others.predicate is anyone:
            said = ", ".join(f"{rule.method}" for rule in guarding)
            found.append(
                f"{prefix or '/'} is guarded for {said} only; all other methods fall to the rule "
                f"{others.text!r}, which is 'anyone'"
            )
    for rule in rules.rules:
        if rule.predicate is anyone and rule.prefix:
            above = _guarded_above(rules.rules, rule)
            if above is not None:
                found.append(
                    f"{rule.text!r} is 'anyone' below {above.text!r}, which is {above.shown}"
                )
    return found


def _nearest(plain: dict[str, Rule], prefix: str) -> Rule:
    while prefix not in plain:
        prefix = prefix.rpartition("/")[0]
    return plain[prefix]


def _guarded_above(rules: list[Rule], rule: Rule) -> Rule | None:
    """Find the guard of a prefix above; that of `/` is the default, and meant to have openings."""
    prefix = rule.prefix.rpartition("/")[0]
    while prefix:
        for other in rules:
            if other.prefix == prefix and other.predicate is not anyone:
                return other
        prefix = prefix.rpartition("/")[0]
    return None
