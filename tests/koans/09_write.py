"""Koan 9. A start_response that returns nothing.

Meant: `visited` sets the cookie `visited=yes` on every answer.
"""


def visited(app):
    def bound(environ, start_response):
        def start(status, headers, *exc_info):
            headers = [*headers, ("Set-Cookie", "visited=yes")]
            return start_response(status, headers, *exc_info)

        return app(environ, start)

    return bound
