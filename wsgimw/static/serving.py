"""From PATH_INFO to an answer: what stands there, and what a miss gets.

Each function here returns a body, or None for "not ours": then the inner app is asked.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from wsgimw.http.negotiation import names
from wsgimw.static.answers import (
    Decision,
    decide,
    deliver,
    exhausted,
    not_found,
    redirect,
    wrong_method,
)
from wsgimw.static.hashes import hash_file
from wsgimw.static.media_types import TYPES, extension
from wsgimw.static.names import untagged
from wsgimw.static.opening import Exhausted, Gone, Root, Stale
from wsgimw.static.resources import Resource
from wsgimw.static.site import NO_CACHE, Found, Site
from wsgimw.static.tree import Redirect
from wsgimw.static.versions import SMALL, Lease, Version

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PAGES = frozenset({"document", "iframe", "frame", "embed", "object"})
_PAGE_ENDINGS = frozenset({"", ".html", ".htm"})


def serve(
    site: Site,
    path: str,
    found: Found | None,
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes] | None:
    """Answer a request below the prefix, at which the index has `found`; None: the app does."""
    try:
        if isinstance(found, Resource) and not found.version.root.order:
            try:
                return _respond(site, found, environ, start_response, proved=not site.check)
            except Gone:  # on the way below it is taken out of the index
                pass
        if found is not None:
            body = _at(site, path, found, environ, start_response)
            if body is not None:
                return body
        if site.check and (site.refresh(path) or found is not None):
            found = site.places.get(path)
            if found is not None:
                body = _at(site, path, found, environ, start_response)
                if body is not None:
                    return body
        return _missed(site, path, environ, start_response)
    except Exhausted:
        return exhausted(start_response)


def _at(
    site: Site, path: str, found: Found, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes] | None:
    """Answer with what stands at a path; None if it is gone."""
    if isinstance(found, Redirect):
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return wrong_method(environ, start_response)
        body = redirect(environ, start_response, found.to_directory)
        if body is not None:
            return body
        path += "/"
        page = site.places.get(path)
        if page is None or isinstance(page, Redirect):
            return None
        found = page
    root, name = _file(site, path, found)
    if root.order and site.check:
        site.refresh(path, before=root.order)  # a root before it may have that name by now
        now = site.places.get(path, found)
        if not isinstance(now, Redirect):
            root, name = _file(site, path, now)
    try:
        resource = site.view(site.current(root, name))
        if found is not resource:
            site.install(path, resource)
        return _respond(site, resource, environ, start_response)
    except Gone as gone:
        site.drop(root, name, path, kept=gone.kept)
        return None


def _file(site: Site, path: str, found: Found) -> tuple[Root, str]:
    if isinstance(found, Resource):
        return found.version.root, found.version.name
    if isinstance(found, Root):
        return found, path[len(site.inside) :]
    assert not isinstance(found, Redirect)
    return found.root, found.name


def _respond(
    site: Site,
    resource: Resource,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    tag: str | None = None,
    *,
    proved: bool = True,
) -> Iterable[bytes]:
    """Answer with a resource, decided anew as long as what is opened is another version.

    The second time the file itself is kept open, the third time siblings do not count: then head
    and body come from one descriptor. `tag`: the content must be this, or it is a 404. `proved`:
    the resource is known to be current.
    """
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return wrong_method(environ, start_response)
    lease: Lease | None = None
    siblings = True
    try:
        while True:
            decision = decide(resource, environ)
            if not proved and not _proves_itself(decision, resource.version, environ):
                version = resource.version
                if not site.is_current(version):
                    version = site.current(version.root, version.name)
                    resource = site.view(version, resource.cache_control)
                    decision = decide(resource, environ)
            try:
                return deliver(decision, lease, environ, start_response)
            except Stale:
                if lease is not None:
                    lease.close()
            old = resource.version
            version, lease = site.renew(old.root, old.name, siblings=siblings)
            if tag is not None and _tag(version, lease) != tag:
                return not_found(start_response)
            siblings = False
            resource = site.view(version, resource.cache_control)
    finally:
        if lease is not None:
            lease.close()


def _proves_itself(decision: Decision, version: Version, environ: WSGIEnvironment) -> bool:
    """Will the file be opened for this answer, and so be seen to be this version, or not?"""
    content = decision.representation.content
    return (
        content is version.identity
        and content.data is None
        and (version.settled or content.size > SMALL)
        and decision.status in (200, 206)
        and environ["REQUEST_METHOD"] == "GET"
    )


def _tag(version: Version, lease: Lease) -> str:
    return version.identity.tag if version.identity.size <= SMALL else hash_file(lease.fd)


def _missed(
    site: Site, path: str, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes] | None:
    """Answer what no name in the index fits; None: the inner app does."""
    reads = environ["REQUEST_METHOD"] in ("GET", "HEAD")
    form = untagged(path) if "~" in path else None
    if form is not None:
        body = _fingerprinted(site, path, form[1], environ, start_response)
        if body is not None or not reads:
            return body
        return not_found(start_response)
    if not reads:
        return None
    spa = site.layer.spa
    if spa is not None:
        wanted = asked_for(path, environ, site.types)
        if wanted == "asset":
            return not_found(start_response)
        if wanted == "page":
            body = _page(site, spa, environ, start_response)
            if body is not None:
                return body
    return not_found(start_response) if site.layer.miss == "404" else None


def _fingerprinted(
    site: Site, path: str, tag: str, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes] | None:
    try:
        resource = site.tagged.get(path)
        if resource is None or not site.is_current(resource.version):
            raise Gone("not looked up yet, or changed")
    except Gone:
        site.tagged.pop(path, None)
        resource = site.fingerprinted(path)
    if resource is None:
        return None
    try:
        return _respond(site, resource, environ, start_response, tag)
    except Gone:
        site.tagged.pop(path, None)
        return None


def _page(
    site: Site, name: str, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes] | None:
    """Answer a navigation with the page of the application."""
    if site.check:
        site.refresh(site.inside + name)
    for tree in site.trees:
        found = site.file(tree.root, name)
        if found is None:
            continue
        try:
            resource = site.view(site.current(tree.root, found), NO_CACHE)
            return _respond(site, resource, environ, start_response)
        except Gone as gone:
            site.drop(tree.root, found, site.inside + name, kept=gone.kept)
    return None


def asked_for(path: str, environ: WSGIEnvironment, own: Container[str] = ()) -> str:
    """Tell what a missed request is for: a "page", an "asset", or "other".

    By Sec-Fetch-Dest, which browsers set and pages cannot forge; without it by Accept and the
    extension. `fetch()` calls and clients that do not ask for HTML are neither.

    >>> asked_for("/users/7", {"HTTP_SEC_FETCH_DEST": "document"})
    'page'
    >>> asked_for("/app.js", {"HTTP_ACCEPT": "*/*"}), asked_for("/api", {"HTTP_ACCEPT": "*/*"})
    ('asset', 'other')
    """
    destination = (environ.get("HTTP_SEC_FETCH_DEST") or "").strip(" \t").lower()
    if destination:
        if destination in _PAGES:
            return "page"
        return "other" if destination == "empty" else "asset"
    ending = extension(path)
    if (ending in TYPES or ending in own) and ending not in _PAGE_ENDINGS:
        return "asset"
    return "page" if names(environ.get("HTTP_ACCEPT"), "text/html") else "other"
