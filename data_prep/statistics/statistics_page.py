"""Statistics of a corpus -> one HTML file with figures, which needs no other file."""

from __future__ import annotations

from pathlib import Path

from data_prep.statistics import corpus_charts, tables
from data_prep.statistics.counts import CorpusStats
from ner_dist.atomic_file import whole_file
from ner_dist.pages.figure import drawing_style
from ner_dist.pages.templates import environment


@drawing_style()
def page(stats: CorpusStats) -> str:
    """The HTML. The same statistics give the same bytes."""
    template = environment(Path(__file__).parent, visible=tables.visible).get_template("statistics.html.j2")
    return template.render(stats=stats, tables=tables, charts=corpus_charts)


def write_page(out: Path, stats: CorpusStats) -> None:
    text = page(stats)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as file:
        file.write(text)
