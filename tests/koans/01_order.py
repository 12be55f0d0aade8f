"""Koan 1. Reading the order of a stack.

Meant: every answer says `X-Content-Type-Options: nosniff`, also the 401 for a stranger.
"""

from wsgimw import compose


def members_only(app):
    """Answer 401 to everybody whom the server does not know."""

    def bound(environ, start_response):
        if environ.get("REMOTE_USER"):
            return app(environ, start_response)
        start_response("401 Unauthorized", [("Content-Type", "text/plain")])
        return [b"Who are you?"]

    return bound


def nosniff(app):
    """Add the header to whatever passes."""

    def bound(environ, start_response):
        def start(status, headers, *exc_info):
            headers = [*headers, ("X-Content-Type-Options", "nosniff")]
            return start_response(status, headers, *exc_info)

        return app(environ, start)

    return bound


stack = compose(
    nosniff,
    members_only,
)
