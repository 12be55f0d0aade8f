"""Serve static files: `StaticFiles`.

Use it where the app's own process sends the files of a site: behind a CDN or alone. Leave it out
where the web server in front sends them, and for uploads and private files: whoever knows a URL
gets the file.

>>> import tempfile
>>> from pathlib import Path
>>> from wsgimw import StaticFiles, compose
>>> public = tempfile.TemporaryDirectory()
>>> _ = Path(public.name, "app.css").write_text("body { margin: 0 }")
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
...     return [environ["wsgimw.static"].url("app.css").encode()]
>>> application = compose(StaticFiles(public.name, prefix="/static"))(app)
>>> def get(path, **fields):
...     heads = []
...     environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, **fields}
...     body = application(environ, lambda status, headers: heads.append((status, dict(headers))))
...     return *heads[0], b"".join(body)
>>> status, headers, body = get("/static/app.css")
>>> status, headers["Content-Type"], headers["Cache-Control"], body
('200 OK', 'text/css; charset=utf-8', 'public, max-age=60', b'body { margin: 0 }')
>>> get("/static/app.css", HTTP_IF_NONE_MATCH=headers["ETag"])[0]
'304 Not Modified'
>>> get("/")[2]
b'/static/app.~mX-s7KJgWpgxJola.css'
>>> get("/static/app.~mX-s7KJgWpgxJola.css")[1]["Cache-Control"]
'public, max-age=31536000, immutable'
>>> get("/static/../secret")[2] == get("/")[2]  # not in the index: a plain miss
True
>>> public.cleanup()

**What is there** is known from the directories: names are read once, and a request is looked up in
that index. Its text never becomes a path, so there is nothing to traverse. Dotfiles, what `hide`
names, and links that lead out of the root do not exist. `mode="check"` asks the disk at each hit
and finds what is new; `mode="frozen"` reads the index once, and is the fastest. In both modes what
is opened must be what the head speaks of: a file that was deleted is a miss, a replaced one is
sent under its own length and tag.

**What is sent** follows RFC 9110: preconditions, ranges (several, too), a strong tag for each
coding. Siblings `.br`, `.zst` and `.gz` are sent while they are not older than their source
(`wsgimw static build` makes them); without one, text is compressed once, in memory.

**For ever, without a build step.** `environ["wsgimw.static"].url("app.css")` has the content in the
URL; `integrity(name)` is the value of an `integrity` attribute. With the previous build as a second
root (`StaticFiles(["dist", "dist-previous"])`) its URLs go on working.

**Single-page applications**: `spa="index.html"` answers navigations that miss, and nothing else; a
missing script is a 404, never a page.

Headers read: Accept-Encoding, Range, If-Range, If-Match, If-None-Match, If-Modified-Since, If-
Unmodified-Since; on a miss with `spa` Accept and Sec-Fetch-Dest. Environ: sets `wsgimw.static` on
every request that it passes on, and changes nothing else; reads `wsgi.file_wrapper`.

In the order it stands inside Compress and outside Authenticate: its files are public. It costs one
look-up per request, and a microsecond or some for a small file. Warnings about what is skipped go
to the logger `wsgimw.static`.
"""

from wsgimw.static.assets import Assets
from wsgimw.static.static_files import StaticFiles

__all__ = ["Assets", "StaticFiles"]
