"""The built pages: no warnings in the build or the browser, nothing loaded from other hosts, and no overflow."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from browser import Visit, open_page
from pages import DOCS, pages
from processes import ROOT, alone, run

NARROW = 420


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the built pages."""
    pytest.importorskip("sphinx", reason="Sphinx is not installed: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("docs")
    finished = run(
        alone("sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", folder / "d", DOCS, folder / "html"), ROOT
    )
    assert (finished.code, finished.err) == (0, "")
    return folder / "html"


def address(built: Path, page: str) -> str:
    return (built / page.replace(".md", ".html")).resolve().as_uri()


def overflow(visit: Visit) -> int:
    """By how many pixels the page is wider than the window."""
    width: int = visit.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def test_every_page_opens_without_complaint_overflow_or_request_to_others(built: Path) -> None:
    with open_page(built / "index.html") as visit:
        for page in pages():
            visit.page.set_viewport_size({"width": 1280, "height": 900})
            visit.page.goto(address(built, page))
            assert visit.page.locator("h1").count() == 1, page
            visit.page.set_viewport_size({"width": NARROW, "height": 900})
            assert overflow(visit) <= 0, page
        assert visit.complaints == []
        assert [request for request in visit.requests if not request.startswith(("file:", "data:"))] == []


def test_the_search_finds_a_knob(built: Path) -> None:
    with open_page(f"{address(built, 'search.html')}?q=dropout_singletons") as visit:
        found = visit.page.locator("#search-results li a")
        found.first.wait_for()
        assert any("knobs" in link.get_attribute("href") for link in found.all())
        assert visit.complaints == []


def test_what_one_types_can_be_copied_and_what_is_printed_cannot(built: Path) -> None:
    with open_page(built / "tutorial.html") as visit:
        visit.page.locator(".highlight-sh button.copybtn").first.wait_for(state="attached")
        assert visit.page.locator(".highlight-sh button.copybtn").count() == visit.page.locator(".highlight-sh").count()
        assert visit.page.locator(".highlight-output button.copybtn").count() == 0


def test_a_command_is_read_whole_at_1300_pixels(built: Path) -> None:
    with open_page(built / "reference/commands/prep-build.html", width=1300) as visit:
        wide = visit.page.evaluate(
            "[...document.querySelectorAll('article pre, .table-wrapper')].filter(e => e.scrollWidth > e.clientWidth)"
            ".length"
        )
        assert wide == 0


def test_pages_can_be_read_without_javascript(built: Path) -> None:
    with open_page(built / "tutorial.html", javascript=False) as visit:
        assert visit.page.locator("text=make shards").count() > 0


def test_the_built_pages_name_no_other_host_and_no_path_of_this_machine(built: Path) -> None:
    for path in built.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"([^\"]+)\"", text)
        assert [name for name in loaded if re.match(r"(?:https?:)?//", name)] == [], path.name
        assert str(ROOT) not in text, path.name


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="Sphinx is not installed: pip install -e '.[docs]'")
    (tmp_path / "index.md").write_text("# Page\n\nSee [another](absent.md) and [a heading](#absent).\n")
    settings = ["-D", "extensions=myst_parser", "-D", "myst_heading_anchors=3"]
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-C", *settings, str(tmp_path), str(tmp_path / "out")]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
