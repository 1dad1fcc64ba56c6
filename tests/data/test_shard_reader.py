"""The reader: every field of every sentence as in the corpus, in one chapter or many, on any number of ranks."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from corpus_sources import sources_of
from published_shards import fetched, published_shards
from row_groups import group_sizes, regroup

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.config import Config
from ner_dist.contract.shard_format import CHAR_TYPES, CHAR_UNK_IDS, UNK_ID, Index, read_index, read_vocab
from ner_dist.contract.shard_place import shard_folder
from ner_dist.contract.shard_tables import open_shard
from ner_dist.contract.spelling import capitalisation, char_type
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.contract.word_lookup import normalise
from ner_dist.data.batch import Batch
from ner_dist.data.chapters import num_chapters
from ner_dist.data.shard_reader import ShardReader, open_splits
from ner_dist.data.step_plan import Step, epoch_steps, owned_shards
from ner_dist.stores.addresses import StoreError

ALL = list(range(8))


class Expected(NamedTuple):
    """A sentence as ids, straight from the corpus and the vocabularies."""

    words: list[int]
    chars: list[list[int]]
    tags: list[int]
    features: list[list[int]]


def expected_sentences(corpus: Path, shards: Path, index: Index) -> list[Expected]:
    """By sentence id."""
    ids = {name: {v: i for i, v in enumerate(read_vocab(shards, index, name)["values"])} for name in index.vocab}
    found = []
    for text in corpus.read_text().strip().split("\n\n"):
        tokens, pos, _, tags = zip(*(line.split() for line in text.split("\n")))
        values = {"caps": [capitalisation(token) for token in tokens], "pos": pos}
        bilou = []
        for tag, after in zip(tags, [*tags[1:], "O"]):
            letters = "BIO" if after.startswith("I-") else "ULO"
            bilou.append(tag if tag == "O" else letters["BI".index(tag[0])] + tag[1:])
        found.append(
            Expected(
                [ids["word"].get(normalise(token, False, False), UNK_ID) for token in tokens],
                [[ids["char"].get(char, CHAR_UNK_IDS[char_type(char)]) for char in token] for token in tokens],
                [bilou_tags(index.entity_types).index(tag) for tag in bilou],
                [
                    [ids[feature.name].get(value, UNK_ID) for value in values[feature.name]]
                    for feature in index.features
                ],
            )
        )
    return found


def check_batch(batch: Batch, expected: list[Expected], char_types: list[int], padding: int) -> None:
    """Every value of a batch, those at padding included, by plain loops."""
    chosen = [expected[i] for i in batch.sentence_id_B.tolist()]
    lengths = [len(sentence.words) for sentence in chosen]
    assert batch.length_B.tolist() == lengths
    assert batch.num_tokens == sum(lengths)
    assert batch.word_ids_W.tolist() == sorted({word for sentence in chosen for word in sentence.words})
    spellings = {tuple(chars) for sentence in chosen for chars in sentence.chars}
    assert batch.char_NC.shape == (len(spellings), max(map(len, spellings)) + 2 * padding)
    shape = (max(lengths), len(lengths))
    assert batch.word_TB.shape == batch.spelling_TB.shape == batch.tag_TB.shape == batch.mask_TB.shape == shape
    assert batch.feature_FTB.shape == (len(chosen[0].features), *shape)
    for column, sentence in enumerate(chosen):
        for t in range(shape[0]):
            if t >= lengths[column]:
                assert (batch.word_TB[t, column], batch.spelling_TB[t, column], batch.tag_TB[t, column]) == (0, 0, 0)
                assert batch.mask_TB[t, column] == 0
                assert not batch.feature_FTB[:, t, column].any()
                continue
            assert batch.mask_TB[t, column] == 1
            assert batch.word_ids_W[batch.word_TB[t, column]] == sentence.words[t]
            assert batch.tag_TB[t, column] == sentence.tags[t]
            assert batch.feature_FTB[:, t, column].tolist() == [values[t] for values in sentence.features]
            row, chars = batch.spelling_TB[t, column], sentence.chars[t]
            after = batch.char_NC.shape[1] - padding - len(chars)
            assert batch.char_NC[row].tolist() == [0] * padding + chars + [0] * after
            assert batch.char_type_NC[row].tolist() == [char_types[char] for char in batch.char_NC[row]]
    for array in (batch.word_TB, batch.char_NC, batch.char_type_NC, batch.spelling_TB, batch.feature_FTB, batch.tag_TB):
        assert array.dtype == np.int32
    assert batch.word_ids_W.dtype == np.int64
    assert batch.mask_TB.dtype == np.float32


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_every_field_of_every_sentence_is_that_of_the_corpus(
    synth_shards: Path, synth_corpus: dict[str, Path], split: str, padding: int
) -> None:
    index = read_index(synth_shards)
    expected = expected_sentences(synth_corpus[split], synth_shards, index)
    types = read_vocab(synth_shards, index, "char")["types"]
    assert {CHAR_TYPES[i] for i in types} == set(CHAR_TYPES)
    seen: list[int] = []
    for batch in ShardReader(synth_shards, index, split, ALL, padding).scoring_batches(37):
        check_batch(batch, expected, types, padding)
        seen += batch.sentence_id_B.tolist()
    assert sorted(seen) == list(range(len(expected)))


def test_a_steps_batch_holds_the_sentences_that_the_plan_says(
    synth_shards: Path, synth_corpus: dict[str, Path]
) -> None:
    index = read_index(synth_shards)
    expected = expected_sentences(synth_corpus["train"], synth_shards, index)
    types = read_vocab(synth_shards, index, "char")["types"]
    rows_SB = np.array([shard.rows for shard in index.splits["train"]])
    # (shard, bucket) -> sentence ids in file order, from the files themselves.
    ids_of: dict[tuple[int, int], list[int]] = {}
    for shard_id, shard in enumerate(index.splits["train"]):
        ids = pq.read_table(synth_shards / shard.path)["sentence_id"].to_pylist()
        for bucket, rows in enumerate(shard.rows):
            ids_of[shard_id, bucket], ids = ids[:rows], ids[rows:]
    seen = []
    for rank in range(3):
        mine = ShardReader(synth_shards, index, "train", owned_shards(8, 3, rank), 1)
        for step in epoch_steps(rows_SB, 16, 1, 0, 3, rank):
            batch = mine.step_batch(step)
            planned = [ids_of[shard, step.bucket_id][row] for shard, rows in step.parts for row in rows]
            assert (batch.sentence_id_B.tolist() if batch else []) == planned
            if batch:
                check_batch(batch, expected, types, 1)
                seen += planned
    assert sorted(seen) == list(range(320))


def test_a_rank_without_a_part_in_a_step_has_no_batch(synth_shards: Path) -> None:
    sentences = ShardReader(synth_shards, read_index(synth_shards), "train", [0], 1)
    assert sentences.step_batch(Step(0, 0, 5, [])) is None


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_scoring_batches_hold_each_sentence_of_a_rank_once_and_similar_lengths(synth_shards: Path, size: int) -> None:
    index = read_index(synth_shards)
    batches = list(ShardReader(synth_shards, index, "dev", [1, 6], 1).scoring_batches(size))
    stored = [pq.read_table(synth_shards / index.splits["dev"][shard].path) for shard in (1, 6)]
    ids = [sentence for table in stored for sentence in table["sentence_id"].to_pylist()]
    assert sorted(np.concatenate([batch.sentence_id_B for batch in batches])) == sorted(ids)
    lengths = np.concatenate([batch.length_B for batch in batches]).tolist()
    assert lengths == sorted(lengths)
    assert [len(batch.length_B) for batch in batches[:-1]] == [size] * (len(batches) - 1)


def test_shards_without_sentences_give_no_batches(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("\n\n".join(f"w{i} B-X\nis O" for i in range(9)) + "\n")
    (tmp_path / "dev").write_text("one B-X\n")
    sources = {"train": tmp_path / "train", "dev": tmp_path / "dev"}
    index = build(sources_of(sources), Settings(num_shards=3), tmp_path / "shards", Problems())
    assert list(ShardReader(tmp_path / "shards", index, "dev", [1, 2], 1).scoring_batches(4)) == []
    batches = list(ShardReader(tmp_path / "shards", index, "dev", [0, 1, 2], 1).scoring_batches(4))
    assert [batch.length_B.tolist() for batch in batches] == [[1]]


def test_without_token_features_the_batch_has_none(synth_shards: Path) -> None:
    index = dataclasses.replace(read_index(synth_shards), features=[])
    batch = next(ShardReader(synth_shards, index, "dev", ALL, 1).scoring_batches(5))
    assert batch.feature_FTB.shape == (0, *batch.mask_TB.shape)


# Two splits together, and words that are useless without their vectors


@pytest.mark.parametrize("num_ranks", [1, 3, 8])
def test_train_and_dev_together_are_each_sentence_of_both_once(synth_shards: Path, num_ranks: int) -> None:
    index = read_index(synth_shards)
    rows_SB = sum(np.array([shard.rows for shard in index.splits[split]]) for split in ("train", "dev"))
    apart = {split: ShardReader(synth_shards, index, split, ALL, 1) for split in ("train", "dev")}
    contents = sorted(_contents(batch) for sentences in apart.values() for batch in sentences.scoring_batches(1))
    found = []
    for rank in range(num_ranks):
        owned = owned_shards(8, num_ranks, rank)
        together = ShardReader(synth_shards, index, "train+dev", owned, 1)
        for step in epoch_steps(rows_SB, 7, 1, 0, num_ranks, rank):
            batch = together.step_batch(step)
            for column in range(0 if batch is None else len(batch.length_B)):
                assert batch.length_B[column] <= index.bucket_edges[step.bucket_id]
                found.append(_contents(batch, column))
    assert sorted(found) == contents
    assert len(contents) == 360


def _contents(batch: Batch, column: int = 0) -> tuple[Any, ...]:
    length = batch.length_B[column]
    words, tags = batch.word_ids_W[batch.word_TB[:length, column]], batch.tag_TB[:length, column]
    return int(batch.sentence_id_B[column]), words.tolist(), tags.tolist()


def test_words_from_an_id_on_are_read_as_unknown(synth_shards: Path) -> None:
    index = read_index(synth_shards)
    whole, part = (ShardReader(synth_shards, index, "dev", ALL, 1, limit) for limit in (None, 20))
    for one, other in zip(whole.scoring_batches(40), part.scoring_batches(40)):
        words, known = (batch.word_ids_W[batch.word_TB] for batch in (one, other))
        assert (words >= 20).any()
        real = one.mask_TB > 0
        np.testing.assert_array_equal(known[real], np.where(words < 20, words, UNK_ID)[real])


# Chapters: one at a time in memory


@pytest.fixture(scope="module")
def small_groups(synth_shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same sentences in row groups of at most 3."""
    shards = regroup(synth_shards, tmp_path_factory.mktemp("small-groups") / "shards", 3)
    assert all(len(group_sizes(shards / shard.path)) > 12 for shard in read_index(shards).splits["train"])
    return shards


def epoch_of(
    shards: Path, split: str, num_ranks: int, chapters: int, epoch: int = 0, first_step: int = 0
) -> list[list[tuple[int, int, list[tuple[Any, ...]]]]]:
    """By rank and step: number, bucket, and contents of the sentences."""
    index = read_index(shards)
    rows_SB = sum(np.array([shard.rows for shard in index.splits[part]]) for part in split.split("+"))
    ranks = []
    for rank in range(num_ranks):
        mine = ShardReader(shards, index, split, owned_shards(8, num_ranks, rank), 1, None, chapters, seed=5)
        ranks.append([])
        for step in epoch_steps(rows_SB, 16, 5, epoch, num_ranks, rank, first_step, chapters):
            mine.load_chapter(epoch, step.chapter)
            batch = mine.step_batch(step)
            contents = [_contents(batch, column) for column in range(0 if batch is None else len(batch.length_B))]
            ranks[-1].append((step.step_id, step.bucket_id, contents))
    return ranks


CHAPTERS = [1, 2, 3, 17]


@pytest.mark.parametrize("chapters", CHAPTERS)
@pytest.mark.parametrize("split", ["train", "train+dev"])
def test_chapters_are_every_sentence_once(small_groups: Path, split: str, chapters: int) -> None:
    index = read_index(small_groups)
    everything = [_contents(b) for b in ShardReader(small_groups, index, split, ALL, 1).scoring_batches(1)]
    for epoch in (0, 3):
        [steps] = epoch_of(small_groups, split, 1, chapters, epoch)
        assert sorted(sentence for _, _, part in steps for sentence in part) == sorted(everything)
        for _, bucket, part in steps:
            assert {len(words) <= index.bucket_edges[bucket] for _, words, _ in part} == {True}


@pytest.mark.parametrize("chapters", CHAPTERS)
@pytest.mark.parametrize("num_ranks", [2, 3, 4, 8])
def test_a_step_of_a_chapter_is_the_same_on_any_number_of_ranks(
    small_groups: Path, num_ranks: int, chapters: int
) -> None:
    [alone] = epoch_of(small_groups, "train+dev", 1, chapters, 2)
    ranks = epoch_of(small_groups, "train+dev", num_ranks, chapters, 2)
    assert {len(steps) for steps in ranks} == {len(alone)}
    for parts, (step_id, bucket, sentences) in zip(zip(*ranks), alone):
        assert {part[:2] for part in parts} == {(step_id, bucket)}
        assert sorted(sentence for part in parts for sentence in part[2]) == sorted(sentences)


@pytest.mark.parametrize("chapters", CHAPTERS)
def test_an_epoch_in_chapters_may_begin_at_any_step(small_groups: Path, chapters: int) -> None:
    ranks = epoch_of(small_groups, "train", 3, chapters, 1)
    for first in (1, len(ranks[0]) // 2, len(ranks[0]) - 1):
        assert epoch_of(small_groups, "train", 3, chapters, 1, first) == [steps[first:] for steps in ranks]


def test_epochs_have_other_chapters_and_row_groups_change_nothing_else(small_groups: Path, synth_shards: Path) -> None:
    assert epoch_of(small_groups, "train", 1, 3, 0) != epoch_of(small_groups, "train", 1, 3, 1)
    assert epoch_of(small_groups, "train", 2, 1, 4) == epoch_of(synth_shards, "train", 2, 1, 4)


@pytest.mark.parametrize("chapters", [2, 9])
def test_a_batch_of_a_chapter_has_every_field(small_groups: Path, synth_corpus: dict[str, Path], chapters: int) -> None:
    index = read_index(small_groups)
    expected = expected_sentences(synth_corpus["dev"], small_groups, index)
    types = read_vocab(small_groups, index, "char")["types"]
    seen: list[int] = []
    for batch in ShardReader(small_groups, index, "dev", ALL, 1, chapters=chapters).scoring_batches(7):
        check_batch(batch, expected, types, 1)
        seen += batch.sentence_id_B.tolist()
    assert sorted(seen) == list(range(len(expected)))


@pytest.mark.parametrize("memory_mb", [0.004, 0.002])
def test_a_chapter_takes_no_more_memory_than_it_may(small_groups: Path, memory_mb: float) -> None:
    index = read_index(small_groups)
    chapters = num_chapters(index, "train", memory_mb)
    assert chapters > 1
    shards = [0, 3, 5]
    sentences = ShardReader(small_groups, index, "train", shards, 1, None, chapters, 1)
    sizes = []
    for chapter in range(chapters):
        sentences.load_chapter(0, chapter)
        loaded = sentences._loaded
        assert loaded is not None
        held = loaded.builder.sentences
        by_sentence = [held.length_R, held.sentence_id_R, held.offset_R, loaded.row_R]
        sizes.append(sum(array.nbytes for array in [*by_sentence, held.word_M, held.spelling_M, held.tag_M]))
        sizes[-1] += sum(array.nbytes for array in held.feature_FM)
    # Chapters are equal in sentences, and so nearly in tokens.
    assert np.mean(sizes) <= memory_mb * 2**20 * len(shards)
    assert max(sizes) <= 1.2 * memory_mb * 2**20 * len(shards)


def test_only_the_loaded_chapter_gives_batches(small_groups: Path) -> None:
    sentences = ShardReader(small_groups, read_index(small_groups), "train", ALL, 1, None, 3, 1)
    for step in (Step(0, 0, 5, [], 0), Step(0, 0, 5, [], 1)):
        with pytest.raises(AssertionError):
            sentences.step_batch(step)
        sentences.load_chapter(0, 0)


def settled(mirror: Path, names: set[str]) -> set[str]:
    """The Parquet files that have come, once these have: some come in the background."""
    deadline_s = time.monotonic() + 30
    while not names <= fetched(mirror) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return {name for name in fetched(mirror) if name.endswith(".parquet")}


def test_a_rank_fetches_its_own_shards_of_what_it_reads_and_those_ahead(
    synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shard_folder(published_shards(synth_shards, tmp_path, monkeypatch))
    readers = open_splits(Config(), read_index(folder), ["train", "dev"], folder, num_ranks=3, rank=2)
    own = {f"{split}-{shard:05d}.parquet" for split in ("train", "dev") for shard in (2, 5)}
    assert settled(folder, own) == own
    on_disk = open_splits(Config(), read_index(synth_shards), ["train", "dev"], synth_shards, num_ranks=3, rank=2)
    for split, reader in readers.items():
        assert [file.path.name for file in reader.files] == [file.path.name for file in on_disk[split].files]
        for mine, other in zip(reader.scoring_batches(7), on_disk[split].scoring_batches(7)):
            assert all(map(np.array_equal, mine, other))


@pytest.mark.parametrize("chapters", [1, 3])
def test_files_give_way_to_others_once_they_are_in_memory(
    synth_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chapters: int
) -> None:
    folder = shard_folder(published_shards(synth_shards, tmp_path, monkeypatch))
    index = read_index(folder)
    reader = ShardReader(folder, index, "train", ALL, 1, chapters=chapters)
    # No room for anything that is not needed.
    monkeypatch.setenv("NER_CACHE_GB", "0.000001")
    entry = index.splits["dev"][0]
    with pytest.raises(StoreError, match="do not fit"):
        open_shard(folder, entry)
    assert ("train-00000.parquet" in fetched(folder)) is (chapters > 1)
    assert sum(len(batch.length_B) for batch in reader.scoring_batches(50)) == index.num_sentences("train")
