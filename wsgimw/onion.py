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

import inspect
from collections.abc import Callable, Generator, Hashable
from dataclasses import field, fields, make_dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, overload

from wsgimw.compose import BaseLayer, Layer
from wsgimw.describe import describe
from wsgimw.exchange import Blocks, Exchange, Flow, Stream

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from wsgimw.exchange import Block
    from wsgimw.facts import Facts

__all__ = ["layer"]

P = ParamSpec("P")


@overload
def layer(
    function: Callable[Concatenate[WSGIEnvironment, P], Generator[None, Exchange, Any]], /
) -> Callable[P, Layer]: ...
@overload
def layer(
    *, facts: Facts
) -> Callable[
    [Callable[Concatenate[WSGIEnvironment, P], Generator[None, Exchange, Any]]],
    Callable[P, Layer],
]: ...
def layer(function: Any = None, /, *, facts: Facts | None = None) -> Any:
    """Make a layer factory of a generator function that takes `environ` and keyword options.

    The factory has the function's name, docstring and signature less `environ`; what it returns is
    a layer like any other: `==`, hashable, `repr` is the call. `@layer(facts=Facts(...))` says what
    `wsgimw.explain` is to know of it (`wsgimw.facts`). Raises `TypeError` for a function without a
    `yield`, and for options that have no name of their own (`*args`, `**options`).
    """
    if function is None:
        return partial(_make, facts)
    return _make(facts, function)


def _make(facts: Facts | None, function: Callable[..., Any]) -> Any:
    name = describe(function)
    if not inspect.isgeneratorfunction(function):
        raise TypeError(f"@layer {name} has no yield; a layer without one is a function app -> app")
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind > inspect.Parameter.POSITIONAL_OR_KEYWORD:
        raise TypeError(f"@layer {name} must take environ: def {function.__name__}(environ, ...)")
    options = parameters[1:]
    for option in options:
        if option.kind not in (option.POSITIONAL_OR_KEYWORD, option.KEYWORD_ONLY):
            raise TypeError(f"@layer {name}: option {option} must be a named one: *, name=default")
    namespace: dict[str, Any] = {"_wsgimw_run": staticmethod(function), "__doc__": function.__doc__}
    if facts is not None:
        if any(option.name == "facts" for option in options):
            raise TypeError(f"@layer {name} has an option facts, and was given facts=; rename one")
        namespace["facts"] = facts
    made = make_dataclass(
        function.__name__,
        [(option.name, _annotation(option), _default(option)) for option in options],
        bases=(Onion,),
        namespace=namespace,
        frozen=True,
        slots=True,
        kw_only=True,
        repr=False,
    )
    made.__qualname__, made.__module__ = function.__qualname__, function.__module__
    return made


def _annotation(option: inspect.Parameter) -> Any:
    return Any if option.annotation is option.empty else option.annotation


def _default(option: inspect.Parameter) -> Any:
    if option.default is option.empty:
        return field()
    if isinstance(option.default, Hashable):
        return field(default=option.default)
    return field(default_factory=lambda: option.default)  # a dataclass takes no list as such


class Onion(BaseLayer):
    """The base of what `@layer` makes; the options of the function are its fields."""

    __slots__ = ()

    _wsgimw_run: ClassVar[Callable[..., Generator[None, Any, Any]]]

    def _bind(self, app: WSGIApplication) -> WSGIApplication:
        run = type(self)._wsgimw_run
        options = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

        def bound(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
            flow = _OnionFlow()
            flow.environ = environ
            flow.start_response = start_response
            flow.started = perf_counter()
            flow.bytes = 0
            flow.complete = flow._committed = False
            flow.state = flow.status = flow.headers = flow.error = flow._exc_info = None
            flow._body = flow._close = flow._inside = None
            flow._layer = self
            flow._generator = generator = run(environ, **options)
            try:
                next(generator)
            except StopIteration as stop:
                return self._answer(stop.value or app)(environ, start_response)
            file_wrapper = environ.get("wsgi.file_wrapper")  # rule 3: before the call
            try:
                body: Any = app(environ, flow.start)
            except BaseException as error:
                flow._raised(error)
                raise
            of = type(body)
            if of is list or of is Blocks:  # what `_carry` comes to, without asking
                try:
                    if flow.hand_on(body, True):
                        return body
                except BaseException as error:
                    flow._drop(body, error)
                    raise
                return flow._hold_list(body, None) if of is list else flow._join(body)
            if of is Stream and body._flow is not None and not flow._committed:
                return body.join(flow, True)
            return flow._carry(body, file_wrapper)

        return bound

    def _answer(self, value: Any) -> Any:
        if callable(value):
            return value
        raise TypeError(
            f"{self!r} returned {describe(value)} before its first yield; return a WSGI app, which "
            "answers, or nothing, which steps aside"
        )


class _OnionFlow(Flow):
    """Holds the head until it is final, and drives the generator past its yields (rule 41)."""

    __slots__ = ("_committed", "_exc_info", "_generator", "_layer")

    counts = True
    _committed: bool
    _exc_info: OptExcInfo | None
    _generator: Generator[None, Exchange, Any] | None
    _layer: Onion

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[Block], object]:
        if exc_info is None and self.status is not None and not self._committed:
            self._commit()  # rule 7: two heads without `exc_info`, which the server must refuse
        if self._committed:
            self.forward(status, headers, exc_info)
            self.status = status  # after it: the end tells the head that was sent
            self.headers = headers
        else:
            self.status = status
            self.headers = [*headers]  # rule 12
            self._exc_info = exc_info
        return self.write

    def write(self, data: Block, /) -> object:
        if not self._committed:
            self._commit()
        return super().write(data)

    def hand_on(self, body: Any, final: bool, /) -> bool:
        if final and self.status is not None and not self._committed:
            self._commit()
        return self._committed and self._generator is None

    def _hold_stream(self, body: Any) -> Any:
        return Stream(self, body, True)

    def opened(self) -> bool:
        inside = super().opened()  # the inner head first
        if not self._committed and self.status is not None:
            self._commit()
        return inside and self._committed

    def _commit(self) -> None:
        self._committed = True
        exc_info, self._exc_info = self._exc_info, None  # rule 9
        if self._generator is not None:
            try:
                self._generator.send(self)
            except StopIteration:
                self._generator = None
        if exc_info is None:
            self._write = self.start_response(self.status, self.headers)
        else:
            self._write = self.start_response(self.status, self.headers, exc_info)

    def ended(self) -> None:
        generator, self._generator = self._generator, None
        self._exc_info = None
        if generator is None:
            return
        if self._committed:
            try:
                generator.send(self)
            except StopIteration:
                return
            generator.close()
            raise RuntimeError(
                f"{self._layer!r} yields a third time; a layer yields twice at the most, "
                "for the head and for the end"
            )
        if self.error is None:
            generator.close()
        else:
            self._tell(generator, self.error)

    def _tell(self, generator: Generator[None, Exchange, Any], error: BaseException) -> None:
        trace = error.__traceback__
        try:
            generator.throw(error)
        except StopIteration:
            return
        except BaseException as raised:
            if raised is error:
                return
            if not isinstance(raised, Exception):
                raise
            error.add_note(f"and {self._layer!r} raised {raised!r} while it was told")
        else:
            generator.close()
        finally:
            error.__traceback__ = trace  # rule 39: the way through here leads to `error` itself
