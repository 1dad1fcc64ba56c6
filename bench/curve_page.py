"""A learning curve as a page of its own; the report shows it beside scores."""

from __future__ import annotations

from pathlib import Path

from ner_dist.pages.figure import drawing_style
from ner_dist.pages.templates import environment
from ner_dist.reporting import learning_curve
from ner_dist.reporting.learning_curve import LearningCurve


@drawing_style()
def page(curve: LearningCurve) -> str:
    """The HTML; the same curve gives the same bytes."""
    template = environment(Path(__file__).parent).get_template("curve.html.j2")
    return template.render(curve=curve, shown=learning_curve)
