"""Koan 6. A generator that never starts never closes.

Meant: `size` writes to wsgi.errors how many bytes went out, as "10 bytes", and closes the app's
body: also when the client is gone before the first block, then with "0 bytes".
"""


def size(app):
    def bound(environ, start_response):
        log = environ["wsgi.errors"]
        return Counted(app(environ, start_response), log)

    return bound


class Counted:
    def __init__(self, body, log):
        self.body = body
        self.log = log
        self.total = 0
        self.closed = False

    def __iter__(self):
        for block in self.body:
            self.total += len(block)
            yield block

    def close(self):
        if not self.closed:
            self.closed = True
            try:
                if hasattr(self.body, "close"):
                    self.body.close()
            finally:
                self.log.write(f"{self.total} bytes\n")
