"""Koan 8. A start_response that takes two arguments.

Meant: `served_by` adds the header `X-Served-By: koans` to every answer, also to the error page of
an app that fails after it has started its response.
"""


def served_by(app):
    def bound(environ, start_response):
        def start(status, headers, *exc_info):
            headers = [*headers, ("X-Served-By", "koans")]
            return start_response(status, headers, *exc_info)

        return app(environ, start)

    return bound
