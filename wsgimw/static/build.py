"""`wsgimw static build ROOT [--snapshot FILE]`: precompress a directory, and note its index.

For each compressible file of 512 bytes and more a `.gz`, and a `.br` and `.zst` where those codings
are installed, at their best levels, if it is smaller. A sibling gets the mtime of its source, and
appears whole or not at all. One that is fresh is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from wsgimw.codings import CODINGS, compressor
from wsgimw.static import snapshot as snapshots
from wsgimw.static.hashes import hash_file
from wsgimw.static.loading import SUFFIXES, Loader
from wsgimw.static.media_types import content_type, is_compressible
from wsgimw.static.names import readable, visibility
from wsgimw.static.opening import Exhausted, Gone, Root, failure, stat_key
from wsgimw.static.tree import Tree
from wsgimw.static.versions import LEAST

BEST_LEVELS: Mapping[str, int] = {"br": 11, "zstd": 19, "gzip": 9}


def build(root: str, *, snapshot: str | None = None, say: Callable[[str], object] = print) -> int:
    """Write what is missing, say each file that was written, and return how many there were."""
    tree = index_of(root)
    names = sorted(path[1:] for path, place in tree.names.items() if isinstance(place, Root))
    written = 0
    for name in names:
        for line in _compress(tree.root, name):
            say(line)
            written += 1
    if snapshot is not None:
        noted = _note(index_of(root), os.path.abspath(snapshot))
        snapshots.write(snapshot, noted)
        say(f"{snapshot}: {len(noted)} files")
    return written


def index_of(root: str) -> Tree:
    """Return the index of a root as the layer makes it, without a prefix."""
    tree = Tree(Root(root, 0, False), "", None, visibility(False, ()))
    tree.scan()
    return tree


def sibling_names(name: str) -> dict[str, str]:
    """Return the names of the siblings that a file may have, by coding."""
    return {coding: name + suffix for coding, suffix in SUFFIXES.items()}


def loader() -> Loader:
    """Return what makes versions as the layer does, without a snapshot."""
    return Loader(
        media_type=lambda name: content_type(name, {}),
        sibling_names=lambda root, name: sibling_names(name),
        known_tag=lambda root, name, key: None,
    )


def _compress(root: Root, name: str) -> list[str]:
    """Write the siblings of one file that are not fresh; return what there is to say."""
    if not is_compressible(content_type(name, {})):
        return []
    said: list[str] = []
    try:
        version, lease = loader().load(root, name)
        try:
            if version.identity.size < LEAST:
                return []
            fresh = {content.coding for content in version.siblings}
            missing = [
                coding for coding in BEST_LEVELS if coding in CODINGS and coding not in fresh
            ]
            if not missing:
                return []
            data = lease.data if lease.data is not None else _read(lease.fd)
        finally:
            lease.close()
    except (Gone, Exhausted) as problem:
        return [f"{readable(name)}: left out, {problem}"]
    for coding in missing:
        coded = compressor(coding, BEST_LEVELS[coding])(data)
        sibling = name + SUFFIXES[coding]
        if len(coded) < len(data):
            _replace(root.join(sibling), coded, version.key[3])
            said.append(f"{readable(sibling)}: {len(data):,} -> {len(coded):,} bytes")
    return said


def _read(fd: int) -> bytes:
    pieces = []
    place = 0
    while piece := os.pread(fd, 2**20, place):
        pieces.append(piece)
        place += len(piece)
    return b"".join(pieces)


def _replace(path: bytes, data: bytes, mtime_ns: int) -> None:
    """Write a file under a temporary name that no index takes up, then rename it."""
    folder, _, name = path.rpartition(b"/")
    temporary = b"%s/.%s.%d.tmp" % (folder, name, os.getpid())
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        os.utime(temporary, ns=(mtime_ns, mtime_ns))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _note(tree: Tree, itself: str) -> dict[str, list[object]]:
    """Return size, mtime and tag of every file, but of the snapshot itself."""
    noted: dict[str, list[object]] = {}
    for path, place in tree.names.items():
        if not isinstance(place, Root) or os.fsencode(itself) == tree.root.join(path[1:]):
            continue
        try:
            fd, st = place.open(tree.root.join(path[1:]))
        except (Gone, Exhausted):
            continue
        try:
            tag = hash_file(fd)
            settled = stat_key(os.fstat(fd)) == stat_key(st)
        except OSError as error:
            raise failure(error) from None
        finally:
            os.close(fd)
        if settled:  # else somebody is writing: it is found on the disk
            noted[path[1:]] = [st.st_size, st.st_mtime_ns, tag]
    return noted
