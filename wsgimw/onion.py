"""Write a layer as a generator, the onion read from top to bottom: `@layer`.

Use it for layers of your own, and to learn how a chain works: the code before the first `yield`
runs on the way in, the code after it when the app has started its response, the code after the
second when the body is finished and closed. Where nanoseconds count, use `Hooks`.

>>> from time import perf_counter
>>> @layer
... def timing(environ, *, header="X-Elapsed"):
...     started = perf_counter()
...     head = yield                                  # the head: head.status, head.headers (a list)
...     head.headers.append((header, f"{perf_counter() - started:.6f}"))
...     end = yield                                   # the end: end.bytes, end.error, end.complete
...     print(end.status, end.bytes, end.complete)
>>> timing(header="X-Time")
timing(header='X-Time')
>>> def app(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"hello"]
>>> body = timing()(app)({}, lambda status, headers: print(status, headers[1][0]))
200 OK X-Elapsed
>>> list(body), body.close()
200 OK 5 True
([b'hello'], None)

- Before the first yield, `return app` answers with that app and `return` steps aside: the inner
  app is called as if the layer were not there. So a guard reads `if not allowed: return forbidden`.
- A generator that ends at a `yield` is done; that is no error. A third `yield` is one.
- If the inner app fails before the head was sent, its exception is raised at the first `yield`, so
  that `try`, `with` and `finally` work; it goes up whatever the generator does. After the head,
  `end.error` has it. A body that is closed before the head was sent: `GeneratorExit`.

Known limit: the head is held until the app returned a list, wrote, or gave its first block (rule
41), so that the generator runs once, on the final head. A server that ignores a head which comes
after the call has returned (granian) therefore needs the `Hooks` form over a streaming body.

What it costs: head and end; about twice the same layer written with hooks.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterator
from dataclasses import MISSING, field, fields, make_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec

from wsgimw.compose import BaseLayer, Layer
from wsgimw.describe import describe
from wsgimw.exchange import Exchange, Flow, flow_through

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgimw.exchange import ExcInfo

__all__ = ["layer"]

P = ParamSpec("P")


def layer(
    function: Callable[Concatenate[WSGIEnvironment, P], Generator[None, Exchange, Any]], /
) -> Callable[P, Layer]:
    """Make a layer factory of a generator function that takes `environ` and keyword options.

    The factory has the function's name, docstring and signature less `environ`; what it returns is
    a layer like any other: `==`, hashable, `repr` is the call. Raises `TypeError` for a function
    without a `yield`, and for options that have no name of their own (`*args`, `**options`).
    """
    name = describe(function)
    if not inspect.isgeneratorfunction(function):
        raise TypeError(f"@layer {name} has no yield; a layer without one is a function app -> app")
    first, *options = inspect.signature(function).parameters.values() or [None]
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
        raise TypeError(f"@layer {name} must take environ: def {function.__name__}(environ, ...)")
    for option in options:
        if option.kind not in (option.POSITIONAL_OR_KEYWORD, option.KEYWORD_ONLY):
            raise TypeError(f"@layer {name}: option {option} must be a named one: *, name=default")
    made = make_dataclass(
        function.__name__,
        [(option.name, Any, _default(option)) for option in options],
        bases=(Onion,),
        namespace={"_wsgimw_run": staticmethod(function), "__doc__": function.__doc__},
        frozen=True,
        slots=True,
        kw_only=True,
        repr=False,
    )
    made.__qualname__, made.__module__ = function.__qualname__, function.__module__
    return made


def _default(option: inspect.Parameter) -> Any:
    if option.default is option.empty:
        return field()
    # A factory, since a dataclass refuses a list as the default itself.
    return field(default_factory=lambda: option.default)


class Onion(BaseLayer):
    """The base of what `@layer` makes; the options of the function are its fields."""

    __slots__ = ()

    _wsgimw_run: ClassVar[Callable[..., Generator[None, Any, Any]]]

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        run = type(self)._wsgimw_run
        options = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

        def begin(flow: _OnionFlow) -> Any:
            flow._generator = generator = run(flow.environ, **options)
            flow._layer = self
            flow.state = flow.status = flow.headers = None
            try:
                next(generator)
            except StopIteration as stop:
                return app if stop.value is None else stop.value
            return None

        return flow_through(app, _OnionFlow, begin)
