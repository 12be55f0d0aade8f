"""Koan 14. Time that is taken round the call.

Meant: `timing` writes to wsgi.errors how long each response took, from the call to the end of the
body, as "took 0.250 s".
"""

from time import perf_counter


class Timed:
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


def timing(app):
    def bound(environ, start_response):
        log = environ["wsgi.errors"]
        started = perf_counter()

        def done():
            log.write(f"took {perf_counter() - started:.3f} s\n")

        return Timed(app(environ, start_response), done)

    return bound
