"""wsgimw.http.negotiation: weights, codings, media types."""

from __future__ import annotations

import doctest
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgimw.http import negotiation as module
from wsgimw.http.negotiation import choose_coding, choose_type, names, weights

law = settings(derandomize=True, database=None, deadline=None, max_examples=500)

ALL = ("zstd", "br", "gzip")
HTML, PROBLEM, TEXT = OFFERS = ("text/html", "application/problem+json", "text/plain")
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
    "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)


def test_docstrings_are_true() -> None:
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 8


def test_imports_alone_and_only_the_standard_library() -> None:
    root = str(Path(__file__).parent.parent)
    code = (
        f"import sys; sys.path.insert(0, {root!r}); import wsgimw; before = set(sys.modules)\n"
        "import wsgimw.http.negotiation\n"
        "for name in set(sys.modules) - before:\n"
        "    known = name.partition('.')[0] in sys.stdlib_module_names\n"
        "    assert known or name.startswith('wsgimw.http'), name\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


# Weights

WEIGHTS = [
    pytest.param("0", 0.0, id="zero"),
    pytest.param("1", 1.0, id="one"),
    pytest.param("0.5", 0.5, id="half"),
    pytest.param(".2", 0.2, id="Java: no leading zero"),
    pytest.param("0.000", 0.0, id="zeros"),
    pytest.param("1.000", 1.0, id="one with zeros"),
    pytest.param("0.001", 0.001, id="three digits"),
    pytest.param("0.123456789", 0.123456789, id="more digits"),
    pytest.param("00.5", 0.5, id="more zeros"),
    pytest.param("01", 1.0, id="a zero before one"),
]

DOUBTS = [
    pytest.param("", id="nothing"),
    pytest.param("2", id="above one"),
    pytest.param("1.1", id="just above one"),
    pytest.param("1.00000000000000000000001", id="above one by less than a float tells"),
    pytest.param("-1", id="negative"),
    pytest.param("+1", id="a plus sign"),
    pytest.param("nan", id="nan"),
    pytest.param("inf", id="inf"),
    pytest.param("1e0", id="an exponent"),
    pytest.param("0x1", id="hex"),
    pytest.param("1_0", id="an underscore"),
    pytest.param("0\xb75", id="another point"),
    pytest.param(".", id="a point alone"),
    pytest.param("1.", id="a point at the end"),
    pytest.param("0.5.5", id="two points"),
    pytest.param("\u0661", id="a digit that is not ASCII"),
    pytest.param('"1"', id="in quotes"),
    pytest.param(" 1", id="space after the sign"),
    pytest.param("1 1", id="two numbers"),
]


@pytest.mark.parametrize(("text", "weight"), WEIGHTS)
@pytest.mark.parametrize(
    "form", ["a;q={}", "a;Q={}", "a \t;\tq={}  ", "a;level=1;q={}", "a;q={};x=y"]
)
def test_a_weight(form: str, text: str, weight: float) -> None:
    assert weights(form.format(text)) == {"a": weight}


@pytest.mark.parametrize("text", DOUBTS)
def test_a_doubt_is_a_refusal(text: str) -> None:
    assert weights(f"a;q={text}") == {"a": 0.0}
    assert choose_coding(f"gzip;q={text}", ALL) == "identity"
    assert choose_type(f"text/html;q={text}, text/plain;q=0.1", OFFERS) == TEXT


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param(" ,, \t,", {}, id="empty members"),
        pytest.param("A/B;Q=0.5", {"a/b": 0.5}, id="names in any case"),
        pytest.param("a;q", {"a": 0.0}, id="q without a sign"),
        pytest.param("a;q =1", {"a": 0.0}, id="space before the sign"),
        pytest.param("a;;q=0.5;", {"a": 0.5}, id="empty parameters"),
        pytest.param("a;qs=0.1;quality=0.2", {"a": 1.0}, id="other names that begin with q"),
        pytest.param("a;q=1;q=0.5", {"a": 0.5}, id="two weights: the lower"),
        pytest.param("a;q=0.5;q=1", {"a": 0.5}, id="two weights: the lower comes first"),
        pytest.param("a;q=0.5, A", {"a": 0.5}, id="a name twice: the lower weight"),
        pytest.param('a;x="1,2;q=0";q=0.5', {"a": 0.5}, id="quoted strings stay whole"),
        pytest.param('a;x="1, b;q=0', {"a": 1.0}, id="quotes that are never closed"),
        pytest.param("a" * 1025, {}, id="over 1,024 characters"),
    ],
)
def test_weights(field: str, expected: dict[str, float]) -> None:
    assert weights(field) == expected


# Codings


@pytest.mark.parametrize(
    ("field", "offers", "chosen"),
    [
        pytest.param(None, ALL, "identity", id="absent"),
        pytest.param("", ALL, "identity", id="empty"),
        pytest.param(" \t", ALL, "identity", id="blank"),
        pytest.param(",, ,", ALL, "identity", id="commas"),
        pytest.param("gzip", ALL, "gzip", id="one"),
        pytest.param("gzip", ("br",), "identity", id="one that is not offered"),
        pytest.param("GZip", ALL, "gzip", id="tower-http-215: names in any case"),
        pytest.param("gzip;Q=0.5,br;q=0.4", ALL, "gzip", id="tower-http-215: Q in any case"),
        pytest.param("x-gzip", ALL, "gzip", id="x-gzip is gzip"),
        pytest.param("x-gzip;q=0, gzip", ALL, "identity", id="x-gzip and gzip are one name"),
        pytest.param("x-gzip, gzip;q=0", ALL, "identity", id="gzip and x-gzip are one name"),
        pytest.param("gzip, deflate, br, zstd", ALL, "zstd", id="caddy-7772: ties by the offers"),
        pytest.param("gzip, deflate, br, zstd", ALL[::-1], "gzip", id="ties by other offers"),
        pytest.param("gzip;q=1.0, br;q=0.5", ALL, "gzip", id="the higher weight"),
        pytest.param("gzip;q=0.501, br;q=0.5", ALL, "gzip", id="the higher weight by a little"),
        pytest.param("gzip;q=0", ALL, "identity", id="whitenoise-352"),
        pytest.param("identity, gzip;q=0", ALL, "identity", id="whitenoise-707: refused"),
        pytest.param("x-gzip-really", ALL, "identity", id="whitenoise-707: another token"),
        pytest.param("gzip brotli spam", ALL, "identity", id="whitenoise-352: no list"),
        pytest.param("supergzip, gzipped", ALL, "identity", id="echo-3021"),
        pytest.param("bgzip, abr", ALL, "identity", id="hono-4951: substrings"),
        pytest.param("identity", ("gzip",), "identity", id="hono-4951: only what is accepted"),
        pytest.param("gzip;q=0.5;level=6, br;q=0.7", ALL, "br", id="klauspost-compress-1116"),
        pytest.param("identity;q=1, *;q=0", ALL, "identity", id="flask-compress-19"),
        pytest.param("*;q=0,gzip", ALL, "gzip", id="tower-http-693"),
        pytest.param("*", ALL, "zstd", id="a star: the first offer"),
        pytest.param("zstd;q=0, *", ALL, "br", id="a star is not what is named"),
        pytest.param("gzip;q=0.5, *;q=0.8", ALL, "zstd", id="a star gives its weight"),
        pytest.param("*;q=0.5, gzip", ALL, "gzip", id="a name above the star"),
        pytest.param("*;q=1, gzip;q=0.5", ("gzip",), "gzip", id="a star names no identity"),
        pytest.param("*, *;q=0", ALL, None, id="a star twice"),
        pytest.param("*", (), "identity", id="a star and no offers"),
        pytest.param("deflate", ALL, "identity", id="nothing that is offered"),
        pytest.param("gzip, identity", ALL, "gzip", id="identity of equal weight loses"),
        pytest.param("gzip;q=0.5, identity", ALL, "identity", id="identity of greater weight wins"),
        pytest.param("gzip, identity;q=0.5", ALL, "gzip", id="identity of lower weight loses"),
        pytest.param("identity;q=0.1", ALL, "identity", id="identity alone"),
        pytest.param("gzip;q=0.1", ALL, "gzip", id="identity not named is the last choice"),
        pytest.param("identity;q=0", ALL, None, id="identity refused, nothing else accepted"),
        pytest.param("identity;q=0, gzip", ALL, "gzip", id="identity refused, gzip accepted"),
        pytest.param("identity;q=0, *", ALL, "zstd", id="identity refused, all others accepted"),
        pytest.param("identity;q=0, deflate", ALL, None, id="identity refused, deflate not had"),
        pytest.param("*;q=0", ALL, None, id="everything refused"),
        pytest.param("*;q=0, identity;q=0.1", ALL, "identity", id="all but identity refused"),
        pytest.param("gzip\xa0, br;q=0.1", ALL, "br", id="a no-break space is no space"),
        pytest.param("gzip," + "x" * 1019, ALL, "gzip", id="1,024 characters"),
        pytest.param("gzip," + "x" * 1020, ALL, "identity", id="1,025 characters"),
        pytest.param("*;q=0," + "x" * 1020, ALL, "identity", id="1,025 characters, unparsed"),
    ],
)
def test_choose_coding(field: str | None, offers: tuple[str, ...], chosen: str | None) -> None:
    assert choose_coding(field, offers) == chosen
    assert choose_coding(field, list(offers)) == chosen


spaces = st.text(" \t", max_size=2)
decimals = st.integers(0, 1000).map(
    lambda thousandths: (f"{thousandths / 1000:.3f}", Fraction(thousandths, 1000))
)
doubts = st.sampled_from(["", "2", "-1", "nan", "1e0", "1.001", "x", "0.5.", "+0"]).map(
    lambda text: (text, Fraction(0))
)
spelled = st.one_of(decimals, decimals, doubts)
codings = st.sampled_from(
    ["zstd", "br", "gzip", "x-gzip", "deflate", "identity", "*", "gzi", "b r"]
)


@st.composite
def fields(draw: st.DrawFn, names: st.SearchStrategy[str]) -> tuple[str, dict[str, Fraction]]:
    """Draw a field together with what it means: each name to its weight."""
    means: dict[str, Fraction] = {}
    members: list[str] = []
    for name in draw(st.lists(names, max_size=6)):
        text = draw(st.sampled_from([name, name.upper(), name.title()]))
        if draw(st.booleans()):
            text += draw(st.sampled_from([";a=b", '; a="x,y;q=0"', ";", " ;level=1"]))
        weight = Fraction(1)
        if draw(st.booleans()):
            number, weight = draw(spelled)
            text += draw(spaces) + ";" + draw(spaces) + draw(st.sampled_from("qQ")) + "=" + number
            text += draw(st.sampled_from(["", ";x=y", " "]))
        members += [""] * draw(st.integers(0, 1))
        members.append(draw(spaces) + text + draw(spaces))
        key = "gzip" if name == "x-gzip" else name
        means[key] = min(weight, means.get(key, weight))
    return ",".join(members), means


@law
@given(fields(codings), st.permutations(ALL), st.integers(0, 3))
def test_law_choose_coding_agrees_with_an_oracle(
    case: tuple[str, dict[str, Fraction]], order: list[str], count: int
) -> None:
    """The field is written from its meaning; the answer follows from the meaning alone."""
    field, means = case
    offers = order[:count]
    weight = {offer: means.get(offer, means.get("*", Fraction(0))) for offer in offers}
    most = max([*weight.values(), Fraction(0)])
    best = [offer for offer in offers if weight[offer] == most > 0]
    refused = means.get("identity", means.get("*")) == 0
    kept = None if refused else "identity"
    expected = best[0] if best and means.get("identity", Fraction(0)) <= most else kept
    assert choose_coding(field, offers) == expected


# Media types


@pytest.mark.parametrize(
    ("field", "chosen", "document"),
    [
        # The rows of logging_errors.md 4.1.
        pytest.param(None, TEXT, HTML, id="none"),
        pytest.param("", TEXT, HTML, id="empty"),
        pytest.param(" , ", TEXT, HTML, id="blank"),
        pytest.param("*/*", TEXT, HTML, id="anything"),
        pytest.param("text/*", TEXT, HTML, id="any text"),
        pytest.param("text", TEXT, HTML, id="malformed: no slash"),
        pytest.param("*/html;;;q=,\x00/\xff", TEXT, HTML, id="malformed: junk"),
        pytest.param("+json", TEXT, HTML, id="malformed: only a suffix"),
        pytest.param("image/png", TEXT, HTML, id="nothing that fits"),
        pytest.param(FIREFOX, HTML, HTML, id="Firefox"),
        pytest.param(CHROME, HTML, HTML, id="Chrome"),
        pytest.param("application/json", PROBLEM, PROBLEM, id="json"),
        pytest.param("application/vnd.api+json", PROBLEM, PROBLEM, id="a +json type"),
        pytest.param("application/*", PROBLEM, PROBLEM, id="any application type"),
        pytest.param("application/json, text/plain, */*", PROBLEM, PROBLEM, id="axios"),
        pytest.param("text/html;q=0, */*", TEXT, TEXT, id="anything but html"),
        pytest.param("application/json;q=0.5, text/html;q=0.4", PROBLEM, PROBLEM, id="weights"),
        # What follows from them.
        pytest.param("text/html", HTML, HTML, id="html"),
        pytest.param("text/plain", TEXT, TEXT, id="text"),
        pytest.param("application/problem+json", PROBLEM, PROBLEM, id="problem"),
        pytest.param("TEXT/HTML", HTML, HTML, id="in capitals"),
        pytest.param("text/html;charset=utf-8", HTML, HTML, id="parameters are ignored"),
        pytest.param('text/html;x="a,b;q=0"', HTML, HTML, id="quoted parameters"),
        pytest.param("model/gltf+json", PROBLEM, PROBLEM, id="+json of another top type"),
        pytest.param("text/plain, application/json, text/html", HTML, HTML, id="ties by offers"),
        pytest.param("text/plain, application/json", PROBLEM, PROBLEM, id="ties by offers, two"),
        pytest.param("text/*, application/*", TEXT, HTML, id="wildcards tie"),
        pytest.param("text/html;q=0.4, */*;q=0.5", TEXT, TEXT, id="a wildcard above a name"),
        pytest.param("text/plain, */*", TEXT, TEXT, id="a name before a wildcard"),
        pytest.param("text/*;q=0.5, */*", PROBLEM, PROBLEM, id="the more specific wildcard counts"),
        pytest.param("application/json;q=0, */*", TEXT, HTML, id="json refused"),
        pytest.param("application/json;q=0, application/*", TEXT, HTML, id="an alias is specific"),
        pytest.param(
            "application/problem+json;q=0, application/json", TEXT, HTML, id="its own name counts"
        ),
        pytest.param(
            "application/json;q=0.2, application/ld+json;q=0.6, text/html;q=0.4",
            PROBLEM,
            PROBLEM,
            id="the best of several aliases",
        ),
        pytest.param("text/plain;q=0, */*", HTML, HTML, id="anything but text"),
        pytest.param("text/html;q=0", TEXT, TEXT, id="html refused, nothing else named"),
        pytest.param("*/*;q=0", TEXT, HTML, id="everything refused: never 406"),
        pytest.param("text/html," + "x" * 1014, HTML, HTML, id="1,024 characters"),
        pytest.param("text/html," + "x" * 1015, TEXT, HTML, id="1,025 characters"),
    ],
)
def test_choose_type(field: str | None, chosen: str, document: str) -> None:
    assert choose_type(field, OFFERS) == chosen
    assert choose_type(field, list(OFFERS), "empty") == chosen
    assert choose_type(field, OFFERS, "document") == document


def test_choose_type_among_other_offers() -> None:
    assert choose_type(None, ("text/plain",), "document") == "text/plain"
    assert choose_type("application/json", ("text/plain", "text/html")) == "text/html"
    assert choose_type("application/ld+json", ("application/json", "text/html")) == (
        "application/json"
    )


ranges = st.sampled_from(
    [*OFFERS, "application/json", "a/b+json", "*/*", "text/*", "application/*", "image/png", "x"]
)


@law
@given(fields(ranges), st.permutations(OFFERS))
def test_law_choose_type_agrees_with_an_oracle(
    case: tuple[str, dict[str, Fraction]], offers: list[str]
) -> None:
    """No other offer has more weight, nor the same weight and a better claim."""
    field, means = case
    json = [means[name] for name in ("application/json", "a/b+json") if name in means]

    def claim(offer: str) -> tuple[Fraction, bool, bool, int]:
        place = -offers.index(offer)
        if offer in means:
            return means[offer], True, False, place
        if offer == PROBLEM and json:
            return max(json), True, False, place
        covered = means.get(offer.split("/")[0] + "/*", means.get("*/*", Fraction(0)))
        return covered, False, offer == offers[-1], place

    best = max(offers, key=claim)
    assert choose_type(field, offers) == (best if claim(best)[0] else offers[-1])


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param(None, False, id="absent"),
        pytest.param("*/*", False, id="a wildcard"),
        pytest.param("text/*", False, id="half a wildcard"),
        pytest.param(FIREFOX, True, id="a browser"),
        pytest.param("Text/HTML;level=1;q=0.1", True, id="in any case, with parameters"),
        pytest.param("text/html;q=0", False, id="refused"),
        pytest.param("text/htmlx", False, id="a longer name"),
    ],
)
def test_names(field: str | None, expected: bool) -> None:
    assert names(field, "text/html") is expected


# Bounds


@law
@given(st.one_of(st.text(max_size=40), st.text('gzip*/+json;qQ=0.1 \t,"\\', max_size=60)))
def test_law_nothing_raises(field: str) -> None:
    """For any str there is an answer among the offers."""
    assert choose_coding(field, ALL) in (*ALL, "identity", None)
    assert choose_type(field, OFFERS) in OFFERS
    assert choose_type(field, OFFERS, field) in OFFERS
    assert names(field, "text/html") in (True, False)
    assert all(0.0 <= weight <= 1.0 for weight in weights(field).values())


def test_what_is_remembered_is_bounded() -> None:
    for number in range(2000):
        choose_coding(f"gzip;x={number}", ALL)
        choose_type(f"text/html;x={number}", OFFERS)
        choose_coding("x" * 2000 + str(number), ALL)
    for cache in (module._choose_coding, module._choose_type):
        info = cache.cache_info()
        assert info.maxsize is not None
        assert 256 <= info.maxsize <= 1024
        assert info.currsize <= info.maxsize


@pytest.mark.parametrize("unit", [",", ";", '"', "q=0.0,", "*", "a;q=0", "0"])
def test_a_long_field_comes_back(unit: str) -> None:
    field = unit * (2**20 // len(unit))
    assert choose_coding(field, ALL) == "identity"
    assert choose_type(field, OFFERS) == TEXT
    assert not names(field, "text/html")


@pytest.mark.parametrize("name", ["qX", "qs", "x", "qq", "quality"])
def test_a_parameter_that_only_begins_like_a_weight_is_none(name: str) -> None:
    assert weights(f"gzip;{name}=0") == {"gzip": 1.0}
