"""Compares the output that a page shows with what the command has printed."""

from __future__ import annotations

import itertools
import re

_NUMBER = r"\d[\d,]*(?:\.\d+)?"
# Numbers before these units differ from run to run.
_TIMES = r"(?= ?(?:tokens/s|MB|s)\b)"


def difference(shown: str, printed: str, about: bool) -> str | None:
    """How the output differs from what the page shows, or None; a line `...` stands for any number of lines."""
    if about:
        # Which epochs are the best so far is as variable as their scores.
        shown, printed = (text.replace(" *  ", "  ") for text in (shown, printed))
    patterns = [None if line.strip() == "..." else _pattern(line) for line in shown.splitlines()]
    lines = printed.rstrip("\n").splitlines()
    place, anywhere = 0, False
    for text, pattern in zip(shown.splitlines(), patterns):
        if pattern is None:
            anywhere = True
            continue
        rest = itertools.islice(lines, place, None if anywhere else place + 1)
        found = next((n for n, line in enumerate(rest, place) if _same(text, pattern, line, about)), None)
        if found is None:
            return f"it does not print {text!r} there"
        place, anywhere = found + 1, False
    if place < len(lines) and not anywhere:
        return f"it also prints {lines[place]!r}"
    return None


def _pattern(line: str) -> re.Pattern[str]:
    parts = re.split(rf"({_NUMBER}|\.\.\.|\s+)", line.strip())
    words = {"...": ".*"}
    made = [
        words.get(part) or (r"\s+" if part.isspace() else f"({_NUMBER})" if part[:1].isdigit() else re.escape(part))
        for part in parts
        if part
    ]
    return re.compile("".join(made))


def _same(shown: str, pattern: re.Pattern[str], printed: str, about: bool) -> bool:
    found = pattern.fullmatch(printed.strip())
    if not found:
        return False
    # For each number of the line, whether it is a time, a speed or a size.
    timed = [bool(re.match(_TIMES, shown[number.end() :])) for number in re.finditer(_NUMBER, shown)]
    pairs = zip(re.findall(_NUMBER, shown), found.groups(), timed)
    return all(free or _near(one, other, about) for one, other, free in pairs)


def _near(one: str, other: str, about: bool) -> bool:
    if not about:
        return one == other
    first, second = (float(text.replace(",", "")) for text in (one, other))
    return abs(first - second) <= max(0.05 * abs(first), 1.5 if "." in one else 10)
