"""Figures within a page: its colours and fonts, tooltips, unique ids, and text that stays text."""

from __future__ import annotations

import re

from ner_dist.pages.figure import Chart, Picture, drawing_style


def drawn(name: str, label: str = "label") -> Picture:
    with drawing_style():
        chart = Chart(name, "Title", "what there is to see")
        chart.dot(1, 2, "#0072b2", "a <tip>")
        chart.axes.set_xlabel(label)
        return chart.picture()


def test_a_figure_has_the_colours_of_the_page_and_tooltips() -> None:
    svg = str(drawn("name", "人 in $ & $").svg)
    assert "var(--c0)" in svg
    assert "<title>a &lt;tip&gt;</title>" in svg
    assert "人 in $ &amp; $" in svg
    assert not re.search(r"#[0-9a-f]{6}", svg.replace("#000000", ""))
    assert "<style" not in svg
    assert 'aria-label="what there is to see"' in svg


def test_the_same_figure_is_the_same_text_but_for_its_ids() -> None:
    one, other = (str(drawn(name).svg) for name in ("one", "other"))
    assert str(drawn("one").svg) == one
    ids = [set(re.findall(r'\bid="([^"]*)"', svg)) for svg in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, known in zip((one, other), ids):
        assert set(re.findall(r"url\(#([^)]*)\)", svg)) | set(re.findall(r'href="#([^"]*)"', svg)) <= known


def test_text_that_looks_like_a_colour_or_a_reference_stays_as_it_is() -> None:
    hostile = '#0072b2 id="x" url(#y) <b>'
    escaped = hostile.replace("<", "&lt;").replace(">", "&gt;")
    assert f">{escaped}</text>" in str(drawn("name", hostile).svg)
