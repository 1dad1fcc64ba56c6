"""Numbers as the templates of the report show them."""

from __future__ import annotations

from ner_dist.reporting.bootstrap import ScoreRow


def percent(value: float, places: int = 2) -> str:
    return f"{100 * value:.{places}f}"


def chance(probability: float) -> str:
    """Never rounded to 0 or 100 %."""
    if 0 < probability < 0.001 or 0.999 < probability < 1:
        return "< 0.1 %" if probability < 0.5 else "> 99.9 %"
    return f"{percent(probability, 1)} %"


def signed(value: float) -> str:
    """A difference of scores, in points."""
    return f"{100 * value:+.2f}".replace("-", "\N{MINUS SIGN}")


def floor(rows: list[ScoreRow]) -> int:
    """The percentage at which the axis of a table's intervals begins; it ends at 100."""
    lowest = min((100 * row.f1.low for row in rows), default=0)
    return 0 if lowest < 50 else int(lowest // 5) * 5 - 5 * (lowest % 5 < 1)


def place(value: float, floor: int) -> str:
    """The place of a score on that axis, in percent of its length."""
    return f"{100 * (100 * value - floor) / (100 - floor):.1f}"


def heat(number: int, largest: int) -> str:
    """Opacity of a cell's colour: by the square root, so that few errors still differ from none."""
    return f"{0.6 * (number / largest) ** 0.5 if largest else 0:.2f}"
