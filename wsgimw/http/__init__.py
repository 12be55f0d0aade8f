"""RFC 9110 semantics shared by the layers; no WSGI flow in here."""
