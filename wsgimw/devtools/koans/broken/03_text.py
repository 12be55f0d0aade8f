"""Koan 3. Text is not bytes.

Meant: `health` answers /health by itself, with the text "well ✓" in UTF-8.
"""


def health(app):
    def bound(environ, start_response):
        if environ["PATH_INFO"] == "/health":
            start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
            return ["well ✓"]
        return app(environ, start_response)

    return bound
