"""The page of statistics: complete in itself, escaped, and readable in a browser."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import open_page
from corpus_sources import sources_of
from made_statistics import counted, run_stats

from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.statistics.counts import stats_of_files
from data_prep.statistics.statistics_page import page
from data_prep.statistics.tables import text_lines


class Elements(HTMLParser):
    """Names, ids and loaded addresses of a page; fails where an element is not closed."""

    EMPTY = ("meta", "link", "br", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        values = dict(attrs)
        if values.get("id"):
            self.ids[str(values["id"])] += 1
        self.addresses += [str(values[name]) for name in ("src", "href", "xlink:href") if values.get(name)]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_holds_all_it_needs_and_is_always_the_same(sources: dict[str, Path]) -> None:
    text = page(counted(sources))
    assert text == page(counted(sources))
    elements = Elements(text)
    # Types, sentence lengths, entity lengths, new entities, types that share texts.
    assert elements.names["svg"] == 5
    assert elements.names["script"] == elements.names["img"] == 0
    # The empty icon, so that a browser does not ask for one.
    assert [address for address in elements.addresses if not address.startswith("#")] == ["data:,"]
    assert [name for name, count in elements.ids.items() if count > 1] == []
    # Every colour of a picture has become one of the page.
    pictures = "".join(re.findall("<svg .*?</svg>", text, re.S))
    assert not re.search("#[0-9a-f]{6}", pictures.replace("#000000", ""))
    for variable in set(re.findall(r"var\(--([\w-]+)\)", text)) - {"share", "colour", "font", "mono"}:
        assert text.count(f"--{variable}: #") == 2, f"{variable}, in light and in dark"


def test_what_a_corpus_says_is_text_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("<script>alert(1)</script>\tB-<b>&$x_1$\n中\tB-中文\n\n" * 2)
    text = page(stats_of_files(sources_of({"<i>": tmp_path / "in"}), Settings(), Problems()))
    elements = Elements(text)
    assert elements.names["script"] == elements.names["i"] == 0
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    # In the pictures, too, and not as a formula.
    assert ">&lt;b&gt;&amp;$x_1$</text>" in text
    assert "中文</text>" in text


@pytest.mark.parametrize("text", ["a O\n", "a B-X\n", "a O\n\nb O\nc O\n"])
def test_the_smallest_corpora_have_a_page(tmp_path: Path, text: str) -> None:
    (tmp_path / "in").write_text(text)
    stats = stats_of_files(sources_of({"corpus": tmp_path / "in"}), Settings(format="conll"), Problems())
    assert Elements(page(stats)).names["svg"] == (3 if "B-X" in text else 1)
    assert text_lines(stats)


def test_many_types_are_all_in_the_tables(tmp_path: Path) -> None:
    rows = "".join(f"w{i} B-TYPE{i:02d}\nw0 B-TYPE{i:02d}\n\n" for i in range(40))
    (tmp_path / "in").write_text(rows)
    text = page(stats_of_files(sources_of({"train": tmp_path / "in", "dev": tmp_path / "in"}), Settings(), Problems()))
    assert all(f"TYPE{i:02d}" in text for i in range(40))


def test_a_browser_shows_the_page_light_and_dark_and_on_a_phone(
    capsys: pytest.CaptureFixture[str], sources: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "page.html"
    code, text, _ = run_stats(capsys, "--train", sources["train"], "--dev", sources["dev"], "--out", out)
    assert (code, text.endswith(f"\n{out}\n"), sorted(out.parent.iterdir())) == (0, True, [out])
    with open_page(out) as visit:
        page = visit.page
        grounds = []
        for dark, width in ((False, 1280), (True, 420), (False, 420)):
            page.emulate_media(color_scheme="dark" if dark else "light")
            page.set_viewport_size({"width": width, "height": 900})
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            # Every picture has room, and its letters can be read.
            assert all(box["width"] > 300 for box in (svg.bounding_box() for svg in page.locator("svg").all()))
            heights = page.evaluate(
                "[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height)"
            )
            assert min(heights) > 9
        assert grounds[0] == grounds[2] != grounds[1]
        fonts = "['body', 'svg text'].map(name => getComputedStyle(document.querySelector(name)).fontFamily)"
        assert len(set(page.evaluate(fonts))) == 1
        # The bars of train differ between light and dark: the pictures follow the page.
        fills = set()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            fills.add(page.evaluate("getComputedStyle(document.querySelector('svg path[style*=\"--c0\"]')).fill"))
        assert len(fills) == 2
        page.locator("summary").first.click()
        assert page.locator("details table").first.is_visible()
        assert (visit.complaints, visit.requests) == ([], [])
