"""train.begin_from: what a new run takes over from a trained one, by name, on any number of ranks and once only."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_sources import sources_of
from thread_comm import on_ranks

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist import config
from ner_dist.config import Config
from ner_dist.contract.shard_format import read_index, read_vocab
from ner_dist.ranks.comm import JobError, Solo
from ner_dist.run import checkpoint
from ner_dist.training import loop
from ner_dist.training.begin_from import read_origin
from ner_dist.training.startup import new_learner


@pytest.fixture(scope="module")
def more_shards(synth_corpus: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the corpus, some of whose words are new and some of whose LOC are WATER: other words, types, order."""
    folder = tmp_path_factory.mktemp("more")
    corpus = {}
    for split, path in synth_corpus.items():
        sentences = path.read_text(encoding="utf-8").strip().split("\n\n")
        changed = [text.replace("-LOC", "-AWATER") if n % 3 == 0 else text for n, text in enumerate(sentences[::2])]
        corpus[split] = folder / path.name
        new = "".join(f"Zyzzyva{letter} NNP O O\n" for letter in "abab") + "Ω NNP O O\n"
        corpus[split].write_text("\n\n".join([*changed, new]) + "\n", encoding="utf-8")
    build(sources_of(corpus), Settings(num_shards=4, num_buckets=3), folder / "shards", Problems())
    return folder / "shards"


def settings(shards: Path, knobs: list[str], model: Path, *more: object) -> Config:
    words = ["--data.shards", shards, *knobs, "--train.begin_from", model, *more]
    return config.parse(list(map(str, words)))[0]


def begun(chosen: Config, comm: Any) -> tuple[dict[str, np.ndarray], Any]:
    index = read_index(chosen.data.shards)
    origin = read_origin(chosen, index, comm)
    learner = new_learner(chosen, index, comm, origin=origin)
    assert origin is not None
    return learner.state(), origin.facts


def test_the_same_shards_begin_with_its_parameters(synth_shards: Path, tiny_knobs: list[str], tiny_run: Path) -> None:
    state, facts = begun(settings(synth_shards, tiny_knobs, tiny_run), Solo())
    saved = checkpoint.load(tiny_run / "checkpoints" / "best")
    np.testing.assert_array_equal(state["words"], saved.words())
    for name, array in saved.parameters().items():
        np.testing.assert_array_equal(state[f"parameter/{name}"], array)
    assert all(found == total for found, total in facts.carried.values())
    assert (facts.checkpoint, facts.epoch, facts.shards) == ("best", 4, saved.index.fingerprint())
    sentence = facts.sentence()
    assert sentence.startswith(f"begun from {tiny_run}, best checkpoint, epoch 4: 4 of 4 types, ")
    assert sentence.endswith(" values of token features carried over")
    assert "feature_pos" in facts.carried


def test_rows_follow_their_names_to_other_vocabularies_and_types(
    synth_shards: Path, more_shards: Path, tiny_knobs: list[str], tiny_run: Path
) -> None:
    chosen = settings(more_shards, tiny_knobs, tiny_run)
    state, facts = begun(chosen, Solo())
    drawn = new_learner(chosen, read_index(more_shards), Solo()).state()
    saved = checkpoint.load(tiny_run / "checkpoints" / "best")
    old, new = read_index(synth_shards), read_index(more_shards)
    old_words, words = (read_vocab(place, read_index(place), "word")["values"] for place in (synth_shards, more_shards))
    for row, word in enumerate(words):
        known = word in old_words
        expected = saved.words()[old_words.index(word)] if known else drawn["words"][row]
        np.testing.assert_array_equal(state["words"][row], expected, err_msg=word)
    assert "zyzzyvaa" in words
    old_chars, chars = (read_vocab(place, read_index(place), "char")["values"] for place in (synth_shards, more_shards))
    name = "parameter/char_cnn.char.weight"
    np.testing.assert_array_equal(state[name][chars.index("Ω")], drawn[name][chars.index("Ω")])
    np.testing.assert_array_equal(state[name][chars.index("a")], saved.arrays[name][old_chars.index("a")])
    assert "AWATER" in new.entity_types
    assert "AWATER" not in old.entity_types
    for name in ("emission.weight", "emission.bias"):
        for row, kind in enumerate(new.entity_types):
            found = state[f"parameter/{name}"][1 + 4 * row : 5 + 4 * row]
            place = old.entity_types.index(kind) if kind in old.entity_types else None
            source = drawn[f"parameter/{name}"] if place is None else saved.parameters()[name]
            first = 1 + 4 * (row if place is None else place)
            np.testing.assert_array_equal(found, source[first : first + 4])
    assert facts.carried["types"] == [len(new.entity_types) - 1, len(new.entity_types)]
    assert facts.carried["words"] == [sum(word in old_words[2:] for word in words[2:]), len(words) - 2]
    # Five characters are those of no character and of unknown ones.
    assert facts.carried["characters"][1] == len(chars) - 5


def test_ranks_begin_as_one_process_does(
    synth_shards: Path, more_shards: Path, tiny_knobs: list[str], tiny_run: Path, rich_run: Path
) -> None:
    # From a model with vectors, more features and a CRF; word units are those of its vectors.
    more = ("--model.word_units", 5, "--loss.likelihood", "sentence", "--train.average", 0.9)
    chosen = settings(more_shards, tiny_knobs, rich_run, *more)
    alone, _ = begun(chosen, Solo())
    saved = checkpoint.load(rich_run / "checkpoints" / "best")
    between = alone["parameter/transitions.between"]
    types, old_types = read_index(more_shards).entity_types, saved.index.entity_types
    begins, old_begins = 1 + 4 * types.index("PER"), 1 + 4 * old_types.index("PER")
    assert between[begins, begins + 1] == saved.parameters()["transitions.between"][old_begins, old_begins + 1]
    assert not between[1 + 4 * types.index("AWATER")].any()
    # A model without them begins with those that are usual.
    with_crf = settings(synth_shards, tiny_knobs, tiny_run, "--loss.likelihood", "sentence")
    state, facts = begun(with_crf, Solo())
    assert not state["parameter/transitions.between"].any()
    assert facts.sentence().endswith(" carried over; begun as usual: transitions")
    # What is averaged begins there, too.
    np.testing.assert_array_equal(alone["average_words"], alone["words"])
    for state, _ in on_ranks(3, lambda comm: begun(chosen, comm)):
        assert {name: array.tobytes() for name, array in state.items()} == {
            name: array.tobytes() for name, array in alone.items()
        }


def test_input_columns_follow_their_part_when_a_feature_is_left_out(
    synth_shards: Path, tiny_knobs: list[str], tiny_run: Path
) -> None:
    state, _ = begun(settings(synth_shards, tiny_knobs, tiny_run, "--model.features", "[caps]"), Solo())
    saved = checkpoint.load(tiny_run / "checkpoints" / "best").parameters()
    names = [feature.name for feature in read_index(synth_shards).features]
    units = [saved[f"feature_{name}.weight"].shape[1] for name in names]
    # The words' 8 units, the 6 filters of characters, then the features.
    first = 14 + sum(units[: names.index("caps")])
    kept = [*range(14), *range(first, first + units[names.index("caps")])]
    matrix, old = (
        array[: 4 * 8 * (len(array) // 32 - 8 - 2)].reshape(32, -1)
        for array in (state["parameter/lstm.0.forward_lstm"], saved["lstm.0.forward_lstm"])
    )
    np.testing.assert_array_equal(matrix, old[:, kept])
    np.testing.assert_array_equal(state["parameter/lstm.0.forward_lstm"][-64:], saved["lstm.0.forward_lstm"][-64:])


def test_other_sizes_are_named_with_both_values(synth_shards: Path, tiny_knobs: list[str], tiny_run: Path) -> None:
    chosen = settings(synth_shards, tiny_knobs, tiny_run, "--model.lstm_units", 9, "--model.char_width", 5)
    with pytest.raises(JobError) as caught:
        begun(chosen, Solo())
    assert str(caught.value) == (
        f"--train.begin_from {tiny_run}: its parameters have other shapes: --model.lstm_units 8, here 9, "
        f"--model.char_width 3, here 5; --like {tiny_run} trains with its knobs"
    )


def test_what_is_no_run_is_refused(synth_shards: Path, tiny_knobs: list[str], tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"neither the directory of a run, with checkpoints/best, nor of a checkpoint$"):
        begun(settings(synth_shards, tiny_knobs, tmp_path), Solo())
    (tmp_path / "tagger.json").touch()
    with pytest.raises(JobError, match="this is an export, whose parameters are not those of training; name the run"):
        begun(settings(synth_shards, tiny_knobs, tmp_path), Solo())


def test_a_run_reads_its_origin_once_and_says_so_at_the_end(
    more_shards: Path, tiny_knobs: list[str], tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = Path(shutil.copytree(tiny_run / "checkpoints" / "best", tmp_path / "old"))
    knobs = ("--run", tmp_path / "run", "--train.epochs", 1, "--train.device", "cpu", "--train.hang_seconds", 0)
    chosen = settings(more_shards, tiny_knobs, origin, *knobs)
    loop.train(chosen, "new", Solo(), show_progress=False)
    assert capsys.readouterr().out.startswith(f"begun from {origin}, old checkpoint, epoch 4: ")
    first = json.loads((tmp_path / "run" / "result.json").read_text())
    assert first["begun_from"]["model"] == str(origin)
    # It goes on without it.
    shutil.rmtree(origin)
    again = dataclasses.replace(chosen, train=dataclasses.replace(chosen.train, epochs=2, resume=True))
    loop.train(again, "new", Solo(), show_progress=False)
    assert "begun from" not in capsys.readouterr().out
    second = json.loads((tmp_path / "run" / "result.json").read_text())
    assert second["begun_from"] == first["begun_from"]
    assert second["epochs"] == 2
