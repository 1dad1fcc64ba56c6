"""The Jinja environments of all pages, and of files that are not HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2


def environment(folder: Path, **filters: Any) -> jinja2.Environment:
    """Templates of a folder, which may extend base.html.j2 and import macros.html.j2 of this one.

    All text is escaped, and an unknown name is an error.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(filters, count="{:,}".format)
    return made


def text_environment(folder: Path, **filters: Any) -> jinja2.Environment:
    """Templates of Markdown, YAML and shell scripts: nothing is escaped but by filters. A comment is <# ... #>."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Not {#, which is in Bash's ${#...}.
        comment_start_string="<#",
        comment_end_string="#>",
    )
    made.filters.update(filters, count="{:,}".format)
    return made
