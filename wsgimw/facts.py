"""What a layer says of itself, for who looks at a stack: `wsgimw.explain` and the X-ray.

A layer declares what it reads, changes and does in a class attribute or property called `facts`.
The rules of the doctor are data over these words and know no layer by name, so a layer of your own
takes part as ours do. Nothing of this is read when a request is served.

>>> from dataclasses import dataclass
>>> from wsgimw import Hooks
>>> @dataclass(frozen=True, slots=True, kw_only=True)
... class CORS(Hooks):
...     origin: str = "*"
...     facts = Facts(does={"answers CORS"}, headers=["Access-Control-Allow-Origin"])
...     def on_head(self, x):
...         x.headers.append(("Access-Control-Allow-Origin", self.origin))
>>> from wsgimw.devtools.explain import explain
>>> def app(environ, start_response): ...
>>> explain(CORS()(app)).layers[0].cost                   # told by the hooks that it has
'head'

Where facts depend on the options, `facts` is a property. A function or class of anybody's may have
the attribute as well, a `@layer` generator has `@layer(facts=Facts(...))`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

__all__ = ["CHANGES", "COSTS", "DOES", "READS", "Cost", "Facts"]

Cost: TypeAlias = Literal["nothing", "head", "end", "body"]

COSTS: dict[str, str] = {
    "nothing": "a call",
    "head": "work when the response starts",
    "end": "the same, and a look at the end of the body",
    "body": "work round each block of a stream, too",
}

READS: dict[str, str] = {
    "body": "the bytes of the response",
    "client": "the client's address, the scheme or the host, as they are on the way in",
    "identity": "who is asking: `wsgimw.identity`, `REMOTE_USER`",
    "input": "the body of the request: `wsgi.input`",
    "peer": "the address of the socket's peer: it wants that, and not the client behind a proxy",
    "request id": "the id of the request",
}

CHANGES: dict[str, str] = {
    "body": "the bytes of the response",
    "client": "the client's address, the scheme or the host, by what a proxy says",
    "identity": "who is asking: `wsgimw.identity`, `REMOTE_USER`",
    "input": "the body of the request, or how much of it there is",
    "path": "`SCRIPT_NAME` and `PATH_INFO`",
    "request id": "the id of the request: it makes one, or takes the client's",
}

DOES: dict[str, str] = {
    "answers CORS": "gives responses the headers that let pages of other origins read them",
    "answers early": "may answer by itself, and then nothing inside of it is called",
    "authenticates": "finds out who is asking",
    "authorizes": "refuses whom its rules do not let in",
    "catches errors": "makes an answer of an exception, which nothing outside of it sees then",
    "compresses": "compresses response bodies",
    "computes tags": "computes an entity tag from the bytes of the body",
    "decodes input": "takes the coding off a request body",
    "fills errors": "gives a page to 4xx and 5xx answers that are empty",
    "holds the head": "passes the head on only when it knows the body's first block",
    "is for development": "is not made to stand under visitors",
    "keeps tags": "changes the bytes of the body and leaves its entity tag as it was",
    "lets strangers in": "has a rule that lets in whoever comes",
    "limits input": "refuses request bodies that are too large",
    "logs": "writes a line for each request, with the status and the size that it sees",
    "repairs servers": "mends what servers break: it stands for the server to all inside of it",
    "refuses strangers": "answers 401 where no credentials were sent",
    "reports errors": "reports exceptions that pass it, and lets them pass",
    "routes": "sends requests to one of many apps",
    "runs code": "runs in the server what is typed into the browser",
    "serves files": "serves files from a directory",
    "shows internals": "shows source, variables and tracebacks in its answers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a layer reads, changes and does; all of it is optional.

    Raises `TypeError` for an option of the wrong kind and `ValueError` for a word that is not in
    the tables of `wsgimw.facts`, with the nearest one.

    >>> Facts(does=["logs"], reads=["peer"]).words == {"logs", "reads peer"}
    True
    >>> Facts(does=["loggs"])
    Traceback (most recent call last):
        ...
    ValueError: Facts(does=...) holds 'loggs'; did you mean 'logs'?
    """

    reads: Collection[str] = frozenset()
    """Words of `READS`: what decides how it acts."""
    changes: Collection[str] = frozenset()
    """Words of `CHANGES`: what is not the same inside of it, or, of the body, outside."""
    does: Collection[str] = frozenset()
    """Words of `DOES`: its part in a stack."""
    once: Collection[str] = frozenset()
    """Free words for what must be done once for a request: two layers that share one clash."""
    cost: Cost | None = None
    """What it costs; None: told by its hooks, where it has those."""
    headers: Collection[str] = ()
    """Names of response headers that it writes, edits or removes."""
    environ: Collection[str] = ()
    """Environ keys that it writes or removes."""
    own_check: str = ""
    """Name of its method that tells what is wrong with its options: it takes nothing and returns
    texts, or objects with a `message`."""

    def __post_init__(self) -> None:
        for name, words in (("reads", READS), ("changes", CHANGES), ("does", DOES)):
            given = _collection(name, getattr(self, name))
            for word in given:
                if word not in words:
                    _unknown(name, word, words)
            object.__setattr__(self, name, frozenset(given))
        object.__setattr__(self, "once", frozenset(_collection("once", self.once)))
        for name in ("headers", "environ"):
            object.__setattr__(self, name, tuple(_collection(name, getattr(self, name))))
        if self.cost is not None and self.cost not in get_args(Cost):
            raise ValueError(f"Facts(cost={self.cost!r}): write one of {', '.join(COSTS)}")
        if not isinstance(self.own_check, str):
            raise TypeError(f"Facts(own_check=...) is {self.own_check!r}; it names a method")

    @property
    def words(self) -> frozenset[str]:
        """All that rules go by, in one set: `logs`, `reads peer`, `changes body`."""
        reads = (f"reads {word}" for word in self.reads)
        changes = (f"changes {word}" for word in self.changes)
        return frozenset([*reads, *changes, *self.does])


def _collection(name: str, given: Any) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Collection):
        raise TypeError(f"Facts({name}=...) is {given!r}; it takes words: {name}=[...]")
    for word in given:
        if not isinstance(word, str):
            raise TypeError(f"Facts({name}=...) holds {word!r}, which is no str")
    return list(given)


def _unknown(name: str, word: str, words: dict[str, str]) -> None:
    import difflib  # only for this message

    near = difflib.get_close_matches(word, words, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"write some of {', '.join(sorted(words))}"
    raise ValueError(f"Facts({name}=...) holds {word!r}; {hint}")
