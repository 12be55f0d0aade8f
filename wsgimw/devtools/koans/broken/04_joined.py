"""Koan 4. A body that is joined stands still.

Meant: `size` writes to wsgi.errors how many bytes the body had, as "10 bytes"; the client has each
block as soon as the app has made it.
"""


def size(app):
    def bound(environ, start_response):
        log = environ["wsgi.errors"]
        body = b"".join(app(environ, start_response))
        log.write(f"{len(body)} bytes\n")
        return [body]

    return bound
