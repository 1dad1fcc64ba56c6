"""Tables for the terminal: aligned columns without lines, and the percentages in them."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], num_left: int = 1) -> list[str]:
    """The lines of a table; the first num_left columns are aligned left, the others right."""
    align = ["left"] * num_left + ["right"] * (len(header) - num_left)
    # The header goes in as a row because tabulate fails on a table without rows.
    return tabulate([header, *rows], tablefmt="plain", disable_numparse=True, colalign=align).split("\n")


def percent(part: float, whole: float) -> str:
    """A share with one decimal place; "-" of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"
