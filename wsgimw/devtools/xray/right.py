"""The right of the page: one request, or how to read what will be there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from wsgimw.devtools.xray import reading, replay
from wsgimw.devtools.xray.layer_view import layer_section
from wsgimw.devtools.xray.markup import badge, status_kind, table, text
from wsgimw.devtools.xray.reading import items, mapping, moment, name, plural, shown, times
from wsgimw.devtools.xray.story import WORDS, story
from wsgimw.devtools.xray.waterfall_svg import waterfall

MOST_LINE = 1 << 20  # of a command: one that is cut would be another

WELCOME = """\
<div class="intro">
<h1>Choose a request</h1>
<p>Each line of the list is one request that went through the stack. Choose one to see what every
layer did to it.</p>
<h2>How to read it</h2>
<ol class="lesson">
<li><b>A stack is an onion.</b> The server calls the outermost layer, that one calls the next, and
so on to the app in the middle. Every layer sees the request on its way in and the response on its
way out.</li>
<li><b>The waterfall goes down and comes back up.</b> Each lane is a layer, as wide as the time that
passed in it and in all inside it. The dark parts are its own time. The band that comes up is the
body: the thicker, the more bytes.</li>
<li><b>Between two lanes is a boundary.</b> What differs on its two sides, the layer did: keys of
environ on the way in, status and headers on the way out, bytes of the body.</li>
<li><b>The response is not over when the call returns.</b> The body is made while it is sent, and
<code>close()</code> goes in last, through every layer to the app.</li>
</ol>
</div>
"""

LEGEND = """\
<p class="legend soft">A lane is as wide as its time and a step wider than the one inside it; its
dark parts are its own time. What comes up on the right is the body: the thicker, the more bytes.
Choose a lane for what it did.</p>
"""


def request_section(request: Mapping[str, Any], stack: Mapping[str, Any] | None) -> str:
    """Return one request: waterfall, player, layers, headers, replay."""
    found = reading.layers(request)
    known = reading.layer_names(stack)
    last = len(found) - 1
    layers = "".join(
        layer_section(
            layer, index, innermost=index == last, alone=index == last and name(layer) in known
        )
        for index, layer in enumerate(found)
    )
    return (
        f"{_heading(request)}"
        f'<section aria-labelledby="h-way"><h2 id="h-way">The way in and out</h2>\n'
        f'<div class="picture wide">{waterfall(request, width=560, link="#layer-")}</div>\n'
        f'<div class="picture narrow">{waterfall(request, width=330, link="#layer-")}</div>\n'
        f"{LEGEND if found else ''}"
        f"{_player(request, known)}</section>\n"
        f'<section aria-labelledby="h-layers"><h2 id="h-layers">What each layer did</h2>\n'
        f'<div class="layers">\n{layers}</div></section>\n'
        f"{_request_headers(request)}{_headers(request)}{_replay(request)}"
    )


def _heading(request: Mapping[str, Any]) -> str:
    status = request.get("status")
    at, clock = moment(request.get("time"))
    count = reading.faults(request)
    chips = [badge(status_kind(status), shown(status, 80) or "no head")]
    if count:
        chips.append(badge("bad", plural(count, "fault")))
    first = request.get("first_byte_ms")
    facts = [f"<span>{times(request.get('total_ms'))} in all</span>"]
    if first is not None:
        facts.append(f"<span>first byte after {times(first)}</span>")
    facts.append(f'<time datetime="{at}">{text(clock)}</time>')
    return (
        f'<h1 id="request" tabindex="-1" data-id="{text(request.get("id"), 200)}">'
        f"<b>{text(request.get('method'), 40)}</b> {text(reading.target(request), 600)}</h1>\n"
        f'<p class="facts">{" ".join([*chips, *facts])}</p>\n'
    )


def _player(request: Mapping[str, Any], known: Collection[str]) -> str:
    steps = story(request, known)
    if not steps:
        return ""
    rows = "".join(
        f'<li data-layer="{step.layer}" data-phase="{step.phase}">'
        f'<span class="phase">{WORDS[step.phase]}</span> '
        f'<span class="says">{text(step.text)}</span></li>\n'
        for step in steps
    )
    return (
        '<div class="player" role="group" aria-label="Step through the request" hidden>\n'
        '<div class="buttons"><button type="button" class="first-button" data-play="play">Play'
        '</button><button type="button" data-play="back">Back</button>'
        '<button type="button" data-play="next">Next</button>'
        '<span class="count" aria-hidden="true"></span></div>\n'
        '<p class="step" aria-live="polite">Press Play, or Next, to follow the request from one '
        "boundary to the next.</p></div>\n"
        f'<details class="story"><summary>The whole story in {plural(len(steps), "step")}</summary>'
        f'<ol class="steps">\n{rows}</ol></details>\n'
    )


def _request_headers(request: Mapping[str, Any]) -> str:
    found = request.get("request_headers")
    if found is None:  # an older recording
        return ""
    rows = [
        (shown(field.get("name")), shown(field.get("value")))
        for field in map(mapping, items(found))
    ]
    inner = (
        table("The headers of the request", rows, ("header", "value"))
        if rows
        else '<p class="soft">No header came.</p>\n'
    )
    heading = '<h2 id="h-came">Headers that came</h2>\n'
    return f'<section aria-labelledby="h-came" class="came">{heading}{inner}</section>\n'


def _headers(request: Mapping[str, Any]) -> str:
    rows = [
        (shown(field.get("name")), shown(field.get("value")), shown(field.get("by")))
        for field in map(mapping, items(request.get("headers")))
    ]
    inner = (
        table("The final headers and who wrote them", rows, ("header", "value", "written by"))
        if rows
        else '<p class="soft">No header was sent.</p>\n'
    )
    heading = '<h2 id="h-headers">Headers that were sent</h2>\n'
    return f'<section aria-labelledby="h-headers" class="headers">{heading}{inner}</section>\n'


def _replay(request: Mapping[str, Any]) -> str:
    command = text_block(replay.curl(request))
    # The script puts the origin that the browser knows in the place of ours.
    command = command.replace(replay.ORIGIN, f'<span class="origin">{replay.ORIGIN}</span>', 1)
    test = text_block(replay.webtest(request))
    return (
        '<section aria-labelledby="h-again" class="again">'
        '<h2 id="h-again">The same request again</h2>\n'
        '<p class="soft small">The recording has no body of a request, and of its headers what is '
        "secret is masked and what is long is cut: put in what matters.</p>\n"
        f"{_copied('curl', 'As a curl command', command)}"
        f"{_copied('webtest', 'As a WebTest test', test)}"
        '<p class="buttons"><button type="button" data-download hidden>'
        "Download this request as JSON</button></p></section>\n"
    )


def text_block(value: str) -> str:
    """Return lines of data; each is made visible on its own, so that line ends stay."""
    return "\n".join(text(line, MOST_LINE) for line in value.split("\n"))


def _copied(ident: str, heading: str, inner: str) -> str:
    return (
        f'<div class="copied"><h3>{heading}</h3>'
        f'<button type="button" data-copy="{ident}" hidden>Copy</button>'
        f'<pre id="{ident}">{inner}</pre></div>\n'
    )
