"""Koan 5. A close() that is lost.

Meant: `size` writes to wsgi.errors how many bytes went out, as "10 bytes", and the app may close
what it holds (a file, a connection) when the response is over, however it ends.
"""


def size(app):
    def bound(environ, start_response):
        log = environ["wsgi.errors"]
        total = 0
        for block in app(environ, start_response):
            total += len(block)
            yield block
        log.write(f"{total} bytes\n")

    return bound
