"""The Jinja environment of every page."""

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
