"""One rank's parts put together: the stream of its steps, wherever it begins and however many ranks there are."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchanged_steps import exchanged_steps
from published_shards import empty_store, published_shards
from thread_comm import ThreadComm, on_ranks

from ner_dist import config
from ner_dist.config import Config
from ner_dist.contract.shard_format import read_index, write_index
from ner_dist.data.shard_reader import train_chapters, train_rows
from ner_dist.data.step_plan import steps_per_epoch
from ner_dist.ranks.comm import JobError, Solo
from ner_dist.stores.published import publish
from ner_dist.training.elastic import Kept
from ner_dist.training.epoch_windows import WINDOW_STEPS
from ner_dist.training.startup import new_learner, new_word_dropout, open_shards, shards_here


@pytest.fixture(scope="module")
def settings(synth_shards: Path, tiny_knobs: list[str]) -> Config:
    # 320 sentences of training in batches of 10: more steps than one window has.
    return config.parse([*tiny_knobs, "--data.shards", str(synth_shards), "--train.batch_sentences", "10"])[0]


def stream(settings: Config, comm: Any, first_step: int = 0) -> list[tuple[int, list[int], list[int], int]]:
    """(step, this rank's sentences, words of all ranks, sentences of all ranks) of each step."""
    index, splits = open_shards(settings, comm)
    word_dropout = new_word_dropout(settings, index, comm)
    return [
        (step.step_id, batch.sentence_id_B.tolist() if batch else [], shared.ids_U.tolist(), shared.num_sentences)
        for step, batch, shared in exchanged_steps(settings, index, splits["train"], word_dropout, comm, 2, first_step)
    ]


@pytest.fixture(scope="module")
def alone(settings: Config) -> list[tuple[int, list[int], list[int], int]]:
    return stream(settings, Solo())


def test_an_epoch_is_every_sentence_once(settings: Config, alone: list[Any], synth_shards: Path) -> None:
    num_steps = steps_per_epoch(train_rows(settings, read_index(synth_shards)), 10)
    assert num_steps > 2 * WINDOW_STEPS
    assert [step_id for step_id, *_ in alone] == list(range(num_steps))
    assert sorted(sentence for _, mine, *_ in alone for sentence in mine) == list(range(320))
    assert all(num_sentences == len(mine) for _, mine, _, num_sentences in alone)


@pytest.mark.parametrize("first_step", [1, 16, 17, 33])
def test_a_stream_may_begin_at_any_step(settings: Config, alone: list[Any], first_step: int) -> None:
    assert stream(settings, Solo(), first_step) == alone[first_step:]


def test_a_stream_that_begins_at_the_end_is_empty(settings: Config, alone: list[Any]) -> None:
    assert stream(settings, Solo(), len(alone)) == []


@pytest.mark.parametrize("num_ranks", [2, 5, 8])
def test_ranks_share_each_step_and_know_all_of_its_words(settings: Config, alone: list[Any], num_ranks: int) -> None:
    ranks = on_ranks(num_ranks, lambda comm: stream(settings, comm))
    assert {len(steps) for steps in ranks} == {len(alone)}
    for parts, (step_id, sentences, words, num_sentences) in zip(zip(*ranks), alone):
        assert {part[0] for part in parts} == {step_id}
        assert sorted(sentence for part in parts for sentence in part[1]) == sorted(sentences)
        assert all(part[2:] == (words, num_sentences) for part in parts)


def in_chapters(settings: Config) -> Config:
    """The same with memory for a fraction of each shard alone."""
    return dataclasses.replace(settings, data=dataclasses.replace(settings.data, memory_mb=0.002))


def test_chapters_are_those_of_the_memory_allowed(settings: Config, synth_shards: Path) -> None:
    assert train_chapters(settings, read_index(synth_shards)) == 1
    assert train_chapters(in_chapters(settings), read_index(synth_shards)) > 2


@pytest.mark.parametrize("num_ranks", [1, 2, 4])
def test_a_stream_in_chapters_is_every_sentence_once_and_the_same_on_all_ranks(
    settings: Config, alone: list[Any], num_ranks: int
) -> None:
    ranks = on_ranks(num_ranks, lambda comm: stream(in_chapters(settings), comm))
    steps = [sorted(sentence for part in parts for sentence in part[1]) for parts in zip(*ranks)]
    assert sorted(sentence for sentences in steps for sentence in sentences) == list(range(320))
    [expected] = on_ranks(1, lambda comm: stream(in_chapters(settings), comm))
    assert steps == [sorted(sentences) for _, sentences, *_ in expected]
    assert steps[0] != sorted(alone[0][1])
    for rank in ranks:
        assert [(step_id, *shared) for step_id, _, *shared in rank] == [(i, *shared) for i, _, *shared in expected]


@pytest.mark.parametrize("num_ranks", [1, 3])
def test_a_stream_in_chapters_may_begin_at_any_step(settings: Config, num_ranks: int) -> None:
    whole = on_ranks(num_ranks, lambda comm: stream(in_chapters(settings), comm))
    for first in (1, 17, len(whole[0]) - 1, len(whole[0])):
        found = on_ranks(num_ranks, lambda comm, first=first: stream(in_chapters(settings), comm, first))
        assert found == [steps[first:] for steps in whole]


def with_shards(settings: Config, shards: object) -> Config:
    return dataclasses.replace(settings, data=dataclasses.replace(settings.data, shards=str(shards)))


@pytest.mark.parametrize("num_ranks", [1, 2])
@pytest.mark.parametrize("in_parts", [False, True])
def test_a_stream_from_a_store_is_that_from_the_disk(
    settings: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_ranks: int, in_parts: bool
) -> None:
    on_disk = in_chapters(settings) if in_parts else settings
    in_store = with_shards(on_disk, published_shards(Path(settings.data.shards), tmp_path, monkeypatch))
    found = on_ranks(num_ranks, lambda comm: stream(shards_here(in_store, comm, Kept()), comm))  # type: ignore[arg-type]
    assert found == on_ranks(num_ranks, lambda comm: stream(on_disk, comm))


def test_ranks_read_one_build_whatever_is_published_meanwhile(
    settings: Config, synth_shards: Path, rich_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = published_shards(synth_shards, tmp_path, monkeypatch)
    in_store, kept = with_shards(settings, address), [Kept(), Kept()]
    # Rank 0 goes on after a change of ranks; rank 1 has come new.
    shards_here(in_store, Solo(), kept[0])
    publish(rich_shards, address, "index.json")
    found = on_ranks(2, lambda comm: shards_here(in_store, comm, kept[comm.rank]).data.shards)  # type: ignore[arg-type]
    for folder in found:
        assert read_index(folder) == read_index(synth_shards)
    [alone] = on_ranks(1, lambda comm: shards_here(in_store, comm, Kept()).data.shards)  # type: ignore[arg-type]
    assert read_index(alone) == read_index(rich_shards)


def test_shards_that_a_store_does_not_have_are_told_to_all(
    settings: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_store(tmp_path, monkeypatch)

    def attempt(comm: ThreadComm) -> str:
        with pytest.raises(JobError) as caught:
            shards_here(with_shards(settings, "s3://b/none"), comm, Kept())  # type: ignore[arg-type]
        return str(caught.value)

    assert {message.split(",")[0] for message in on_ranks(2, attempt)} == {"s3://b/none: there is no such object"}


def test_what_is_wrong_with_shards_in_a_store_is_told_by_their_address(
    settings: Config, synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(shutil.copytree(synth_shards, empty_store(tmp_path, monkeypatch) / "mine"))
    (place / "train-00003.parquet").unlink()
    with pytest.raises(JobError, match=r"^s3://b/mine/train-00003\.parquet: listed in index\.json but missing"):
        open_shards(shards_here(with_shards(settings, "s3://b/mine"), Solo(), Kept()), Solo())


def test_every_rank_begins_with_the_same_parameters(settings: Config) -> None:
    def begin(comm: ThreadComm) -> dict[str, np.ndarray]:
        index, _ = open_shards(settings, comm)  # type: ignore[arg-type]
        return new_learner(settings, index, comm).state()  # type: ignore[arg-type]

    first, *others = on_ranks(2, begin)
    for other in others:
        assert list(other) == list(first)
        for name, array in first.items():
            np.testing.assert_array_equal(other[name], array)


@pytest.mark.parametrize("split", ["train", "dev"])
def test_shards_without_a_split_that_training_needs_are_refused(
    settings: Config, synth_shards: Path, tmp_path: Path, split: str
) -> None:
    shards = Path(shutil.copytree(synth_shards, tmp_path / "shards"))
    index = read_index(shards)
    write_index(shards, dataclasses.replace(index, splits={k: v for k, v in index.splits.items() if k != split}))
    other = dataclasses.replace(settings, data=config.Data(str(shards)))
    with pytest.raises(JobError, match=f"shards: has no {split} split, which training needs; rebuild the shards"):
        open_shards(other, Solo())


def test_more_ranks_than_shards_is_told_to_all(settings: Config) -> None:
    def attempt(comm: ThreadComm) -> str:
        with pytest.raises(JobError) as caught:
            open_shards(settings, comm)  # type: ignore[arg-type]
        return str(caught.value)

    assert {message.split(",")[0] for message in on_ranks(9, attempt)} == {"9 ranks but only 8 shards"}


def test_a_rule_that_cannot_be_made_is_told_to_all(settings: Config) -> None:
    wrong = dataclasses.replace(settings, optimizer=config.Optimizer(params={"momentum": 1.0}))

    def attempt(comm: ThreadComm) -> str:
        index, _ = open_shards(wrong, comm)  # type: ignore[arg-type]
        with pytest.raises(JobError) as caught:
            new_learner(wrong, index, comm)  # type: ignore[arg-type]
        return str(caught.value)

    for message in on_ranks(2, attempt):
        assert message.startswith("--optimizer.params does not fit --optimizer.name adam (")
