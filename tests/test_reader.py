"""The reader: every field of every sentence as the corpus has it, and a sentence for each way shards can be wrong."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_prep.features import capitalisation
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.vocab import char_type
from data_prep.write import build
from ner_dist.plan import Step, epoch_steps, owned_shards
from ner_dist.reader import Batch, Sentences
from ner_dist.shard_format import (
    CHAR_TYPES,
    CHAR_UNK_IDS,
    INDEX_NAME,
    UNK_ID,
    Index,
    ShardError,
    file_sha256,
    read_index,
    read_vocab,
)
from ner_dist.spans import bilou_tags
from ner_dist.words import normalise

ALL = list(range(8))


class Expected(NamedTuple):
    """A sentence as numbers, straight from the corpus and the vocabularies."""

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
    assert batch.beyond_NC1.shape == (*batch.char_NC.shape, 1)
    shape = (max(lengths), len(lengths))
    assert batch.word_TB.shape == batch.form_TB.shape == batch.tag_TB.shape == batch.mask_TB.shape == shape
    assert batch.feature_FTB.shape == (len(chosen[0].features), *shape)
    for column, sentence in enumerate(chosen):
        for t in range(shape[0]):
            if t >= lengths[column]:
                assert (batch.word_TB[t, column], batch.form_TB[t, column], batch.tag_TB[t, column]) == (0, 0, 0)
                assert batch.mask_TB[t, column] == 0
                assert not batch.feature_FTB[:, t, column].any()
                continue
            assert batch.mask_TB[t, column] == 1
            assert batch.word_ids_W[batch.word_TB[t, column]] == sentence.words[t]
            assert batch.tag_TB[t, column] == sentence.tags[t]
            assert batch.feature_FTB[:, t, column].tolist() == [values[t] for values in sentence.features]
            form, chars = batch.form_TB[t, column], sentence.chars[t]
            after = batch.char_NC.shape[1] - padding - len(chars)
            assert batch.char_NC[form].tolist() == [0] * padding + chars + [0] * after
            assert batch.char_type_NC[form].tolist() == [char_types[char] for char in batch.char_NC[form]]
            # Windows are centred on the form's characters, so the padding before them does not count.
            assert (
                batch.beyond_NC1[form, :, 0].tolist()
                == [0] * (padding + len(chars)) + [1] * (after - padding) + [0] * padding
            )
    for array in (batch.word_TB, batch.char_NC, batch.char_type_NC, batch.form_TB, batch.feature_FTB, batch.tag_TB):
        assert array.dtype == np.int32
    assert batch.word_ids_W.dtype == np.int64
    assert batch.mask_TB.dtype == batch.beyond_NC1.dtype == np.float32


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
    for batch in Sentences(synth_shards, index, split, ALL, padding).scoring_batches(37):
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
        mine = Sentences(synth_shards, index, "train", owned_shards(8, 3, rank), 1)
        for step in epoch_steps(rows_SB, 16, 1, 0, 3, rank):
            batch = mine.step_batch(step)
            planned = [ids_of[shard, step.bucket_id][row] for shard, rows in step.parts for row in rows]
            assert (batch.sentence_id_B.tolist() if batch else []) == planned
            if batch:
                check_batch(batch, expected, types, 1)
                seen += planned
    assert sorted(seen) == list(range(320))


def test_a_rank_without_a_part_in_a_step_has_no_batch(synth_shards: Path) -> None:
    sentences = Sentences(synth_shards, read_index(synth_shards), "train", [0], 1)
    assert sentences.step_batch(Step(0, 0, 5, [])) is None


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_scoring_batches_hold_each_sentence_of_a_rank_once_and_similar_lengths(synth_shards: Path, size: int) -> None:
    index = read_index(synth_shards)
    batches = list(Sentences(synth_shards, index, "dev", [1, 6], 1).scoring_batches(size))
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
    index = build(sources, Settings(num_shards=3), tmp_path / "shards", Problems())
    assert list(Sentences(tmp_path / "shards", index, "dev", [1, 2], 1).scoring_batches(4)) == []
    batches = list(Sentences(tmp_path / "shards", index, "dev", [0, 1, 2], 1).scoring_batches(4))
    assert [batch.length_B.tolist() for batch in batches] == [[1]]


def test_without_token_features_the_batch_has_none(synth_shards: Path) -> None:
    index = dataclasses.replace(read_index(synth_shards), features=[])
    batch = next(Sentences(synth_shards, index, "dev", ALL, 1).scoring_batches(5))
    assert batch.feature_FTB.shape == (0, *batch.mask_TB.shape)


# From here on: shards that are wrong although size and checksum agree with the index.


@pytest.fixture
def shards(synth_shards: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(synth_shards, tmp_path / "shards"))


def make_index_agree(shards: Path, path: Path) -> None:
    record = json.loads((shards / INDEX_NAME).read_text())
    for entry in record["splits"]["train"]:
        if entry["path"] == path.name:
            entry.update(num_bytes=path.stat().st_size, sha256=file_sha256(path))
    (shards / INDEX_NAME).write_text(json.dumps(record))


def spoil_rows(shards: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the rows of the third training shard."""
    path = shards / read_index(shards).splits["train"][2].path
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    make_index_agree(shards, path)


def refusal(shards: Path) -> str:
    with pytest.raises(ShardError) as caught:
        Sentences(shards, read_index(shards), "train", ALL, 1)
    message = str(caught.value)
    path = shards / read_index(shards).splits["train"][2].path
    assert message.startswith(f"{path}: ")
    assert message.endswith("; rebuild the shards")
    return message[len(f"{path}: ") : -len("; rebuild the shards")]


def test_rewriting_alone_changes_nothing(shards: Path, synth_shards: Path) -> None:
    spoil_rows(shards, lambda rows: None)
    both = [Sentences(place, read_index(place), "train", ALL, 1) for place in (shards, synth_shards)]
    for one, other in zip(*(sentences.scoring_batches(50) for sentences in both)):
        for mine, yours in zip(one, other):
            np.testing.assert_array_equal(mine, yours)


@pytest.mark.parametrize("column", ["word", "char", "tag", "caps", "pos"])
def test_an_id_beyond_its_vocabulary_is_refused(shards: Path, column: str) -> None:
    index = read_index(shards)
    limit = index.num_tags if column == "tag" else index.vocab[column].num_values
    spoil_rows(shards, lambda rows: rows[-1][column].__setitem__(-1, limit))
    message = refusal(shards)
    assert message.startswith(f"column {column} holds ids ")
    assert message.endswith(f" to {limit}, expected 0 to {limit - 1}")


def test_a_negative_id_is_refused(shards: Path) -> None:
    spoil_rows(shards, lambda rows: rows[0]["word"].__setitem__(0, -1))
    assert refusal(shards).startswith("column word holds ids -1 to ")


@pytest.mark.parametrize("column", ["word", "tag", "token_chars", "caps", "pos"])
def test_a_sentence_with_a_value_too_many_is_refused(shards: Path, column: str) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        # One more here and one less there: the totals agree.
        one, other = [row for row in rows if row["length"] > 3][:2]
        one[column].append(other[column].pop())

    spoil_rows(shards, change)
    assert f"values in column {column}, expected" in refusal(shards)


def test_characters_that_do_not_add_up_are_refused(shards: Path) -> None:
    spoil_rows(shards, lambda rows: rows[0]["char"].append(5))
    assert refusal(shards).startswith("token_chars does not add up to the characters")


def test_a_token_without_characters_is_refused(shards: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0]["token_chars"][1] += rows[0]["token_chars"][0]
        rows[0]["token_chars"][0] = 0

    spoil_rows(shards, change)
    assert refusal(shards).startswith("token_chars does not add up to the characters")


def test_a_missing_sentence_is_refused(shards: Path) -> None:
    spoil_rows(shards, lambda rows: rows.pop())
    total = sum(read_index(shards).splits["train"][2].rows)
    assert refusal(shards) == f"{total - 1} sentences, expected {total} as shards's index says"


def test_a_sentence_in_the_wrong_bucket_is_refused(shards: Path) -> None:
    spoil_rows(shards, lambda rows: rows.reverse())
    edge = read_index(shards).bucket_edges[0]
    message = refusal(shards)
    assert message.startswith("row 0 has ")
    assert message.endswith(f" tokens, expected 1 to {edge} in its bucket")


def test_a_length_of_0_is_refused(shards: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        for column in ("word", "char", "token_chars", "tag", "caps", "pos", "text"):
            rows[0][column] = []
        rows[0]["length"] = 0

    spoil_rows(shards, change)
    assert refusal(shards).startswith("row 0 has 0 tokens, expected 1 to ")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("word", pa.list_(pa.int64())),
        ("tag", pa.list_(pa.uint16())),
        ("length", pa.int64()),
        ("sentence_id", pa.int32()),
        ("char", pa.list_(pa.uint8())),
        ("caps", pa.list_(pa.float32())),
    ],
)
def test_a_column_of_another_type_is_refused(shards: Path, column: str, kind: pa.DataType) -> None:
    path = shards / read_index(shards).splits["train"][2].path
    table = pq.read_table(path)
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, column, pa.array(table[column].to_pylist(), kind)), path)
    make_index_agree(shards, path)
    assert refusal(shards).startswith(f"column {column} is ")


def test_a_missing_column_is_refused(shards: Path) -> None:
    path = shards / read_index(shards).splits["train"][2].path
    pq.write_table(pq.read_table(path).drop_columns("tag"), path)
    make_index_agree(shards, path)
    assert "tag" in refusal(shards)


@pytest.mark.parametrize("column", ["length", "word", "tag"])
def test_nulls_are_refused(shards: Path, column: str) -> None:
    path = shards / read_index(shards).splits["train"][2].path
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[3] = None
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, column, pa.array(values, table.schema.field(column).type)), path)
    make_index_agree(shards, path)
    assert refusal(shards).startswith("row 3 has ")


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(shards: Path, keep: float) -> None:
    path = shards / read_index(shards).splits["train"][2].path
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    make_index_agree(shards, path)
    assert refusal(shards).startswith("not readable as Parquet (")


def test_a_flipped_bit_never_changes_what_is_read(shards: Path) -> None:
    path = shards / read_index(shards).splits["train"][2].path
    whole = path.read_bytes()
    good = list(Sentences(shards, read_index(shards), "train", [2], 1).scoring_batches(100))
    chance = random.Random(0)
    num_refused = 0
    for _ in range(60):
        place = chance.randrange(len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :])
        with pytest.raises(ShardError, match="checksum"):
            Sentences(shards, read_index(shards), "train", [2], 1)
        # Even if the index knew no checksum: Parquet's own find it, or it lies in what training does not read.
        make_index_agree(shards, path)
        try:
            found = list(Sentences(shards, read_index(shards), "train", [2], 1).scoring_batches(100))
        except ShardError:
            num_refused += 1
            continue
        for one, other in zip(good, found):
            for mine, yours in zip(one, other):
                np.testing.assert_array_equal(mine, yours)
    assert num_refused > 20


# --- Two splits together, and words that mean nothing without their vectors


@pytest.mark.parametrize("num_ranks", [1, 3, 8])
def test_train_and_dev_together_are_each_sentence_of_both_once(synth_shards: Path, num_ranks: int) -> None:
    index = read_index(synth_shards)
    rows_SB = sum(np.array([shard.rows for shard in index.splits[split]]) for split in ("train", "dev"))
    apart = {split: Sentences(synth_shards, index, split, ALL, 1) for split in ("train", "dev")}
    contents = sorted(_contents(batch) for sentences in apart.values() for batch in sentences.scoring_batches(1))
    found = []
    for rank in range(num_ranks):
        owned = owned_shards(8, num_ranks, rank)
        together = Sentences(synth_shards, index, "train+dev", owned, 1)
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


def test_words_from_a_number_on_are_read_as_unknown(synth_shards: Path) -> None:
    index = read_index(synth_shards)
    whole, part = (Sentences(synth_shards, index, "dev", ALL, 1, limit) for limit in (None, 20))
    for one, other in zip(whole.scoring_batches(40), part.scoring_batches(40)):
        words, known = (batch.word_ids_W[batch.word_TB] for batch in (one, other))
        assert (words >= 20).any()
        real = one.mask_TB > 0
        np.testing.assert_array_equal(known[real], np.where(words < 20, words, UNK_ID)[real])
