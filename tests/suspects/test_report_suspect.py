"""What a suspect says, and what it suggests: tags of lines, or entities by characters."""

from __future__ import annotations

from pathlib import Path

from corpus_sources import sources_of

from data_prep.problems import Finding, Problems
from data_prep.settings import Settings
from data_prep.suspects.disagreements import Disagreement, Suspect
from data_prep.suspects.pool import read_pool
from data_prep.suspects.report_suspect import report_suspect
from data_prep.writers.whole_records import TokenSpan


def findings(path: Path, text: str, found: Disagreement) -> list[Finding]:
    path.write_text(text, encoding="utf-8")
    pool, seen = read_pool(sources_of({"train": path}), Settings()), []
    report_suspect(Suspect(found, 0.91234), pool, Problems(seen.append))
    return [finding._replace(place=finding.place.removeprefix(str(path))) for finding in seen]


def test_tags_of_columns_are_in_the_scheme_of_the_file(tmp_path: Path) -> None:
    text = "Rome U-LOC\n\nAnn O\nLee U-LOC\nleft O\n"
    found = Disagreement(1, (TokenSpan(1, 2, "LOC"),), (TokenSpan(0, 2, "PER"),))
    # The type must occur somewhere.
    (finding,) = findings(tmp_path / "c", text + "\nAnn B-PER\nLee L-PER\n", found)
    assert (finding.kind, finding.place, finding.is_error) == ("suspect_border", ":3", False)
    assert finding.message == (
        "'Lee' LOC is annotated, but taggers that have not seen the sentence find 'Ann Lee' PER (confidence 0.91)"
    )
    assert finding.suggestion == {
        "action": "set_tags", "first_line": 3, "tags": ["B-PER", "L-PER"], "confidence": 0.9123
    }  # fmt: skip
    assert finding.record == {"text": "Ann Lee left", "entities": [[0, 7, "PER"]], "tokens": ["Ann", "Lee", "left"]}


def test_entities_of_texts_are_by_characters_of_their_record(tmp_path: Path) -> None:
    text = '{"text": "Rome fell. Ann Lee left.", "entities": [[0, 4, "LOC"], [11, 14, "PER"]], "document": "d1"}\n'
    found = Disagreement(1, (TokenSpan(0, 1, "PER"),), (TokenSpan(0, 2, "PER"),))
    (finding,) = findings(tmp_path / "c.jsonl", text, found)
    assert (finding.place, finding.document) == (":1", "d1")
    assert finding.suggestion == {
        "action": "replace", "entity": [11, 14, "PER"], "by": [11, 18, "PER"], "confidence": 0.9123
    }  # fmt: skip
    assert finding.record is not None
    assert finding.record["entities"] == [[0, 4, "LOC"], [11, 18, "PER"]]
    missed = Disagreement(0, (), (TokenSpan(1, 2, "LOC"),))
    (finding,) = findings(tmp_path / "c.jsonl", text, missed)
    assert finding.suggestion == {"action": "add", "entity": [5, 9, "LOC"], "confidence": 0.9123}
    assert finding.message.startswith("no entity is annotated here, but taggers that have not seen the sentence find ")


def test_each_change_by_characters_is_a_finding(tmp_path: Path) -> None:
    text = '{"text": "Ann Lee left.", "entities": [[0, 3, "PER"], [4, 7, "PER"]]}\n'
    found = Disagreement(0, (TokenSpan(0, 1, "PER"), TokenSpan(1, 2, "PER")), (TokenSpan(0, 2, "PER"),))
    first, second = findings(tmp_path / "c.jsonl", text, found)
    assert first.suggestion is not None
    assert (first.suggestion["action"], first.suggestion["by"]) == ("replace", [0, 7, "PER"])
    assert second.suggestion == {"action": "remove", "entity": [4, 7, "PER"], "confidence": 0.9123}
    # Both say what there would be after both.
    assert first.record == second.record
    assert first.record is not None
    assert first.record["entities"] == [[0, 7, "PER"]]
