"""Koan 13. 304 Not Modified.

Meant: `default_type` says `Content-Type: text/html; charset=utf-8` where the app sends a body and
has not said what it is.
"""


def default_type(app):
    def bound(environ, start_response):
        def start(status, headers, *exc_info):
            has_body = not status.startswith(("1", "204", "304"))
            if has_body and not any(name.lower() == "content-type" for name, _ in headers):
                headers = [*headers, ("Content-Type", "text/html; charset=utf-8")]
            return start_response(status, headers, *exc_info)

        return app(environ, start)

    return bound
