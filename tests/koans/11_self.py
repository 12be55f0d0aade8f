"""Koan 11. What belongs to a request stands on self.

Meant: `AskedBy` tells each client who it is, in the header X-Asked-By: the REMOTE_USER of its own
request, or "nobody".
"""


class AskedBy:
    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        user = environ.get("REMOTE_USER", "nobody")

        def start(status, headers, *exc_info):
            return start_response(status, [*headers, ("X-Asked-By", user)], *exc_info)

        return self.app(environ, start)
