"""The pictures of docs/ are drawn by the X-ray, from a recording of the stack that they show."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from tests.pictures import DATA, STATIC, pictures, recorded

REQUEST = json.loads(DATA.read_text())
LAYERS = ["RequestId()", "AccessLog()", "CatchErrors()", "Compress()", "app"]


@pytest.mark.parametrize("name", sorted(pictures(REQUEST)))
def test_each_file_is_what_is_drawn(name: str) -> None:
    # To draw them anew: python -m tests.pictures
    assert (STATIC / name).read_text() == pictures(REQUEST)[name]


def test_the_recording_is_of_that_stack() -> None:
    assert [layer["layer"] for layer in REQUEST["layers"]] == LAYERS


def test_a_new_recording_has_the_same_shape() -> None:
    found = recorded()
    assert [layer["layer"] for layer in found["layers"]] == LAYERS
    assert set(found) == set(REQUEST)
    compress, app = found["layers"][-2:]
    assert compress["bytes"][0] == app["bytes"][1] == REQUEST["layers"][-1]["bytes"][1]


class Texts(HTMLParser):
    def __init__(self, svg: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(svg)

    def handle_data(self, data: str) -> None:
        self.found.append(data.strip())


@pytest.mark.parametrize("name", sorted(pictures(REQUEST)))
def test_each_names_the_layers(name: str) -> None:
    """Where there is no room a name is cut, and that of the app is left out."""
    texts = Texts(pictures(REQUEST)[name]).found
    names = [layer.removesuffix("()") for layer in LAYERS]
    if "narrow" in name:
        names = [each[:5] for each in names[:-1]]
    assert [each for each in names if not any(text.startswith(each) for text in texts)] == []
