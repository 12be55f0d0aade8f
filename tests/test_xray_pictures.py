"""The onion and the waterfall: sound XML that shows what it was given, and where things lie."""

from __future__ import annotations

import copy
import itertools
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.failing_site import VECTORS
from tests.xray_recording import DENIED, LEAK, SHOP, STACK, hostile, layer, spent
from wsgimw.devtools.xray.drawing import DARK, KINDS, LIGHT, fitted, variables
from wsgimw.devtools.xray.geometry import MOST_LANES, lanes
from wsgimw.devtools.xray.onion_svg import onion
from wsgimw.devtools.xray.waterfall_svg import waterfall

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def places(svg: str) -> list[tuple[float, float]]:
    """Return the right and lower edges of all that has a place, but for the dot of the player."""
    found = []
    for each in ElementTree.fromstring(svg).iter():
        if "data-dot" not in each.attrib and ("x" in each.attrib or "cx" in each.attrib):
            x, y = (float(each.attrib.get(k) or each.attrib.get(f"c{k}") or 0) for k in "xy")
            found.append((x + float(each.attrib.get("width", 0)), y))
            assert x >= 0
            assert y >= 0
    return found


def size(svg: str) -> tuple[float, float]:
    _, _, width, height = ElementTree.fromstring(svg).attrib["viewBox"].split()
    return float(width), float(height)


class TestOnion:
    """A ring for each layer."""

    def test_it_shows_all_layers_and_the_worst_finding(self) -> None:
        svg = onion(STACK["layers"])
        assert texts(svg) == ["RequestId", "AccessLog", "Compress !", "ProxyFix", "Flask 'shop'"]
        root = ElementTree.fromstring(svg)
        rings = [each for each in root.iter(f"{SVG}circle") if each.get("class") == "x-ring"]
        assert len(rings) == 4
        radii = [float(each.attrib["r"]) for each in rings]
        assert radii == sorted(radii, reverse=True)
        assert len([e for e in root.iter() if e.get("class") == "x-warnline"]) == 1
        assert "outermost RequestId()" in root.attrib["aria-label"]
        assert "in the middle <Flask 'shop'>" in root.attrib["aria-label"]

    def test_an_error_is_worse_than_a_warning(self) -> None:
        findings = [{"severity": "warning"}, {"severity": "error"}, {"severity": "note"}]
        svg = onion([{"text": "A()", "findings": findings}, "app"])
        assert "x-badline" in svg
        assert "x-warnline" not in svg
        assert texts(svg) == ["A ✕", "app"]

    def test_branches_are_not_round_the_app(self) -> None:
        layers = [
            {"text": "A()", "depth": 0},
            {"text": "B()", "depth": 1},
            {"text": "app", "depth": 0},
        ]
        assert texts(onion(layers)) == ["A", "app"]

    @pytest.mark.parametrize("count", [0, 1, 2, 5, 9, 30])
    def test_nothing_sticks_out(self, count: int) -> None:
        svg = onion([f"Layer{index}()" for index in range(count)])
        width, height = size(svg)
        names = texts(svg)
        assert len(names) == count
        heights = [float(e.attrib["y"]) for e in ElementTree.fromstring(svg).iter(f"{SVG}text")]
        apart = [low - high for high, low in itertools.pairwise(heights)]
        assert min(apart, default=16) >= 15.8  # rounded
        assert all(x <= width and y <= height for x, y in places(svg))


class TestWaterfall:
    """A lane for each layer."""

    def test_it_dives_and_comes_back(self) -> None:
        made = lanes(SHOP, left=0, right=600, step=15)
        starts, ends = [lane.start for lane in made], [lane.end for lane in made]
        assert starts == sorted(starts)
        assert ends == sorted(ends, reverse=True)
        assert (starts[0], ends[0]) == (0, 600)
        assert [lane.size for lane in made] == [412, 412, 412, 10240, 10240]
        assert all(lane.own_before + lane.own_after <= lane.end - lane.start for lane in made)
        scale = (600 - 2 * 15 * 4) / 4.91
        assert made[2].own_before == pytest.approx(0.04 * scale, abs=0.01)
        assert made[2].own_after == pytest.approx(0.37 * scale, abs=0.01)

    @pytest.mark.parametrize("request_", [SHOP, LEAK, DENIED], ids=["shop", "leak", "denied"])
    @pytest.mark.parametrize("width", [320, 620, 760])
    @pytest.mark.parametrize("dark", [False, True])
    def test_it_shows_each_layer(self, request_: Any, width: int, dark: bool) -> None:
        svg = waterfall(request_, width=width, dark=dark)
        said = " ".join(texts(svg))
        for each in request_["layers"]:
            name = each["layer"].removeprefix("partial(").strip("<")
            assert name[:4] in said
            assert f"{each['ms']['self']:.1f}"[:3] in said
        assert all(x <= width for x, _ in places(svg))
        colours = DARK if dark else LIGHT
        assert colours["ink"] in svg
        assert (LIGHT if dark else DARK)["ink"] not in svg

    def test_links_are_there_when_they_are_asked_for(self) -> None:
        plain, linked = waterfall(LEAK), waterfall(LEAK, link="#layer-")
        assert "<a" not in plain
        assert "data-dot" not in plain
        root = ElementTree.fromstring(linked)
        found = [each.attrib["href"] for each in root.iter(f"{SVG}a")]
        assert found == [f"#layer-{index}" for index in range(5)]
        assert root.attrib["role"] == "group"
        labels = [each.attrib["aria-label"] for each in root.iter(f"{SVG}a")]
        assert labels[3] == "ElasticAPM(service='shop'): what it did"

    def test_a_broken_rule_is_not_told_by_colour_alone(self) -> None:
        svg = waterfall(LEAK)
        assert svg.count("x-badline") == 1
        assert "! ElasticAPM(service='shop')" in texts(svg)

    def test_an_exception_goes_up_in_red_until_it_is_handled(self) -> None:
        request = {
            "layers": [
                layer("CatchErrors()", status=[None, "500 Oh"], error="handled KeyError",
                      ms=spent(1, 3, 0, 0, 0)),
                layer("A()", status=[None, None], error="passed on KeyError",
                      ms=spent(1, 2, 0, 0, 0)),
                layer("app", status=[None, None], error="raised KeyError", ms=spent(2, 0, 0, 0, 0)),
            ]
        }  # fmt: skip
        svg = waterfall(request)
        kinds = [e.get("class") for e in ElementTree.fromstring(svg).iter(f"{SVG}path")]
        bands = [kind for kind in kinds[2::3] if kind]
        assert bands == ["x-flow", "x-bad", "x-bad"]
        assert svg.count("x-badline") == 1
        assert "! app" in texts(svg)
        assert texts(svg).count("exception") == 1
        assert "CatchErrors()" in texts(svg)

    def test_bytes_are_thickness(self) -> None:
        small, great = copy.deepcopy(SHOP), copy.deepcopy(SHOP)
        for each in small["layers"]:
            each["bytes"] = [0, 0]
        widths = [
            [
                float(part.attrib["d"][1:].split()[0])
                for part in ElementTree.fromstring(waterfall(request)).iter(f"{SVG}path")
                if part.get("class") == "x-flow" and "V" in part.attrib["d"]
            ]
            for request in (small, great)
        ]
        # The left edge of the band: its right edge is the end of the lane.
        thicker = [less - more for less, more in zip(*widths, strict=True)]
        assert thicker == pytest.approx([2.9] * 3 + [14.5] * 2, abs=0.11)

    def test_a_late_lane_is_named_beside_its_bar(self) -> None:
        slow = {
            "layers": [
                layer("Authenticate()", ms=spent(90, 1, 0, 0, 0)),
                layer("an_app_with_a_name", ms=spent(1, 0, 0, 0, 0)),
            ]
        }
        svg = waterfall(slow)
        name = next(
            each
            for each in ElementTree.fromstring(svg).iter(f"{SVG}text")
            if (each.text or "").startswith("an_app")
        )
        assert name.get("text-anchor") == "end"

    @pytest.mark.parametrize(
        ("before", "inner", "says"),
        [
            pytest.param(1, 99, ["N()", "1.00 ms", "an_app(x=1)", "99.0 ms"], id="all inside"),
            pytest.param(30, 13, ["an_app(x=1)", "13.0 ms"], id="time beside"),
            pytest.param(90, 1, ["an_app(x=1)  1.00 ms"], id="both beside"),
            pytest.param(20, 10, ["an_app(x=1)", "10.0 ms"], id="name beside"),
        ],
    )
    def test_names_find_room(self, before: int, inner: int, says: list[str]) -> None:
        request = {
            "layers": [
                layer("N()", ms=spent(before, inner, 0, 0, 0)),
                layer("an_app(x=1)", ms=spent(inner, 0, 0, 0, 0)),
            ]
        }
        said = texts(waterfall(request, width=620))
        assert [each for each in says if each not in said] == []

    def test_a_name_may_stand_beside_and_its_time_within(self) -> None:
        layers = [
            layer("N()", ms=spent(30, 10, 0, 60, 0)),
            layer("an_app_of_some", ms=spent(10, 0, 0, 0, 0)),
        ]
        said = texts(waterfall({"layers": layers}, width=620))
        assert said[4:6] == ["an_app_of_some", "10.0 ms"]

    @pytest.mark.parametrize(
        ("before", "inner", "width", "says"),
        [
            pytest.param(5, 95, 300, ["a_rather_l…", "95.0 ms"], id="within"),
            pytest.param(50, 20, 310, ["a_rather…  20.0 ms"], id="beside"),
            pytest.param(40, 60, 310, ["a_rather_lon…"], id="without the time"),
        ],
    )
    def test_a_name_that_is_too_long_is_cut(
        self, before: int, inner: int, width: int, says: list[str]
    ) -> None:
        layers = [
            layer("N()", ms=spent(before, inner, 0, 0, 0)),
            layer("a_rather_long_name", ms=spent(inner, 0, 0, 0, 0)),
        ]
        said = texts(waterfall({"layers": layers}, width=width))
        assert said[4:-1] == says

    @pytest.mark.parametrize("width", [300, 330, 560])
    @pytest.mark.parametrize("place", [0, 5, 11])
    def test_no_text_of_a_lane_leaves_the_picture(self, width: int, place: int) -> None:
        """Wherever the time goes, names are cut and not lost out of sight."""
        names = [f"A_rather_long_name_of_a_layer_{n}(option={n})" for n in range(12)]
        inner = [40.0 if n >= place else 90.0 for n in range(12)]
        layers = [
            layer(name, ms=spent(50 if n == place else 0.1, rest, 0, 0, 0))
            for n, (name, rest) in enumerate(zip(names, inner, strict=True))
        ]
        for each in ElementTree.fromstring(waterfall({"layers": layers}, width=width)).iter(
            f"{SVG}text"
        ):
            x, long = float(each.attrib["x"]), len(each.text or "") * 7.3
            end = x if each.get("text-anchor") == "end" else x + long
            assert end - long >= -1
            assert end <= width

    @pytest.mark.parametrize("count", [0, 1, 25, 100])
    def test_any_number_of_layers(self, count: int) -> None:
        request = {
            "layers": [layer(f"L{n}()", ms=spent(1, count - n, 0, 0, 0)) for n in range(count)]
        }
        made = lanes(request, left=0, right=300, step=15)
        assert len(made) == min(count, MOST_LANES)
        assert all(lane.end > lane.start for lane in made)
        svg = waterfall(request, width=320)
        assert all(x <= 320 for x, _ in places(svg))
        assert ("No layer was recorded." in texts(svg)) is (count == 0)


@pytest.mark.parametrize("name", VECTORS)
def test_hostile_names_stay_text(name: str) -> None:
    vector = VECTORS[name]
    for svg in (waterfall(hostile(vector), link="#l"), onion([vector, vector])):
        root = ElementTree.fromstring(svg)
        tags = {each.tag.removeprefix(SVG) for each in root.iter()}
        assert tags <= {"svg", "a", "g", "path", "rect", "circle", "text"}
        assert not [key for each in root.iter() for key in each.attrib if key.startswith("on")]
        assert vector in root.attrib["aria-label"]


def test_controls_do_not_break_the_picture() -> None:
    request = {"method": "GET\0", "path": "/\x1b\ud800\ufffe", "layers": [layer("a\0\x08b")]}
    assert "a\\x00\\x08b" in " ".join(texts(waterfall(request)))
    assert texts(onion(["a\0b"])) == ["a\\x00b"]


def test_both_palettes_have_all_colours() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert {colour for _, colour in KINDS.values()} <= LIGHT.keys()
    style = variables()
    assert all(f".x-{kind}{{" in style for kind in KINDS)
    assert style.count("--ink:") == 2


def test_fitted_gives_nothing_where_there_is_no_room() -> None:
    assert fitted("text", 3, 8) == ""
