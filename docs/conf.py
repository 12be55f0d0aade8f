"""The configuration of the documentation: `python -m sphinx -W -n docs site`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

from wsgimw import __version__  # noqa: E402  (found by the line above)

project = "wsgimw"
author = "The wsgimw authors"
copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.doctest", "pages_from_code"]
exclude_patterns = ["_ext", "_static", "data"]
nitpicky = True
smartquotes = False  # a quote in a text about code is meant as it is
# No inventory of the standard library can be asked without a network.
nitpick_ignore_regex = [(r"py:.*", r"(collections\.abc|os|typing|_typeshed\.wsgi)\..*")]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# The examples of a page run in order, each page by itself; tests/test_docs.py runs its snippets.
doctest_test_doctest_blocks = ""

html_theme = "furo"
html_title = "wsgimw"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5d69", "color-brand-content": "#0b5d69"},
    "dark_css_variables": {"color-brand-primary": "#7fd1de", "color-brand-content": "#7fd1de"},
}
highlight_language = "text"
