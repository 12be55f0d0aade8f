"""A Flask app with a private area for the users of an htpasswd file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from flask import Flask, request

from wsgimw import Authenticate, CatchErrors, Require, compose, when
from wsgimw.auth import Basic, HtpasswdFile, Throttle, hash_password, identity, role

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return '<h1>Everybody may read this</h1><p><a href="/private/">The private area</a></p>'


@app.get("/private/")
def private() -> str:
    known = identity(request.environ)
    assert known is not None
    return f"<h1>Hello, {known.subject}</h1><p><a href='/private/admin'>For admins</a></p>"


@app.get("/private/admin")
def admin() -> str:
    return "<h1>Hello, admin</h1>"


def users_file() -> Path:
    """Give the file to use; one with ada and bob where none is named. `htpasswd -B` edits it."""
    if "USERS" in os.environ:
        return Path(os.environ["USERS"])
    path = Path(tempfile.mkdtemp(prefix="private_area-")) / "users.htpasswd"
    path.write_text("".join(f"{name}:{hash_password(name * 3)}\n" for name in ("ada", "bob")))
    return path


users = HtpasswdFile(users_file(), roles={"ada": ["admin"]})
stack = compose(
    CatchErrors(),
    when(
        "/private",
        Authenticate(Basic(users, throttle=Throttle()), realm="Private area"),
        Require({"/": "authenticated", "/private/admin": role("admin")}),
    ),
)
# Type checkers take `wsgi_app` for the method that it is at first.
app.wsgi_app = stack(app.wsgi_app)  # type: ignore[method-assign, assignment]

# wsgimw run examples.private_area:app
