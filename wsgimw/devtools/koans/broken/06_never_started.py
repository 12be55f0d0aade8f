"""Koan 6. A generator that never starts never closes.

Meant: `size` writes to wsgi.errors how many bytes went out, as "10 bytes", and closes the app's
body: also when the client is gone before the first block, then with "0 bytes".
"""


def size(app):
    def bound(environ, start_response):
        log = environ["wsgi.errors"]
        return counted(app(environ, start_response), log)

    return bound


def counted(body, log):
    total = 0
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
