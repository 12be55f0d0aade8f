"""`wsgimw demo`: a small site behind a stack, served on this machine, to see what layers do.

It prints the stack, the addresses to try, and a line for each request as it ends. The X-ray is open
at `/_xray/`. `wsgimw demo
--check` (`wsgimw.devtools.demo_check`) requests every address and judges the answers.

>>> print(stack()[0])
RequestId()
"""

from __future__ import annotations

from wsgimw import AccessLog, CatchErrors, Compress, RequestId, Stack, compose, xray
from wsgimw.compose import Layer
from wsgimw.devtools.serve import address, listen, silent
from wsgimw.devtools.site import ADDRESSES, site

__all__ = ["run", "stack"]

HOST = "127.0.0.1"


def stack(log: Layer | None = None) -> Stack:
    """Return the stack of the demo; `log` stands in for its access log."""
    return compose(
        RequestId(),
        log or AccessLog(format="dev"),
        CatchErrors(),
        Compress(),
    )


def run(port: int) -> None:
    """Serve the demo until Ctrl-C. Raises `CannotListen`."""
    layers = stack()
    server = listen(xray(layers(site(layers))), HOST, port)
    print(_greeting(repr(layers), address(HOST, server.port)), flush=True)
    with silent():
        server.serve_forever()  # ends at Ctrl-C, and closes what it listened on


def _greeting(layers: str, base: str) -> str:
    width = max(len(a.path) for a in ADDRESSES)
    lines = [f"  {base}{a.path:<{width}}  {a.shows}" for a in ADDRESSES]
    lines.append(f"  {base}/_xray/  every request, layer by layer: the X-ray")
    parts = ("A small site behind this stack:", layers, "\n".join(lines), "Ctrl-C ends it.")
    return "\n\n".join(parts)
