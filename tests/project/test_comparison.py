"""docs/COMPARISON.md: every cell has a source, every source is used, and our figures are the measured ones."""

from __future__ import annotations

import re

import pytest
from processes import ROOT

PAGE = ROOT / "docs" / "COMPARISON.md"
TEXT = PAGE.read_text(encoding="utf-8")
BODY = re.sub(r"(?m)^\[\^[\w-]+\]: .*$", "", TEXT)
MARK = re.compile(r"\[\^([\w-]+)\]")
SOURCES = re.findall(r"(?m)^\[\^([\w-]+)\]: (.+)$", TEXT)
SYSTEMS = ["ner-dist", "spaCy", "Flair", "NCRF++", "run_ner", "NeMo 2.3", "DeLFT"]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def claims(text: str) -> list[tuple[str, str, str]]:
    """(topic, system, cell) of every table; its first two lines name the systems."""
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        head, rule, *rows = table.splitlines()
        assert cells(head) == ["", *SYSTEMS]
        assert set(rule) <= set("|-")
        for row in rows:
            topic, *values = cells(row)
            assert len(values) == len(SYSTEMS), row
            found += [(topic, system, value) for system, value in zip(SYSTEMS, values)]
    return found


def unsourced(text: str) -> list[tuple[str, str]]:
    return [(topic, system) for topic, system, cell in claims(text) if not MARK.search(cell) or MARK.match(cell)]


def test_every_claim_has_a_source() -> None:
    assert len(claims(BODY)) > 100
    assert unsourced(BODY) == []


def test_a_claim_without_a_source_would_be_found() -> None:
    head, row = "| | " + " | ".join(SYSTEMS) + " |\n|---|\n", ["yes[^a]"] * len(SYSTEMS)
    row[2] = "yes"
    assert unsourced(head + "| CRF | " + " | ".join(row) + " |\n") == [("CRF", "Flair")]


def test_the_sources_are_those_that_are_named() -> None:
    names = [name for name, _ in SOURCES]
    assert len(names) == len(set(names))
    assert set(names) == set(MARK.findall(BODY))


def test_our_claims_rest_on_this_project_and_others_on_theirs() -> None:
    for topic, system, cell in claims(BODY):
        ours = [name for name in MARK.findall(cell) if name.startswith("o-")]
        assert bool(ours) == (system == "ner-dist"), (topic, system)


@pytest.mark.parametrize(("name", "source"), SOURCES, ids=[name for name, _ in SOURCES])
def test_a_source_can_be_looked_up(name: str, source: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", source)
    if name.startswith("o-"):
        assert len(links) == 1
        assert (PAGE.parent / links[0]).exists()
    else:
        assert all(link.startswith("https://") for link in links)
        assert links or re.match(r"[\w-]+ \d[\w.]*[^:]*: `", source), "neither a link nor a file of a released package"


def test_our_figures_are_the_measured_ones() -> None:
    results = (ROOT / "job" / "RESULTS.md").read_text(encoding="utf-8")
    rows = r"^\| (?:CoNLL-2003 test, entity F1|the same with the lexicon, on train and dev).*$"
    measured = re.findall(rows, results, re.M)
    [cell] = [cell for topic, system, cell in claims(BODY) if system == "ner-dist" and "CoNLL-2003" in topic]
    figures = re.findall(r"\d+\.\d+ ± \d+\.\d+", cell)
    assert len(figures) == len(measured) == 2
    for figure, line in zip(figures, measured):
        assert f"**{figure}" in line
