"""The page in a browser: it colours what is typed, whatever is typed, and loads nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from browser import Visit, open_page
from stub_service import RunningService, StubTagger, running_service

# A character of two UTF-16 units, a sequence of several code points, a combining mark, and text from right to left.
FOREIGN = "👩‍🚀 Samantha 🇮🇹 Zu\u0308rich \U0001d538da שלום Ada"
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> Ada </textarea><b>Bob"


class LocationStub(StubTagger):
    """Also finds locations, with low confidence."""

    def stream(self, documents: Any, *, certainty: bool = True) -> Any:
        for document in super().stream(documents):
            entities = [e._replace(type="LOC", confidence=0.4) if "i" in e.text else e for e in document.entities]
            yield document._replace(entities=entities)


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service(stub=LocationStub()) as found:
        yield found


@pytest.fixture(scope="module")
def visit(service: RunningService) -> Iterator[Visit]:
    with open_page(f"http://127.0.0.1:{service.port}/") as found:
        yield found
        # Whatever the tests did: no exception, nothing blocked by the policy, no address but the service's.
        assert found.complaints == []
        assert all(request.startswith((f"http://127.0.0.1:{service.port}/", "data:")) for request in found.requests)


def shown(visit: Visit, text: str) -> list[tuple[str, str]]:
    """The marks of a text, once it is answered."""
    visit.page.fill("#text", text)
    visit.page.wait_for_function("text => !found.classList.contains('stale') && shown.text === text", arg=text)
    assert visit.page.locator("#found").text_content() == text
    marks = visit.page.locator("mark")
    return [(mark.text_content(), mark.get_attribute("data-type")) for mark in marks.all()]


def test_what_is_typed_is_coloured(visit: Visit) -> None:
    assert shown(visit, "met Ada\nin Paris") == [("Ada", "PER"), ("Paris", "LOC")]
    assert visit.page.locator("mark.unsure").all_text_contents() == ["Paris"]
    assert visit.page.locator("#summary").text_content().startswith("2 entities, ")
    visit.page.press("#text", "End")
    visit.page.type("#text", " with Bob")
    visit.page.locator("mark", has_text="Bob").wait_for()
    assert shown(visit, "") == []


def test_marks_follow_an_edit_before_the_answer(visit: Visit, service: RunningService) -> None:
    shown(visit, "Ada met Bob")
    service.stub.free.clear()
    marks = visit.page.locator("mark")
    visit.page.fill("#text", "👋 Ada met Bob")
    assert marks.all_text_contents() == ["Ada", "Bob"]
    visit.page.fill("#text", "👋 Ada met Rob")
    # What the edit touched is not an entity until the model finds it.
    assert marks.all_text_contents() == ["Ada"]
    service.stub.free.set()
    marks.filter(has_text="Rob").wait_for()


def test_markup_in_a_text_stays_text(visit: Visit) -> None:
    visit.page.on("dialog", lambda dialog: pytest.fail("a script of the text has run"))
    assert [text for text, _ in shown(visit, HOSTILE)] == ["Ada"]
    assert visit.page.locator("#found img, #found script, #found b").count() == 0


def test_places_are_right_beyond_the_first_65536_characters(visit: Visit) -> None:
    expected = [("Samantha", "PER"), ("Zu\u0308rich", "LOC"), ("\U0001d538da", "PER"), ("Ada", "PER")]
    assert shown(visit, FOREIGN) == expected


def test_types_are_switched_off_and_on_by_keyboard(visit: Visit) -> None:
    shown(visit, "met Ada in Paris")
    legend = visit.page.locator("#legend button")
    assert legend.all_text_contents() == ["LOC1", "PER1"]
    legend.first.focus()
    visit.page.keyboard.press("Enter")
    assert legend.first.get_attribute("aria-pressed") == "false"
    assert visit.page.locator("mark.off").all_text_contents() == ["Paris"]
    # It keeps the focus, so that the same key switches back.
    visit.page.keyboard.press("Enter")
    assert visit.page.locator("mark.off").count() == 0


def test_an_entity_shows_its_confidence_to_pointer_and_keyboard(visit: Visit) -> None:
    shown(visit, "met Ada in Paris")
    tip = visit.page.locator("#tip")
    visit.page.locator("mark").first.hover()
    assert (tip.is_visible(), tip.text_content()) == (True, "PER, 98.8 % sure")
    visit.page.locator("mark").last.focus()
    assert tip.text_content() == "LOC, 40.0 % sure"
    visit.page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_the_answer_is_shown_as_json(visit: Visit) -> None:
    shown(visit, "met Ada")
    visit.page.locator("summary", has_text="JSON").click()
    answer = json.loads(visit.page.locator("#json").text_content())
    assert [(e["start"], e["end"], e["text"]) for e in answer["entities"]] == [(4, 7, "Ada")]


def test_examples_are_a_click_away(visit: Visit) -> None:
    buttons = visit.page.locator("#examples button")
    for place in range(buttons.count()):
        buttons.nth(place).click()
        visit.page.wait_for_function("() => !found.classList.contains('stale') && found.querySelector('mark')")
        assert visit.page.locator("#found").text_content() == visit.page.input_value("#text")


@pytest.mark.parametrize("width", [420, 1280])
def test_nothing_overflows(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    shown(visit, "Ada" * 200 + " " + FOREIGN)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_refusal_is_shown_and_removed(visit: Visit) -> None:
    problem = visit.page.locator("#problem")
    visit.page.fill("#text", "long " * 4000)
    problem.wait_for()
    assert problem.text_content().startswith("This text cannot be tagged: text has 20000 characters; ")
    assert shown(visit, "Ada") == [("Ada", "PER")]
    assert not problem.is_visible()
    require_failed_requests(visit)


def test_a_server_that_is_gone_is_shown(visit: Visit) -> None:
    visit.page.route("**/tag", lambda route: route.abort())
    visit.page.fill("#text", "Bob")
    visit.page.locator("#problem", has_text="The server does not answer").wait_for()
    visit.page.unroute("**/tag")
    # Without any action.
    visit.page.locator("mark", has_text="Bob").wait_for()
    assert not visit.page.locator("#problem").is_visible()
    require_failed_requests(visit)


def require_failed_requests(visit: Visit) -> None:
    """The browser has complained of nothing else."""
    assert visit.complaints
    assert all(complaint.startswith("Failed to load resource") for complaint in visit.complaints)
    visit.complaints.clear()
