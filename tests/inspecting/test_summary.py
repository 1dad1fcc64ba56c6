"""The table of a lexicon and the entities of train: what counts as matched, and as right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from corpus_sources import sources_of

from data_prep.__main__ import main
from data_prep.inspecting.summary import agreement_lines
from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings

SENTENCES = (
    # Right; right; a match that is not an entity; an entity of another type.
    "New/B-LOC York/I-LOC or/O Paris/B-LOC paris/O Paris/B-PER",
    # Too short; a partial match; none.
    "New/B-LOC York/I-LOC City/I-LOC York/O of/O Rome/B-LOC",
    # The end of one sentence and the beginning of the next are not a match.
    "Red/B-LOC",
    "Sea/B-LOC",
)


def built(tmp_path: Path, **lists: str) -> tuple[Path, dict[str, Path]]:
    (tmp_path / "lists").mkdir()
    for name, text in lists.items():
        (tmp_path / "lists" / f"{name}.txt").write_text(text)
    text = "\n\n".join("\n".join(pair.replace("/", " ") for pair in s.split()) for s in SENTENCES) + "\n"
    sources = {split: tmp_path / split for split in ("train", "dev")}
    for path in sources.values():
        path.write_text(text)
    return tmp_path / "lists", sources


def test_entities_found_and_matches_that_are_entities(tmp_path: Path) -> None:
    lists, sources = built(tmp_path, loc="New York\nParis\nYork Minster Museum\nRed Sea\nNew Rome", OTHER="York")
    index = build(sources_of(sources), Settings(num_shards=2, lexicon=str(lists)), tmp_path / "out", Problems())
    # Whole matches: New York twice, Paris three times.
    assert [line.split() for line in agreement_lines(tmp_path / "out", index)] == [
        [],
        ["lexicon", "in", "train", "entities", "matched", "whole", "matches", "right"],
        ["loc", "6", "33.3", "%", "5", "40.0", "%"],
    ]


def test_build_and_inspect_show_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists, sources = built(tmp_path, PER="Paris")
    row = re.compile(r"^PER +1 +100\.0 % +3 +33\.3 %$", re.M)
    files = [f"--{split}={path}" for split, path in sources.items()]
    assert main(["build", *files, f"--lexicon={lists}", f"--out={tmp_path / 'out'}", "--num-shards=1"]) == 0
    assert row.search(capsys.readouterr().out)
    assert main(["inspect", str(tmp_path / "out")]) == 0
    assert row.search(capsys.readouterr().out)


def test_no_lines_without_a_list_of_an_entity_type(tmp_path: Path) -> None:
    lists, sources = built(tmp_path, cities="Paris")
    for number, lexicon in enumerate((None, str(lists))):
        index = build(
            sources_of(sources), Settings(num_shards=1, lexicon=lexicon), tmp_path / f"out{number}", Problems()
        )
        assert agreement_lines(tmp_path / f"out{number}", index) == []
