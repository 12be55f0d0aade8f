"""The site builds without a warning, its examples run, and nothing public is missing on it."""

from __future__ import annotations

import doctest
import fcntl
import html
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import wsgimw
from tests.venvs import ROOT
from wsgimw.cli import COMMANDS
from wsgimw.testing.rules import RULES

DOCS = ROOT / "docs"
FENCE = re.compile(r"^```\{code\} (\w+) ?(.*)\n```$", re.MULTILINE)
SITE_WIDTHS = (360, 1280)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; what Sphinx warns of is an error."""
    return build("html", tmp_path_factory)


def build(builder: str, factory: pytest.TempPathFactory) -> Path:
    """Run Sphinx, once for all workers of a run; return where it wrote to."""
    pytest.importorskip("sphinx")
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    out, log = base / f"site-{builder}", base / f"site-{builder}.log"
    command = [sys.executable, "-m", "sphinx", "-b", builder, "-W", "--keep-going", "-n", "-q"]
    command += ["-d", str(base / "doctrees"), str(DOCS), str(out)]
    with open(base / "site.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not log.exists():
            done = subprocess.run(
                command,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
            )
            log.write_text(done.stdout if done.returncode else "")
    assert log.read_text() == ""
    return out


class Links(HTMLParser):
    """Collect the anchors and the links of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src") and value is not None:
                self.links.append(value)


@pytest.mark.slow
def test_no_dead_link(site: Path) -> None:
    pages = {path: Links(path) for path in site.rglob("*.html")}
    assert len(pages) > 30
    dead = [
        f"{path.relative_to(site)}: {link}"
        for path, found in pages.items()
        for link in found.links
        if not urlsplit(link).scheme and not leads(path, link, pages)
    ]
    assert dead == []


def leads(page: Path, link: str, pages: dict[Path, Links]) -> bool:
    """Tell whether a local link leads to a file, and to an anchor that is there."""
    parts = urlsplit(link)
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.exists():
        return False
    return not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].ids


@pytest.mark.slow
def test_the_site_asks_nobody_else(site: Path) -> None:
    """Fonts, scripts and styles are files of the site."""
    for page in site.rglob("*.html"):
        fetched = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]*)"', page.read_text())
        assert [url for url in fetched if urlsplit(url).netloc] == []


@pytest.mark.slow
def test_examples_of_the_docstrings_run_on_their_pages(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    summary = (build("doctest", tmp_path_factory) / "output.txt").read_text()
    assert int(re.findall(r"^ *(\d+) tests$", summary, re.MULTILINE)[-1]) > 100


@pytest.mark.slow
def test_tables_of_docstrings_are_tables(site: Path) -> None:
    page = (site / "reference" / "compress.html").read_text()
    assert "<td><p><code" in page and "<strong>What it decides.</strong>" in page
    assert "|" not in re.sub(r"<pre>.*?</pre>|<script.*?</script>", "", page, flags=re.DOTALL)


@pytest.mark.slow
def test_all_rules_and_commands_are_there(site: Path) -> None:
    rules = html.unescape((site / "reference" / "rules.html").read_text())
    assert [rule.number for rule in RULES.values() if f"{rule.number}. " not in rules] == []
    cli = (site / "reference" / "cli.html").read_text()
    assert [command.name for command in COMMANDS if f"wsgimw {command.name}" not in cli] == []


# ---- without building -----------------------------------------------------------------------


def on_pages(kind: str) -> Iterator[str]:
    """Yield what the pages take from the code."""
    for path in DOCS.rglob("*.md"):
        for found, names in FENCE.findall(path.read_text()):
            if found == kind:
                yield from names.split()


# Whose names are for users. The rest of a layer's package is its own affair.
PUBLIC = [
    "wsgimw",
    *("wsgimw.access_log", "wsgimw.auth", "wsgimw.errors", "wsgimw.request_id"),
    *("wsgimw.routing", "wsgimw.static", "wsgimw.testing"),
]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_has_an_entry(module: str) -> None:
    importlib.import_module(module)
    own = sys.modules[module]
    shown = {id(value_of(name)) for name in on_pages("api")}
    assert [name for name in own.__all__ if id(getattr(own, name)) not in shown] == []


def value_of(name: str) -> Any:
    home, _, short = name.rpartition(".")
    importlib.import_module(home)
    return getattr(sys.modules[home], short)


def test_no_name_has_two_entries() -> None:
    names = [value_of(name) for name in on_pages("api")]
    assert len({id(value) for value in names}) == len(names)


def test_every_module_on_a_page_is_on_one() -> None:
    modules = list(on_pages("module"))
    assert len(set(modules)) == len(modules)
    known = {"wsgimw", *(m.name for m in pkgutil.walk_packages(wsgimw.__path__, "wsgimw."))}
    assert set(modules) <= known


def test_every_page_is_in_one_toctree() -> None:
    entries: list[Path] = []
    for path in DOCS.rglob("*.md"):
        for toctree in re.findall(r"^```\{toctree\}\n(.*?)^```$", path.read_text(), re.S | re.M):
            names = [line for line in toctree.splitlines() if line and not line.startswith(":")]
            entries += [(path.parent / f"{name}.md").resolve() for name in names]
    pages = set(DOCS.rglob("*.md")) - {DOCS / "index.md"}
    assert sorted(entries) == sorted(pages)


def test_keys_of_environ_are_told() -> None:
    told = set(
        re.findall(r"`(wsgimw\.\w+|wsgiorg\.\w+)`", (DOCS / "reference/environ.md").read_text())
    )
    used = set()
    for path in (ROOT / "wsgimw").rglob("*.py"):
        text = path.read_text()
        used |= set(re.findall(r'environ(?:\.get\(|\.setdefault\(|\[)"(ws\w+\.\w+)"', text))
        used |= set(re.findall(r'^\w*KEY\w* = "(ws\w+\.\w+)"', text, re.MULTILINE))
    own = {key for key in used if key.startswith(("wsgimw.", "wsgiorg."))}
    assert own and own <= told


@pytest.mark.parametrize(
    ("docstring", "text"),
    [
        pytest.param("One.\n\nTwo.", "One.\n\nTwo.", id="text"),
        pytest.param(
            "One.\n>>> 1\n1\n", "One.\n\n```{doctest} m\n>>> 1\n1\n```", id="an example is fenced"
        ),
        pytest.param(
            ">>> 1\n1\n\nText.\n\n>>> 2\n2",
            "```{doctest} m\n>>> 1\n1\n```\n\nText.\n\n```{doctest} m\n>>> 2\n2\n```",
            id="two examples",
        ),
        pytest.param("| a |\n| --- |\n| 1 |", "| a |\n| --- |\n| 1 |", id="a table"),
    ],
)
def test_markdown_of_a_docstring(
    docstring: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    assert importlib.import_module("pages_from_code").markdown(docstring, "m") == text


def test_the_example_of_the_extension_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    assert doctest.testmod(importlib.import_module("pages_from_code")) == (0, 1)


@pytest.mark.parametrize(
    ("name", "begin", "words"),
    [
        pytest.param(
            "wsgimw.Compress",
            "`````{py:class} wsgimw.Compress(*, codings=('zstd', 'br', 'gzip'), levels=..., ",
            ["- **min_size** (`int`, default `500`): A body known"],
            id="a layer and its options",
        ),
        pytest.param(
            "wsgimw.compose",
            "````{py:function} wsgimw.compose(*layers)\n",
            ["Stack layers, the first the outermost"],
            id="a function",
        ),
        pytest.param(
            "wsgimw.errors.HTTPError",
            "`````{py:exception} wsgimw.errors.HTTPError(status",
            [],
            id="an exception",
        ),
        pytest.param(
            "wsgimw.testing.Report",
            "`````{py:class} wsgimw.testing.Report(layer, results)",
            ["````{py:property} failures"],
            id="properties",
        ),
    ],
)
def test_entry(name: str, begin: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    entry = importlib.import_module("pages_from_code").entry(name)
    assert entry.startswith(begin)
    assert [word for word in words if word not in entry] == []


# ---- in a browser ---------------------------------------------------------------------------

OVERFLOW = """() => [...document.querySelectorAll("body *")].filter((element) => {
  const box = element.getBoundingClientRect();
  if (!box.width || box.right <= innerWidth + 1 || box.left >= innerWidth) return false;
  for (let up = element; up; up = up.parentElement) {
    const style = getComputedStyle(up);
    if (style.overflowX !== "visible" || style.position === "fixed") return false;
  }
  return true;
}).map((element) => element.outerHTML.slice(0, 120))"""


@pytest.mark.slow
@pytest.mark.parametrize("width", SITE_WIDTHS)
def test_nothing_overflows(site: Path, browser: Any, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    try:
        for path in sorted(site.rglob("*.html")):
            if path.name in ("genindex.html", "py-modindex.html", "search.html"):
                continue
            page.goto(path.as_uri(), wait_until="domcontentloaded")
            assert (path.name, page.evaluate(OVERFLOW)) == (path.name, [])
            wide = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
            assert (path.name, wide <= 0) == (path.name, True)
    finally:
        page.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "waterfall"), [(360, "waterfall-narrow"), (1280, "waterfall")])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_picture_is_seen_once(
    site: Path, browser: Any, width: int, waterfall: str, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        page.goto((site / "onion.html").as_uri())
        seen = page.evaluate(
            "[...document.querySelectorAll('article img')].filter((one) => one.offsetWidth)"
            ".map((one) => [one.src.split('/').pop(), one.offsetWidth === one.naturalWidth])"
        )
    finally:
        page.close()
    assert seen == [[f"onion-{scheme}.svg", True], [f"{waterfall}-{scheme}.svg", True]]
