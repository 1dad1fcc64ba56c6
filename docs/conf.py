"""Sphinx configuration of these pages: `make docs` builds them in docs/_build/html, without network access."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The project, whose knobs and commands the reference describes, and generated.py next to this file.
sys.path[:0] = [str(HERE.parent), str(HERE)]

from ner_dist import __version__  # noqa: E402

project = "ner-dist"
version = release = __version__
# No dates and no authors, so that the same sources give the same pages.
project_copyright = ""
html_show_copyright = False
html_show_sphinx = False
html_last_updated_fmt = None

extensions = ["myst_parser", "sphinx_copybutton", "generated"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
# Headings down to this level can be linked to, as page.md#heading.
myst_heading_anchors = 3
myst_links_external_new_tab = False

# What commands print has no button, only what one types.
copybutton_selector = ":not(.highlight-output) > div.highlight pre"

html_theme = "furo"
html_title = "ner-dist"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_copy_source = False
# The summaries of search results are fetched, which browsers forbid to pages opened from disk.
html_show_search_summary = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
