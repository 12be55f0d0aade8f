"""Koan 2. After the call is not after the response.

Meant: `diary` writes "begin" to wsgi.errors before the response, and "end" when all of it is over.
"""


class Ending:
    """The same body, and `done` is called when the server closes it."""

    def __init__(self, body, done):
        self.body = body
        self.done = done
        self.closed = False

    def __iter__(self):
        yield from self.body

    def close(self):
        if not self.closed:
            self.closed = True
            try:
                if hasattr(self.body, "close"):
                    self.body.close()
            finally:
                self.done()


def diary(app):
    def bound(environ, start_response):
        log = environ["wsgi.errors"]
        log.write("begin\n")
        body = app(environ, start_response)
        return Ending(body, lambda: log.write("end\n"))

    return bound
