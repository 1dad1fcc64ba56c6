"""The text that a launcher writes for another system: made from a template beside the launcher, then written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ner_dist.atomic_file import whole_file


def render(template: Path, filters: dict[str, Callable[[Any], str]], **values: Any) -> str:
    # Late, so that --help works without Jinja.
    from ner_dist.pages.templates import text_environment

    return text_environment(template.parent, **filters).get_template(template.name).render(values)


def write(text: str, path: str) -> None:
    """To a file, whole or not at all, or to standard output for -. Raises UserError if it cannot be written."""
    if path == "-":
        print(text, end="", flush=True)
    else:
        with whole_file(Path(path)) as file:
            file.write(text)
