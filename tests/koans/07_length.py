"""Koan 7. A Content-Length of yesterday.

Meant: `crlf` sends CSV with the line ends that RFC 4180 wants, \\r\\n for \\n, block by block, and
leaves everything else as it is.
"""


class Lines:
    def __init__(self, body, csv):
        self.body = body
        self.csv = csv
        self.closed = False

    def __iter__(self):
        for block in self.body:
            yield block.replace(b"\n", b"\r\n") if self.csv else block

    def close(self):
        if not self.closed and hasattr(self.body, "close"):
            self.closed = True
            self.body.close()


def crlf(app):
    def bound(environ, start_response):
        csv = []  # true when the head said that CSV comes

        def start(status, headers, *exc_info):
            csv[:] = [item for item in headers if item[1].startswith("text/csv")]
            if csv:
                headers = [item for item in headers if item[0].lower() != "content-length"]
            return start_response(status, headers, *exc_info)

        return Lines(app(environ, start), csv)

    return bound
