"""Content codings: encode whole bodies and streams in gzip, br and zstd, decode. RFC 9110, 8.4.1.

One table of what can be done here, used by every layer that codes: `Compress`, `Decompress`,
`StaticFiles`, `wsgimw static build`. Nothing in here knows WSGI.

>>> "gzip" in CODINGS
True
>>> compress = compressor("gzip", 6)
>>> len(compress(b"a" * 1000)) < 50
True
>>> stream = encoder("gzip", 6)
>>> blocks = [stream.flushed(b"first"), stream.encode(b"second"), stream.end()]

`CODINGS` are those that this interpreter can import, in order of preference. gzip is always there;
br needs `brotli`, zstd needs `compression.zstd` or `backports.zstd`: `pip install
"wsgimw[compress]"`. With `pip install "wsgimw[compress-fast]"` gzip is coded by libdeflate (whole
bodies, twice as fast) and zlib-ng (streams). So levels and versions may give other bytes on another
machine, never between two requests on one.

What an open stream holds, after some events of 172 bytes: gzip 37 KB live and 120 to 230 KB else,
zstd 120 KB live (level 1) and 820 KB at level 3, br 340 KB live and 1.3 MB at level 5.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from importlib import import_module
from typing import Any, NamedTuple

__all__ = [
    "CODINGS",
    "LEVELS",
    "CodingError",
    "Encoder",
    "Levels",
    "compressor",
    "decoded",
    "encoder",
    "require",
]


def _module(*names: str) -> Any:
    """Return the first of these modules that is installed, or None."""
    for name in names:
        with suppress(ImportError):
            return import_module(name)
    return None


_zstd = _module("compression.zstd", "backports.zstd")
_brotli = _module("brotli")
_deflate = _module("deflate")
_zlib_stream = _module("zlib_ng.zlib_ng") or zlib


class Levels(NamedTuple):
    """The levels of a coding: what is taken when none is given, the lowest, the highest."""

    default: int
    lowest: int
    highest: int


LEVELS: Mapping[str, Levels] = {
    # RFC 9659: a decoder need not take a window above 8 MiB, which is what level 19 has.
    "zstd": Levels(3, 1, 19),
    "br": Levels(5, 1, 11),
    "gzip": Levels(6, 1, 9),
}
"""Every coding that is known here, in order of preference."""

_MODULES: Mapping[str, Any] = {"zstd": _zstd, "br": _brotli, "gzip": zlib}

CODINGS: tuple[str, ...] = tuple(coding for coding in LEVELS if _MODULES[coding] is not None)
"""Those that this interpreter can import, in order of preference."""

_GZIP_WINDOW = 31  # 15 bits, and 16 for the gzip frame
_LIVE_GZIP_WINDOW, _LIVE_GZIP_MEMORY = 28, 5
_LIVE_BROTLI = {"lgwin": 14}
_POOLED = 4
_PIECE = 65536
_BROTLI_PIECE = 32_000  # it goes beyond, up to the end of a buffer that doubles
_ZSTD_WINDOW = 23


def require(coding: str) -> None:
    """Raise ImportError, with the line to type, unless `coding` can be done here."""
    if coding not in CODINGS:
        raise ImportError(
            f"the coding {coding!r} needs a package that is not installed; "
            'pip install "wsgimw[compress]"'
        )


class Encoder:
    """One stream on its way out. What is not ended was never complete.

    `encode(data)` takes data in and returns what is ready, perhaps nothing. `flushed(data)` takes
    data in and returns all that a decoder needs to give back everything so far. `end()` returns
    what is left, and the mark that the stream is complete.
    """

    __slots__ = ("encode", "end", "flushed")

    def __init__(
        self,
        encode: Callable[[bytes], bytes],
        flushed: Callable[[bytes], bytes],
        end: Callable[[], bytes],
    ) -> None:
        self.encode = encode
        self.flushed = flushed
        self.end = end


def encoder(coding: str, level: int, *, live: bool = False) -> Encoder:
    """Begin a stream. `live`: of small flushed events; it is held small, at some of the ratio."""
    return _ENCODERS[coding](level, live)


def _gzip_encoder(level: int, live: bool) -> Encoder:
    # zlib-ng allocates 165 KB for the small window that costs zlib 37 KB.
    if live:
        stream = zlib.compressobj(level, wbits=_LIVE_GZIP_WINDOW, memLevel=_LIVE_GZIP_MEMORY)
    else:
        stream = _zlib_stream.compressobj(level, wbits=_GZIP_WINDOW)
    encode, flush = stream.compress, stream.flush
    return Encoder(encode, lambda data: encode(data) + flush(zlib.Z_SYNC_FLUSH), flush)


def _brotli_encoder(level: int, live: bool) -> Encoder:
    stream = _brotli.Compressor(quality=level, **(_LIVE_BROTLI if live else {}))
    encode, flush = stream.process, stream.flush
    return Encoder(encode, lambda data: encode(data) + flush(), stream.finish)


def _zstd_encoder(level: int, live: bool) -> Encoder:
    stream = _zstd.ZstdCompressor(level=1 if live else level)
    encode = stream.compress
    return Encoder(encode, partial(encode, mode=stream.FLUSH_BLOCK), stream.flush)


_ENCODERS: Mapping[str, Callable[[int, bool], Encoder]] = {
    "zstd": _zstd_encoder,
    "br": _brotli_encoder,
    "gzip": _gzip_encoder,
}


@lru_cache
def compressor(coding: str, level: int) -> Callable[[bytes], bytes]:
    """Return the function that codes a whole body. It may be called from many threads at once.

    Made once for each coding and level, so that all who ask share one pool.
    """
    if coding == "br":
        return partial(_brotli.compress, quality=level)
    if coding == "zstd":
        return _zstd_compressor(level)
    if _deflate is None:
        # Never GzipFile: it takes 1.4 times as long at 1.3 KB, and a clock reading as mtime.
        return partial(zlib.compress, level=level, wbits=_GZIP_WINDOW)
    return _libdeflate_compressor(level)


def _libdeflate_compressor(level: int) -> Callable[[bytes], bytes]:
    compress = _deflate.gzip_compress

    def gzip(data: bytes) -> bytes:
        return bytes(compress(data, level))  # rule 20: it is a bytearray

    return gzip


def _zstd_compressor(level: int) -> Callable[[bytes], bytes]:
    """Keep a few compressors: to make one takes longer than to code a small body with it."""
    make = _zstd.ZstdCompressor
    whole_frame = make.FLUSH_FRAME
    pool: list[Any] = []

    def zstd(data: bytes) -> bytes:
        try:
            # The last one in: its memory is the warmest. No lock, each of the two is one step.
            stream = pool.pop()
        except IndexError:
            stream = make(level=level)
        coded: bytes = stream.compress(data, whole_frame)
        if len(pool) < _POOLED:  # one that raised is not kept: it may be in mid-frame
            pool.append(stream)
        return coded

    return zstd


class CodingError(ValueError):
    """What came is not in the coding that it is said to be in, or not all of it."""


def decoded(coding: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Undo a coding, piece by piece: none is longer than 64 KiB, whatever went in.

    All members of a gzip file and all frames of zstd are decoded, skippable ones too. Raises
    `CodingError` for what is corrupt, cut off, or followed by something else. No bytes at all are
    no error. A zstd window above 8 MiB is refused (RFC 9659).

    >>> b"".join(decoded("gzip", [compressor("gzip", 6)(b"a" * 100_000)])) == b"a" * 100_000
    True
    """
    try:
        yield from _DECODERS[coding](blocks)
    except (zlib.error, *_ERRORS) as error:
        raise CodingError(f"the bytes are no {coding}: {error}") from None


def _gunzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    stream = None
    for data in blocks:
        while data:
            stream = stream or zlib.decompressobj(_GZIP_WINDOW)
            piece = stream.decompress(data, _PIECE)
            yield piece
            while len(piece) == _PIECE and not stream.unconsumed_tail and not stream.eof:
                piece = stream.decompress(b"", _PIECE)  # it may have more than it had room for
                yield piece
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
            if stream.eof:
                stream = None
    if stream is not None:
        raise CodingError("the gzip stream is cut off")


def _unbrotlied(blocks: Iterable[bytes]) -> Iterator[bytes]:
    stream = None
    for data in filter(None, blocks):
        stream = stream or _brotli.Decompressor()
        if stream.is_finished():
            raise CodingError("something follows the brotli stream")
        piece = stream.process(data, output_buffer_limit=_BROTLI_PIECE)
        # It holds output back even when it says that it can take more: ask until nothing comes.
        while piece:
            yield piece
            piece = stream.process(b"", output_buffer_limit=_BROTLI_PIECE)
    if stream is not None and not stream.is_finished():
        raise CodingError("the brotli stream is cut off")


def _unzstded(blocks: Iterable[bytes]) -> Iterator[bytes]:
    stream = None
    options = {_zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
    for data in blocks:
        while data:
            stream = stream or _zstd.ZstdDecompressor(options=options)
            yield stream.decompress(data, max_length=_PIECE)
            while not (stream.eof or stream.needs_input):
                yield stream.decompress(b"", max_length=_PIECE)
            data = stream.unused_data if stream.eof else b""
            if stream.eof:
                stream = None
    if stream is not None:
        raise CodingError("the zstd frame is cut off")


_ERRORS = tuple(
    error
    for error in (getattr(_brotli, "error", None), getattr(_zstd, "ZstdError", None))
    if error is not None
)
_DECODERS: Mapping[str, Callable[[Iterable[bytes]], Iterator[bytes]]] = {
    "zstd": _unzstded,
    "br": _unbrotlied,
    "gzip": _gunzipped,
}
