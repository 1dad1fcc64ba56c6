"""The page in a browser: it colours what is typed, whatever is typed, and loads nothing from elsewhere."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Visit, open_page
from stub_service import RunningService, StubTagger, running_service, stub_source

from ner_dist.serving.models import ModelSource
from ner_dist.serving.served_model import Loads
from ner_dist.serving.tokens import Tokens

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
    # Looked at by the clock: a page on which nothing changes may have no frames to look at.
    is_answered = "text => !found.classList.contains('stale') && shown.text === text"
    visit.page.wait_for_function(is_answered, arg=text, polling=50)
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
        is_marked = "() => !found.classList.contains('stale') && found.querySelector('mark')"
        visit.page.wait_for_function(is_marked, polling=50)
        assert visit.page.locator("#found").text_content() == visit.page.input_value("#text")


@pytest.mark.parametrize("width", [390, 768, 1300])
def test_nothing_overflows(visit: Visit, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    shown(visit, "Ada" * 200 + " " + FOREIGN)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_text_that_is_too_long_is_said_where_the_user_looks(visit: Visit) -> None:
    problem, panel = visit.page.locator("#problem"), visit.page.locator("section.panel").first
    visit.page.fill("#text", "long " * 4000)
    visit.page.press("#text", "Control+End")
    problem.wait_for()
    sentence = "The text has 20,000 characters; this server takes at most 10,000 at a time. Shorten it, or separate "
    assert problem.text_content().startswith(sentence)
    # In the window, in the panel of the text, which is marked.
    box = problem.bounding_box()
    assert 0 <= box["y"] <= box["y"] + box["height"] <= visit.page.viewport_size["height"]
    assert panel.locator("#problem").count() == 1
    assert visit.page.get_attribute("#text", "aria-invalid") == "true"
    assert visit.page.locator("mark").count() == 0
    assert shown(visit, "Ada") == [("Ada", "PER")]
    assert not problem.is_visible()
    assert visit.page.get_attribute("#text", "aria-invalid") is None


def test_a_refusal_is_shown_and_removed(visit: Visit) -> None:
    problem = visit.page.locator("#problem")
    visit.page.fill("#text", "refuse me")
    problem.wait_for()
    assert problem.text_content() == "This text cannot be tagged: this text cannot be tagged."
    assert shown(visit, "Ada") == [("Ada", "PER")]
    assert not problem.is_visible()
    require_failed_requests(visit)


def test_several_texts_are_tagged_by_themselves(visit: Visit, service: RunningService) -> None:
    visit.page.check("#several")
    text = f"\n{FOREIGN}\nin Paris\n  \n\nto Bob\n"
    expected = [("Samantha", "PER"), ("Zu\u0308rich", "LOC"), ("\U0001d538da", "PER"), ("Ada", "PER")]
    assert shown(visit, text) == [*expected, ("Paris", "LOC"), ("Bob", "PER")]
    assert service.stub.batches[-1] == [f"{FOREIGN}\nin Paris", "to Bob"]
    assert visit.page.locator("#count").text_content().endswith(", 2 texts")
    visit.page.uncheck("#several")


def test_entities_below_a_threshold_are_hidden(visit: Visit) -> None:
    shown(visit, "met Ada in Paris")
    visit.page.locator("#threshold").fill("70")
    assert visit.page.locator("mark.off").all_text_contents() == ["Paris"]
    assert visit.page.locator("#legend button").all_text_contents() == ["LOC0", "PER1"]
    assert visit.page.locator("#summary").text_content().startswith("1 entity, 1 hidden, ")
    visit.page.locator("#threshold").fill("0")
    assert visit.page.locator("mark.off").count() == 0


def test_entities_and_json_are_copied_with_a_click(visit: Visit) -> None:
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown(visit, "met Ada in Paris")
    copied = []
    for name in ("Copy entities", "Copy JSON"):
        visit.page.locator("button", has_text=name).click()
        visit.page.locator("button", has_text="Copied").first.wait_for()
        copied.append(visit.page.evaluate("navigator.clipboard.readText()"))
        visit.page.locator("button", has_text=name).wait_for()
    assert copied[0] == "Ada\tPER\t0.987654\nParis\tLOC\t0.4"
    assert len(json.loads(copied[1])["entities"]) == 2


def test_the_model_is_named_and_its_facts_are_there(visit: Visit) -> None:
    shown(visit, "Ada")
    visit.page.locator("#model", has_text="stub@1, F1 50.00 on dev").wait_for()
    visit.page.locator("summary", has_text="Which model this is").click()
    assert "0" * 64 in visit.page.locator("#identity").text_content()


@contextlib.contextmanager
def another_page(visit: Visit, service: RunningService) -> Iterator[Visit]:
    """In the same browser, because there can be only one."""
    page = visit.page.context.browser.new_page()
    page.goto(f"http://127.0.0.1:{service.port}/")
    yield Visit(page, [], [])
    page.close()


def test_a_token_is_asked_for_and_used(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token-of-this-test")
    with running_service(tokens=Tokens(tmp_path / "token")) as service, another_page(visit, service) as other:
        for token, sentence in (("wrong", "This is not it."), ("a-token-of-this-test", "")):
            other.page.locator("#token-panel").wait_for()
            other.page.fill("#token", token)
            other.page.press("#token", "Enter")
            if sentence:
                other.page.locator("#token-problem", has_text=sentence).wait_for()
        other.page.locator("mark").first.wait_for()
        assert not other.page.locator("#token-panel").is_visible()
        assert shown(other, "met Ada") == [("Ada", "PER")]


def test_one_of_several_models_is_chosen(visit: Visit) -> None:
    sources = [stub_source(StubTagger), ModelSource("other", lambda: Loads(LocationStub, None))]
    with running_service(sources=sources) as service, another_page(visit, service) as other:
        assert shown(other, "in Paris") == [("Paris", "PER")]
        other.page.select_option("#route", "other")
        assert shown(other, "in Paris ") == [("Paris", "LOC")]


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
