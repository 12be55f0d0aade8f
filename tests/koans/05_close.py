"""Koan 5. A close() that is lost.

Meant: `size` writes to wsgi.errors how many bytes went out, as "10 bytes", and the app may close
what it holds (a file, a connection) when the response is over, however it ends.
"""


def size(app):
    def bound(environ, start_response):
        log = environ["wsgi.errors"]
        total = 0
        body = app(environ, start_response)
        try:
            for block in body:
                total += len(block)
                yield block
        finally:
            try:
                if hasattr(body, "close"):
                    body.close()
            finally:
                log.write(f"{total} bytes\n")

    return bound
