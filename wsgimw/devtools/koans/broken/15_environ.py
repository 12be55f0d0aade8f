"""Koan 15. An environ that outer layers share.

Meant: `shop` mounts an app below /shop: the app sees SCRIPT_NAME "/shop" and the rest of the path
in PATH_INFO, for as long as it runs; layers outside go on seeing what the client asked for.
"""


def shop(app):
    def bound(environ, start_response):
        path = environ["PATH_INFO"]
        if path != "/shop" and not path.startswith("/shop/"):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found"]
        environ["SCRIPT_NAME"] += "/shop"
        environ["PATH_INFO"] = path.removeprefix("/shop")
        return app(environ, start_response)

    return bound
