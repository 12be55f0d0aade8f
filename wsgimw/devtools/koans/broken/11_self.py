"""Koan 11. What belongs to a request stands on self.

Meant: `AskedBy` tells each client who it is, in the header X-Asked-By: the REMOTE_USER of its own
request, or "nobody".
"""


class AskedBy:
    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        self.user = environ.get("REMOTE_USER", "nobody")
        self.start_response = start_response
        return self.app(environ, self.start)

    def start(self, status, headers, *exc_info):
        headers = [*headers, ("X-Asked-By", self.user)]
        return self.start_response(status, headers, *exc_info)
