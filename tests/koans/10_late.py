"""Koan 10. A head that comes late.

Meant: `status_log` writes one line to wsgi.errors for each response, with the path and the status
that the client saw, as "/news 200 OK".
"""


class Ending:  # the same body, and `done` is called when the server closes it
    def __init__(self, body, done):
        self.body = body
        self.done = done

    def __iter__(self):
        yield from self.body

    def close(self):
        if self.done:
            done, self.done = self.done, None
            try:
                if hasattr(self.body, "close"):
                    self.body.close()
            finally:
                done()


def status_log(app):
    def bound(environ, start_response):
        log, path = environ["wsgi.errors"], environ["PATH_INFO"]
        seen = []

        def start(status, headers, *exc_info):
            seen.append(status)
            return start_response(status, headers, *exc_info)

        def done():
            log.write(f"{path} {seen[-1] if seen else 'no head'}\n")

        return Ending(app(environ, start), done)

    return bound
