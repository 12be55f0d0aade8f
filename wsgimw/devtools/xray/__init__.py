"""See one request, layer by layer: `wsgimw.xray`."""

from wsgimw.devtools.xray.binding import Binder
from wsgimw.devtools.xray.watching import watch
from wsgimw.devtools.xray.recording import Recording


def xray(app, *, capacity=100, sample=1.0, slow_ms=None, path="/_xray", server_timing=False):
    recording = Recording(capacity)
    cross = Binder(recording.live).bind(app)
    begin = recording.begin

    def xrayed(environ, start_response):
        from wsgimw.devtools.xray.spy import current
        trace = begin()
        watch(environ, trace)
        return cross(environ, start_response, trace, None, current.get())

    xrayed.recording = recording
    return xrayed
