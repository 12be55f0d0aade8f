"""What broke PEP 3333, told by static rules from what was seen of the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class ProtocolError(TypeError):
    """An app gave what no server takes. Raised with `debug=True` only, before a server would."""


def checked(app: WSGIApplication) -> Callable[[WSGIEnvironment, StartResponse], Any]:
    """Return an app that raises where the body that comes back can be sent by no server.

    The server's own message for it would come too late for a page, and names nothing.
    """

    def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        body: Any = app(environ, start_response)
        if body is None:
            raise ProtocolError("the app returned None; return an iterable of bytes: [b'...']")
        if isinstance(body, (str, bytes)):
            kind = type(body).__name__
            raise ProtocolError(
                f"the app returned a {kind}; return a list with one block: [{_bytes(kind)}]"
            )
        if type(body) is list or type(body) is tuple:
            check_blocks(body)
            flow = getattr(start_response, "__self__", None)
            if not getattr(flow, "heads", True):
                raise ProtocolError(NO_HEAD)
        return body

    return bound


NO_HEAD = "the app gave a body and never called start_response(status, headers)"


def check_blocks(listed: list[Any] | tuple[Any, ...]) -> None:
    """Raise unless all blocks of a list are bytes; to look at a list uses nothing of it up."""
    for block in listed:
        check_block(block)


def _bytes(kind: str) -> str:
    return "text.encode()" if kind == "str" else "data"


def check_block(block: object) -> None:
    """Raise unless a block is exactly bytes (rule 20)."""
    if type(block) is not bytes:
        kind = type(block).__name__
        fix = "; encode it: text.encode()" if kind == "str" else "; write bytes(block)"
        raise ProtocolError(f"a block of the body is a {kind}, and it must be bytes{fix}")


def hints(
    error: BaseException, plain_heads: int, headers: list[tuple[str, str]] | None
) -> list[str]:
    """Return what is wrong by PEP 3333 in what was seen by now."""
    found = []
    if isinstance(error, ProtocolError):
        found.append(f"{error.args[0]} (PEP 3333, 'The Application/Framework Side').")
    if plain_heads > 1:
        found.append(
            f"start_response was called {plain_heads} times without exc_info; a second call needs "
            "sys.exc_info() (PEP 3333, 'Error Handling')."
        )
    lengths = [
        str(value)
        for name, value in _pairs(headers)
        if isinstance(name, str) and name.lower() == "content-length"
    ]
    if len(lengths) > 1:
        found.append(f"The head has {len(lengths)} Content-Length fields; one is the most.")
    for length in lengths[:1]:
        if not (length.isascii() and length.isdigit()):
            found.append(f"Content-Length is {length[:40]!r}; it is a number of bytes.")
    for name, value in _pairs(headers):
        if not isinstance(name, str) or not isinstance(value, str):
            found.append("A header name or value is no str; write ('Content-Length', '5').")
            break
    said = BaseException.args.__get__(error)[:1]  # type: ignore[attr-defined]
    if said and type(said[0]) is str and said[0].startswith("DebugCatching.start() "):
        found.append("start_response takes (status, headers), both by position.")
    return found


def _pairs(headers: Any) -> list[tuple[Any, Any]]:
    if type(headers) is not list:
        return []
    return [item for item in headers[:200] if type(item) is tuple and len(item) == 2]
