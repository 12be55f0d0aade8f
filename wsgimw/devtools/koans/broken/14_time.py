"""Koan 14. Time that is taken round the call.

Meant: `timing` writes to wsgi.errors how long each response took, from the call to the end of the
body, as "took 0.250 s".
"""

from contextlib import contextmanager
from time import perf_counter


@contextmanager
def stopwatch(log):
    started = perf_counter()
    try:
        yield
    finally:
        log.write(f"took {perf_counter() - started:.3f} s\n")


def timing(app):
    def bound(environ, start_response):
        with stopwatch(environ["wsgi.errors"]):
            return app(environ, start_response)

    return bound
