"""A model is opened by the directory of its run, of a checkpoint or of its export, on shards that belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ner_dist.errors import UserError
from ner_dist.evaluate import evaluate_tagger
from ner_dist.ranks.comm import Solo
from ner_dist.scoring.gold_shards import gold_shards
from ner_dist.scoring.open_model import open_model, open_on_gold


def test_a_checkpoint_is_scored_as_its_run(text_run: Path) -> None:
    place = text_run / "checkpoints" / "best"
    of_run, of_checkpoint = evaluate_tagger(text_run, "dev"), evaluate_tagger(place, "dev")
    assert of_checkpoint["origin"] == "checkpoint, epoch 4"
    assert of_run == {**of_checkpoint, "origin": "best checkpoint, epoch 4", "model": str(text_run)}
    assert open_model(place, "dev", device="cpu", comm=Solo()).unknown_types == {}


def test_shards_of_another_model_are_refused(
    text_run: Path, rich_run: Path, synth_shards: Path, synth_corpus: dict[str, Path]
) -> None:
    with gold_shards(rich_run, "best", [synth_corpus["test"]], [], Solo()) as directory:
        assert open_on_gold(rich_run, directory, device="cpu", comm=Solo()).split == "test"
        for wrong in (directory, synth_shards):
            with pytest.raises(UserError, match=f"was not built like {text_run}; build it with --like"):
                open_on_gold(text_run, wrong, device="cpu", comm=Solo())
    assert not directory.exists()
