"""Media types by file name: an own table, never the machine's, so that all machines send the same.

>>> content_type("js/App.MJS", {}), content_type("app.wasm", {}), content_type("LICENSE", {})
('text/javascript; charset=utf-8', 'application/wasm', 'application/octet-stream')
>>> content_type("a.txt", {".txt": "text/plain; charset=latin-1"})
'text/plain; charset=latin-1'

`text/*` gets `; charset=utf-8`, unless an own type says another; nothing else has a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping

UNKNOWN = "application/octet-stream"

TYPES: Mapping[str, str] = {
    ".7z": "application/x-7z-compressed",
    ".aac": "audio/aac",
    ".apng": "image/apng",
    ".atom": "application/atom+xml",
    ".avif": "image/avif",
    ".bin": UNKNOWN,
    ".bmp": "image/bmp",
    ".br": "application/x-brotli",
    ".bz2": "application/x-bzip2",
    ".cjs": "text/javascript",
    ".css": "text/css",
    ".csv": "text/csv",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".eot": "application/vnd.ms-fontobject",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".geojson": "application/geo+json",
    ".gif": "image/gif",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".ics": "text/calendar",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".jxl": "image/jxl",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mid": "audio/midi",
    ".midi": "audio/midi",
    ".mjs": "text/javascript",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".mpd": "application/dash+xml",
    ".mpeg": "video/mpeg",
    ".mpg": "video/mpeg",
    ".ndjson": "application/x-ndjson",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".rss": "application/rss+xml",
    ".rtf": "application/rtf",
    ".svg": "image/svg+xml",
    ".tar": "application/x-tar",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".toml": "application/toml",
    ".ts": "video/mp2t",
    ".ttc": "font/collection",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".vtt": "text/vtt",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".weba": "audio/webm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".xsl": "application/xslt+xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}

# Beside text/*, +json and +xml. woff and woff2 are compressed by themselves.
_COMPRESSIBLE = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/rtf",
        "application/toml",
        "application/vnd.apple.mpegurl",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/x-ndjson",
        "application/xml",
        "application/yaml",
        "font/collection",
        "font/otf",
        "font/ttf",
    }
)


def extension(name: str) -> str:
    """Return the last extension of a name, in lower case and with its dot, or "".

    >>> extension("css/app.min.CSS"), extension("LICENSE"), extension(".env"), extension("a.d/b")
    ('.css', '', '', '')
    """
    segment = name.rpartition("/")[2]
    dot = segment.rfind(".")
    return segment[dot:].lower() if dot > 0 else ""


def content_type(name: str, own: Mapping[str, str]) -> str:
    """Return the Content-Type of a name; `own` goes before the table."""
    ending = extension(name)
    found = own.get(ending) or TYPES.get(ending, UNKNOWN)
    if found.startswith("text/") and ";" not in found:
        return f"{found}; charset=utf-8"
    return found


def is_compressible(content_type: str) -> bool:
    """Is it worth while to compress a file of this type?

    >>> [is_compressible(t) for t in ("text/css; charset=utf-8", "image/svg+xml", "image/png")]
    [True, True, False]
    """
    essence = content_type.partition(";")[0].rstrip()
    return (
        essence.startswith("text/")
        or essence.endswith(("+json", "+xml"))
        or essence in _COMPRESSIBLE
    )
