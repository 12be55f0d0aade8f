"""Koan 12. HEAD.

Meant: `robots` answers /robots.txt by itself, to GET and to HEAD.
"""

TEXT = b"User-agent: *\nDisallow: /private/\n"


def robots(app):
    def bound(environ, start_response):
        if environ["PATH_INFO"] != "/robots.txt":
            return app(environ, start_response)
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(TEXT)))]
        start_response("200 OK", headers)
        return [TEXT]

    return bound
