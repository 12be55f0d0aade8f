"""wsgimw.portable: what it mends, what it refuses, and what it leaves alone."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from tests.strict_server import Body, ClosingList, app_of, late_app, writing_app
from tests.wsgi import Served, make_environ, serve
from wsgimw import AccessLog, Portable, compose
from wsgimw.portable import ExitedError, RefusedError, ShortBodyError

TEXT = [("Content-Type", "text/plain")]
FIVE = [*TEXT, ("Content-Length", "5")]


def call(app: Any, environ: Any = None, **options: Any) -> tuple[Any, list[Any]]:
    """Call a mended app as granian does: write is None, and heads count until it returns."""
    heads: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        heads.append((status, headers))
        return None

    body = Portable(**options)(app)(make_environ() if environ is None else environ, start_response)
    return body, list(heads)


def answered(app: Any, **environ: Any) -> Served:
    return serve(Portable()(app), make_environ(**environ))


def complaint(environ: Any) -> str:
    said: str = environ["wsgi.errors"].getvalue()
    return said


def test_a_plain_list_is_the_same_object() -> None:
    body = [b"hel", b"lo"]
    assert call(app_of(body, headers=FIVE)) == (body, [("200 OK", FIVE)])
    assert call(app_of(body, headers=FIVE))[0] is body


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param([b"x"], [*TEXT, ("Transfer-Encoding", "chunked")], id="own chunks, list"),
        pytest.param(
            iter([b"x"]),
            [*TEXT, ("Transfer-Encoding", "chunked"), ("Content-Length", "9")],
            id="own chunks, stream",
        ),
        pytest.param([b"x"], [*TEXT, ("Content-Length", "many")], id="a length that is none"),
    ],
)
def test_what_is_not_counted(body: Any, headers: Any) -> None:
    """S5: Quixote frames its own chunks."""
    served = answered(app_of(body, headers=headers))
    assert (served.blocks, served.error) == ([b"x"], None)


def test_a_late_head_comes_before_the_layer_returns() -> None:
    body, heads = call(late_app(b"", b"a", b"b", status="404 Not Found"))
    assert heads == [("404 Not Found", TEXT)]
    assert list(body) == [b"", b"a", b"b"]
    assert not hasattr(body, "__len__")


def test_the_first_blocks_alone_are_pulled_in_the_call() -> None:
    inner = Body(b"", b"a", b"b")
    body, _ = call(app_of(inner))
    assert inner.pulled == 2
    body.close()
    assert (inner.closed, list(body)) == (1, [])


@pytest.mark.parametrize("pulls", [0, 1])
def test_a_stream_that_is_closed_early(pulls: int) -> None:
    inner = Body(b"", b"a", b"b")
    served = serve(Portable()(app_of(inner)), stop=pulls)
    assert (len(served.blocks), inner.closed, inner.pulled) == (pulls, 1, 2)


def test_closed_while_it_waits() -> None:
    body, _ = call(app_of(Body(b"a", b"b", b"c")))
    pulled = iter(body)
    assert [next(pulled), next(pulled)] == [b"a", b"b"]
    body.close()
    assert list(pulled) == []


def test_a_head_with_exc_info_replaces_the_first() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", FIVE)
        yield b""
        try:
            raise KeyError
        except KeyError:
            start_response("500 Oh", TEXT, sys.exc_info())
        yield b"sorry, long"

    body, heads = call(app)
    assert (heads, list(body)) == ([("500 Oh", TEXT)], [b"", b"sorry, long"])


def test_a_head_with_exc_info_in_the_call() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", FIVE)
        try:
            raise KeyError
        except KeyError:
            start_response("500 Oh", TEXT, sys.exc_info())
        return [b"sorry"]

    assert answered(app).heads == [("500 Oh", TEXT, True)]


@pytest.mark.parametrize("how", ["block", "write"])
def test_after_bytes_the_error_is_raised(how: str) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", TEXT)
        if how == "write":
            write(b"gone")
        else:
            yield b"gone"
        try:
            raise KeyError("mine")
        except KeyError:
            start_response("500 Oh", TEXT, sys.exc_info())
        yield b"never"

    assert repr(answered(app).error) == "KeyError('mine')"


@pytest.mark.parametrize(
    ("app", "blocks"),
    [
        pytest.param(writing_app(b"a", b"", b"b", body=[b"c"]), [b"a", b"b", b"c"], id="list"),
        pytest.param(writing_app(b"a", b"b"), [b"a", b"b"], id="nothing after it"),
        pytest.param(writing_app(b"a", body=iter([b"b"])), [b"ab"], id="stream"),
        pytest.param(writing_app(b"a", body=iter(())), [b"a"], id="empty stream"),
        pytest.param(writing_app(b"", body=[b"b"]), [b"b"], id="nothing written"),
    ],
)
def test_what_is_written_goes_out_first(app: Any, blocks: list[bytes]) -> None:
    body, heads = call(app)
    assert (list(body), len(heads)) == (blocks, 1)


@pytest.mark.parametrize("body", [[], (), iter(())], ids=["list", "tuple", "iterator"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_an_empty_body(body: Any, method: str, status: str) -> None:
    """S1: one empty block, without a `len()` where a server would count what is not there."""
    body, heads = call(app_of(body, status=status), make_environ(REQUEST_METHOD=method))
    assert (list(body), heads[0][0]) == ([b""], status)
    if status != "200 OK" or method == "HEAD":
        assert not hasattr(body, "__len__")


@pytest.mark.parametrize("body", [[b"hello"], iter([b"hel", b"lo"])], ids=["list", "stream"])
@pytest.mark.parametrize(
    ("method", "status"),
    [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified"), ("GET", "100 Go")],
)
def test_no_byte_where_none_may_be(body: Any, method: str, status: str) -> None:
    served = answered(app_of(body, status=status, headers=FIVE), REQUEST_METHOD=method)
    assert b"".join(served.blocks) == b""
    assert served.blocks


@pytest.mark.parametrize(
    "body",
    [[b"hello, you"], (b"hel", b"lo, you"), iter([b"hello, ", b"you"])],
    ids=["list", "tuple", "stream"],
)
def test_the_body_is_cut_at_its_length(body: Any) -> None:
    assert b"".join(answered(app_of(body, headers=FIVE)).blocks) == b"hello"


def test_nothing_is_pulled_past_the_length() -> None:
    inner = Body(b"hello, ", b"you", b"there")
    assert answered(app_of(inner, headers=FIVE)).blocks == [b"hello"]
    assert (inner.pulled, inner.closed) == (1, 1)


@pytest.mark.parametrize("body", [[b"hell"], [], iter([b"hell"])], ids=["list", "empty", "stream"])
def test_a_short_body_raises(body: Any) -> None:
    served = answered(app_of(body, headers=FIVE))
    assert isinstance(served.error, ShortBodyError)
    assert "bytes before its Content-Length" in str(served.error)
    assert served.status == "200 OK"


@pytest.mark.parametrize(
    ("app", "message"),
    [
        pytest.param(app_of(["hello"]), "a block of the body is str, not bytes", id="str"),
        pytest.param(app_of(Body(bytearray(b"x"))), "is bytearray, not bytes", id="stream"),  # type: ignore[arg-type]
        pytest.param(app_of(b"hello"), "the body itself is bytes: return [body]", id="bytes"),
        pytest.param(writing_app("x"), "is str, not bytes", id="written"),  # type: ignore[arg-type]
        pytest.param(app_of([], headers=[("X", "a\r\nb")]), "has a CR, LF or NUL", id="CR LF"),
        pytest.param(app_of([], headers=[("X\n", "a")]), "has a CR, LF or NUL", id="name"),
        pytest.param(app_of([], status="200 OK\0"), "has a CR, LF or NUL", id="NUL in the status"),
        pytest.param(app_of([], headers=[("X", 5)]), "values are str", id="a number"),
        pytest.param(app_of([], headers=["X"]), "values are str", id="no pair"),
        pytest.param(app_of([], status=None), "values are str", id="no status"),  # type: ignore[arg-type]
        pytest.param(lambda e, s: [b"x"], "has not called start_response", id="no head"),
        pytest.param(lambda e, s: iter([b"x"]), "has not called start_response", id="none later"),
        pytest.param(lambda e, s: iter([]), "has not called start_response", id="none at all"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_refused(app: Any, message: str, method: str) -> None:
    environ = make_environ(REQUEST_METHOD=method)
    served = serve(Portable()(app), environ)
    assert (served.status, served.error) == ("500 Internal Server Error", None)
    assert served.blocks == [b"" if method == "HEAD" else b"500 Internal Server Error\n"]
    assert message in complaint(environ)


def test_a_second_head_without_exc_info_is_refused() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        start_response("201 Created", TEXT)
        return []

    environ = make_environ()
    assert serve(Portable()(app), environ).status == "500 Internal Server Error"
    assert "a second time, without exc_info" in complaint(environ)


def test_a_wrong_block_in_mid_stream_raises() -> None:
    served = answered(app_of(iter([b"a", "b"])))
    assert isinstance(served.error, RefusedError)
    assert served.blocks == [b"a"]


@pytest.mark.parametrize("late", [False, True])
def test_other_errors_go_up(late: bool) -> None:
    error = KeyError("mine")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TEXT)
        if not late:
            raise error
        return Body(error)

    environ = make_environ()
    assert serve(Portable()(app), environ).error is error
    assert complaint(environ) == ""


def exiting(where: str, raised: BaseException) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        if where == "call":
            raise raised
        start_response("200 OK", TEXT)
        if where == "close":
            body = ClosingList([b"whole"])
            body.at_close = raised
            return body
        return Body(b"begun", raised) if where == "mid-stream" else Body(raised)

    return app


@pytest.mark.parametrize("where", ["call", "first block"])
def test_exit_is_a_500(where: str) -> None:
    environ = make_environ()
    served = serve(Portable()(exiting(where, SystemExit(3))), environ)
    assert (served.status, served.error) == ("500 Internal Server Error", None)
    assert "SystemExit: 3" in complaint(environ)
    assert "kept this SystemExit from ending the server" in complaint(environ)


def test_exit_in_mid_stream_is_an_error() -> None:
    served = answered(exiting("mid-stream", SystemExit(3)))
    assert isinstance(served.error, ExitedError)
    assert served.blocks == [b"begun"]


def test_exit_in_close_is_told() -> None:
    environ = make_environ()
    served = serve(Portable()(exiting("close", SystemExit(3))), environ)
    assert (served.blocks, served.error) == ([b"whole"], None)
    assert "SystemExit: 3" in complaint(environ)


@pytest.mark.parametrize("where", ["call", "first block", "mid-stream", "close"])
def test_what_is_not_guarded_passes(where: str) -> None:
    for raised, layer in [
        (KeyboardInterrupt(), Portable()),
        (SystemExit(3), Portable(guard_exit=False)),
    ]:
        assert serve(layer(exiting(where, raised))).error is raised


def test_exit_from_a_signal_handler_passes() -> None:
    """So gunicorn ends its workers."""

    class Worker:
        def quit(self, number: int, frame: Any) -> None:
            sys.exit(0)

    def app(environ: Any, start_response: Any) -> Any:
        signal.raise_signal(signal.SIGUSR1)
        raise AssertionError

    former = signal.signal(signal.SIGUSR1, Worker().quit)
    try:
        assert isinstance(answered(app).error, SystemExit)
    finally:
        signal.signal(signal.SIGUSR1, former)


class TestFiles:
    def test_a_whole_file_passes(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"hello")
        with (tmp_path / "file").open("rb") as file:
            for headers in (FIVE, TEXT):
                wrapped = FileWrapper(file)
                environ = make_environ(**{"wsgi.file_wrapper": FileWrapper})
                body, heads = call(app_of(wrapped, headers=headers), environ)
                assert (body is wrapped, len(heads)) == (True, 1)

    @pytest.mark.parametrize("start", [0, 3])
    def test_a_part_of_one_does_not(self, start: int) -> None:
        """S4, S6: uWSGI ignores where the file stands, and few cut it."""
        file = io.BytesIO(b"hello, and more")
        file.seek(start)
        environ = make_environ(**{"wsgi.file_wrapper": FileWrapper})
        served = serve(Portable()(app_of(FileWrapper(file), headers=FIVE)), environ)
        assert b"".join(served.blocks) == b"hello, and more"[start : start + 5]
        assert file.closed

    def test_head_reads_none(self) -> None:
        file = io.BytesIO(b"hello")
        environ = make_environ(REQUEST_METHOD="HEAD", **{"wsgi.file_wrapper": FileWrapper})
        served = serve(Portable()(app_of(FileWrapper(file, 1), headers=TEXT)), environ)
        assert (served.blocks, file.closed) == ([b""], True)

    def test_a_file_of_unknown_size(self) -> None:
        class Unknown:
            def read(self, size: int = -1) -> bytes:
                return b""

            def __iter__(self) -> Iterator[bytes]:
                return iter([b"hello"])

        environ = make_environ(**{"wsgi.file_wrapper": lambda file: file})
        body, _ = call(app_of(Unknown(), headers=FIVE), environ)
        assert list(body) == [b"hello"]


def test_a_list_with_a_close_is_no_list() -> None:
    """granian closes none; the `len()` of one block stays."""
    inner = ClosingList([b"hello"])
    body, _ = call(app_of(inner))
    assert (isinstance(body, list), len(body), list(body)) == (False, 1, [b"hello"])
    body.close()
    body.close()
    assert inner.closed == 1


@pytest.mark.parametrize("app", [app_of([b"hello"]), late_app(b"hello")], ids=["list", "stream"])
def test_layers_within_and_without_see_the_end(app: Any) -> None:
    lines = [io.StringIO(), io.StringIO()]
    outer, inner = (AccessLog(sink=line) for line in lines)
    served = serve(compose(outer, Portable(), inner)(app))
    assert (served.blocks, served.error) == ([b"hello"], None)
    # The outer of two logs leaves the line to one of them: the record is one.
    assert "".join(line.getvalue() for line in lines).count("\n") >= 1


def test_environ_becomes_strings() -> None:
    environ = make_environ(SERVER_PORT=80, REMOTE_PORT=1, REMOTE_ADDR=b"::1", CONTENT_LENGTH=None)
    environ["CONTENT_LENGTH"] = None
    call(app_of([b"x"]), environ)
    assert (environ["SERVER_PORT"], environ["REMOTE_PORT"]) == ("80", "1")
    assert environ["REMOTE_ADDR"] == "::1"
    assert "CONTENT_LENGTH" not in environ


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"PATH_INFO": "/\u20ac"}, "/\xe2\x82\xac"),
        ({"PATH_INFO": "/\udc80"}, "/\udc80"),
        ({"PATH_INFO": "/\xe9", "RAW_URI": "/%C3%A9"}, "/\xc3\xa9"),
        ({"PATH_INFO": "/\xe9", "RAW_URI": "/%E9?\xe9"}, "/\xe9"),
        ({"PATH_INFO": "/\xe9"}, "/\xe9"),
        ({"PATH_INFO": "/a%20b", "REQUEST_URI": "/a%20b?c"}, "/a b"),
        ({"PATH_INFO": "/a%20b", "REQUEST_URI": b"/a%20b"}, "/a b"),
        ({"PATH_INFO": "/a%20b", "REQUEST_URI": "/a%2520b"}, "/a%20b"),
        ({"PATH_INFO": "/a%20b"}, "/a%20b"),
        ({"PATH_INFO": "/a%2Fb c", "REQUEST_URI": "/a%2Fb%20c"}, "/a%2Fb c"),
        ({"PATH_INFO": "/\xef\xbf\xbd", "RAW_URI": "/%E9"}, "/\xe9"),
        ({"PATH_INFO": "/\xef\xbf\xbd", "asgi.scope": {"raw_path": b"/%E9"}}, "/\xe9"),
        ({"SCRIPT_NAME": "/m", "PATH_INFO": "/%C3%A9", "RAW_URI": "/m/%C3%A9"}, "/\xc3\xa9"),
        ({"SCRIPT_NAME": "/m", "PATH_INFO": "/%C3%A9", "RAW_URI": "/%C3%A9"}, "/%C3%A9"),
        ({"PATH_INFO": "/\xe9", "RAW_URI": "http://x/%C3%A9"}, "/\xe9"),
    ],
    ids=ascii,
)
def test_the_path(environ: dict[str, Any], path: str) -> None:
    environ = make_environ(**environ)
    call(app_of([b"x"]), environ)
    assert environ["PATH_INFO"] == path


def reading(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", TEXT)
    return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))]


class TestBuffering:
    @staticmethod
    def post(data: bytes, app: Any = reading, **more: Any) -> tuple[Served, dict[str, Any]]:
        environ = make_environ(HTTP_TRANSFER_ENCODING="chunked", **more)
        environ["wsgi.input"] = io.BytesIO(data)
        layer = Portable(buffer_chunked=3, max_body=8)
        return serve(layer(app), environ), environ

    @pytest.mark.parametrize("data", [b"", b"abc", b"12345678"])
    def test_a_body_gets_its_length(self, data: bytes) -> None:
        served, environ = self.post(data)
        assert b"".join(served.blocks) == data
        assert environ["CONTENT_LENGTH"] == str(len(data))
        assert environ["wsgi.input_terminated"] is True
        assert "HTTP_TRANSFER_ENCODING" not in environ
        assert environ["wsgi.input"].closed

    def test_too_long(self) -> None:
        assert self.post(b"123456789")[0].status == "413 Content Too Large"

    def test_closed_when_the_app_fails(self) -> None:
        def failing(environ: Any, start_response: Any) -> Any:
            raise KeyError

        served, environ = self.post(b"abcd", failing)
        assert isinstance(served.error, KeyError)
        assert environ["wsgi.input"].closed

    def test_a_body_that_cannot_be_read(self) -> None:
        class Broken(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                raise OSError("the client has gone")

        environ = make_environ(HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input": Broken()})
        environ["wsgi.input_terminated"] = True
        assert serve(Portable(buffer_chunked=3)(reading), environ).status == "400 Bad Request"

    @pytest.mark.parametrize(
        "more",
        [
            pytest.param({"CONTENT_LENGTH": "5"}, id="a length"),
            pytest.param({"HTTP_TRANSFER_ENCODING": None}, id="not chunked"),
            pytest.param({"wsgi.input": io.BufferedReader(io.BytesIO(b"x"))}, id="no end"),
        ],
    )
    def test_others_pass(self, more: dict[str, Any]) -> None:
        environ = make_environ(HTTP_TRANSFER_ENCODING="chunked")
        environ["wsgi.input"] = io.BytesIO(b"hello")
        environ.update(more)
        environ = {key: value for key, value in environ.items() if value is not None}
        stream = environ["wsgi.input"]
        serve(Portable(buffer_chunked=3)(app_of([b"x"])), environ)
        assert environ["wsgi.input"] is stream

    def test_http_2_has_no_transfer_encoding(self) -> None:
        environ = make_environ(SERVER_PROTOCOL="HTTP/2", **{"wsgi.input_terminated": True})
        environ["wsgi.input"] = io.BytesIO(b"hello")
        assert serve(Portable(buffer_chunked=9)(reading), environ).blocks == [b"hello"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"buffer_chunked": "1"},
            TypeError,
            "buffer_chunked='1': write a number of bytes, or None",
        ),
        ({"buffer_chunked": -1}, ValueError, "buffer_chunked=-1: it cannot be negative"),
        ({"max_body": None}, TypeError, "max_body=None: write a number of bytes"),
        ({"max_body": True}, TypeError, "max_body=True: write a number"),
        ({"guard_exit": 1}, TypeError, "guard_exit=1: write True or False"),
    ],
    ids=str,
)
def test_bad_options(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Portable(**options)


def test_where_there_is_no_errors_stream(capsys: pytest.CaptureFixture[str]) -> None:
    environ = make_environ(**{"wsgi.errors": None})
    assert serve(Portable()(app_of(["x"])), environ).status == "500 Internal Server Error"
    assert "Portable refused the response" in capsys.readouterr().err
