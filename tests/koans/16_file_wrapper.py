"""Koan 16. A file that is not sent as a file.

Meant: `traffic` writes to wsgi.errors how many bytes went out, as "10 bytes"; or "a file", when
the app returned what wsgi.file_wrapper made and the server sends that by itself.
"""


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


def traffic(app):
    def bound(environ, start_response):
        log = environ["wsgi.errors"]
        wrapper = environ.get("wsgi.file_wrapper")
        body = app(environ, start_response)
        if isinstance(body, (list, tuple)):  # all there: the server may ask for its len()
            log.write(f"{sum(map(len, body))} bytes\n")
            return body
        made = isinstance(wrapper, type) and isinstance(body, wrapper)
        if made or hasattr(body, "read"):  # where the wrapper is a function: the file itself
            log.write("a file\n")
            return body
        return Counted(body, log)

    return bound
