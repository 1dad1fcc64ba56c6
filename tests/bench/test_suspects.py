"""bench.suspects: the mistakes that are planted, which suspects are about them, and the record."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from corpus_sources import sources_of

from bench import suspects
from bench.planted_mistakes import KINDS, Mistake, plant_mistakes, with_mistakes
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.suspects.pool import Pool, read_pool
from data_prep.writers.whole_records import TokenSpan


@pytest.fixture(scope="module")
def pool(synth_corpus: dict[str, Path]) -> Pool:
    return read_pool(sources_of({"train": synth_corpus["train"]}), Settings())


def test_a_share_of_the_entities_gets_mistakes_of_each_kind(pool: Pool) -> None:
    mistakes = plant_mistakes(pool, 0.1, 1)
    num_entities = sum(len(sentence.gold) for sentence in pool.sentences)
    assert len(mistakes) == round(0.1 * num_entities)
    assert mistakes == plant_mistakes(pool, 0.1, 1) != plant_mistakes(pool, 0.1, 2)
    assert set(Counter(mistake.kind for mistake in mistakes)) == set(KINDS)
    assert len({mistake.sentence for mistake in mistakes}) == len(mistakes)
    for mistake in mistakes:
        before, after = mistake.before, mistake.after
        if mistake.kind == "missed":
            assert after is None
        elif mistake.kind == "type":
            assert after is not None
            assert (after.first, after.end) == (before.first, before.end)
            assert after.type != before.type
        else:
            assert after is not None
            assert abs(after.first - before.first) + abs(after.end - before.end) == 1


def test_with_mistakes_the_corpus_differs_in_nothing_else(pool: Pool) -> None:
    mistakes = {mistake.sentence: mistake for mistake in plant_mistakes(pool, 0.1, 1)}
    for number, (tokens, gold) in enumerate(with_mistakes(pool, list(mistakes.values()))):
        old = pool.sentences[number]
        assert tokens == old.tokens
        assert all(one.end <= other.first for one, other in zip(gold, gold[1:]))
        changed = {mistakes[number].before, mistakes[number].after} - {None} if number in mistakes else set()
        assert set(gold) ^ set(old.gold) == changed


def test_suspects_are_compared_and_recorded(
    synth_corpus: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted: list[Mistake] = []

    def plant(clean: Pool, share: float, seed: int) -> list[Mistake]:
        planted.extend(plant_mistakes(clean, share, seed))
        return planted

    def find(sources: Any, settings: Settings, num: int, folds: int, problems: Problems, bars: Any) -> None:
        """The first mistake, the same once more, and a place without one."""
        pool = read_pool(sources, settings)
        line = pool.sentences[planted[0].sentence].lines[planted[0].tokens[0]]
        for first in (line, line, 1):
            change = {"action": "set_tags", "first_line": first, "tags": ["O"]}
            problems.warn("suspect_type", f"corpus:{first}", "what", suggestion=change)

    monkeypatch.setattr(suspects, "plant_mistakes", plant)
    monkeypatch.setattr(suspects, "find_suspects", find)
    suspects.main([str(synth_corpus["train"]), "--share", "0.05", "--results", str(tmp_path), "--command", "bench it"])
    (found,) = json.loads((tmp_path / "results.json").read_text())
    assert found["command"] == "bench it"
    assert (found["kind"], found["suspects"], sum(found["found"].values())) == ("suspects", 3, 1)
    assert sum(found["planted"].values()) == len(planted)
    assert found["random_order"] == round(3 * len(planted) / found["entities"], 1)
    assert f"| **all** | {len(planted)} | **1** |" in (tmp_path / "RESULTS.md").read_text()
    assert f"| **all** | {len(planted)} | **1** |" in capsys.readouterr().out


def test_a_border_is_not_moved_over_another_entity(pool: Pool) -> None:
    crowded = pool.sentences[0]._replace(tokens=["a", "b"], gold=[TokenSpan(0, 1, "X"), TokenSpan(1, 2, "X")])
    small = pool._replace(sentences=[crowded] * 20, entity_types=["X", "Y"])
    assert "border" not in {mistake.kind for mistake in plant_mistakes(small, 0.5, 0)}
