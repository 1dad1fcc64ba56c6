"""Building shards end to end: nothing is lost or moved, the bytes are reproducible, and it is all or nothing."""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from corpus_sources import sources_of
from row_groups import group_sizes
from shard_rows import shard_rows
from span_corpus import span_corpus, write_spans

import data_prep.passes.build
import data_prep.passes.write_pass
import data_prep.sources.text_source
from data_prep.passes.build import build
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from data_prep.staging import OutputError
from data_prep.synthesis.synth import synthesise
from ner_dist.contract.shard_format import (
    CHAR_UNK_IDS,
    UNK_ID,
    Index,
    read_index,
    read_vocab,
    shard_schema,
    verify_file,
)
from ner_dist.contract.spelling import capitalisation, char_type
from ner_dist.contract.tag_schemes import bilou_tags
from ner_dist.contract.word_lookup import normalise

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return synthesise(600, 5, tmp_path_factory.mktemp("synth"))


def run(sources: dict[str, Path], out: Path, **knobs: Any) -> tuple[Index, Problems]:
    problems = Problems()
    return build(sources_of(sources), Settings(**knobs), out, problems), problems


def sentences(path: Path) -> list[list[list[str]]]:
    return [[line.split() for line in text.split("\n")] for text in path.read_text().strip().split("\n\n")]


def write(path: Path, *texts: str) -> Path:
    """A file of sentences, each written as 'token/TAG token/TAG'."""
    path.write_text("\n\n".join("\n".join(pair.replace("/", " ") for pair in text.split()) for text in texts) + "\n")
    return path


def to_bilou(tags: list[str]) -> list[str]:
    out = []
    for tag, after in zip(tags, [*tags[1:], "O"]):
        ends = not after.startswith("I-")
        out.append(tag if tag == "O" else ({"B": "U", "I": "L"}[tag[0]] if ends else tag[0]) + tag[1:])
    return out


def test_every_field_of_every_sentence_comes_back(corpus: dict[str, Path], tmp_path: Path) -> None:
    index, _ = run(corpus, tmp_path / "out", num_shards=3, min_count=2, min_char_count=2)
    out = tmp_path / "out"
    assert read_index(out) == index
    vocabs = {name: read_vocab(out, index, name) for name in index.vocab}
    tag_names = bilou_tags(index.entity_types)
    word_counts = Counter(
        normalise(row[0], False, False) for sentence in sentences(corpus["train"]) for row in sentence
    )
    char_counts = Counter(char for sentence in sentences(corpus["train"]) for row in sentence for char in row[0])
    for split, path in corpus.items():
        source, stored = sentences(path), shard_rows(out, index, split)
        assert [row["sentence_id"] for row in stored] == list(range(len(source)))
        for sentence, row in zip(source, stored):
            tokens, pos, _, tags = (list(column) for column in zip(*sentence))
            assert row["length"] == len(tokens)
            assert row["text"] == tokens
            assert [tag_names[tag] for tag in row["tag"]] == to_bilou(tags)
            assert [vocabs["pos"]["values"][i] for i in row["pos"]] == pos
            assert [vocabs["caps"]["values"][i] for i in row["caps"]] == [capitalisation(token) for token in tokens]
            assert row["token_chars"] == [len(token) for token in tokens]
            for word_id, token in zip(row["word"], tokens):
                form = normalise(token, False, False)
                assert word_id == UNK_ID if word_counts[form] < 2 else vocabs["word"]["values"][word_id] == form
            for char_id, char in zip(row["char"], "".join(tokens)):
                known = char_counts[char] >= 2
                assert vocabs["char"]["values"][char_id] == char if known else char_id == CHAR_UNK_IDS[char_type(char)]
    assert dict(zip(vocabs["word"]["values"][2:], vocabs["word"]["counts"][2:])) == {
        form: count for form, count in word_counts.items() if count >= 2
    }


def test_lines_beyond_32_bits_are_stored_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = 1 << 32
    read = data_prep.sources.text_source.text_pieces

    def far_down(*args: Any) -> Iterator[tuple[int, str]]:
        return ((before + number, text) for number, text in read(*args))

    monkeypatch.setattr("data_prep.sources.text_source.text_pieces", far_down)
    source = write(tmp_path / "train", "a/O b/B-PER", "c/O", "d/I-PER")
    files = {"train": source, "dev": source}
    index, _ = run(files, tmp_path / "out", num_shards=1, scheme="bio", on_broken="repair")
    assert [row["line"] for row in shard_rows(tmp_path / "out", index, "train")] == [before + n for n in (1, 4, 6)]
    with pytest.raises(CorpusError, match=f"{source}:{before + 6}: "):
        run(files, tmp_path / "again", num_shards=1, scheme="bio")


def test_stats_are_those_of_the_source(corpus: dict[str, Path], tmp_path: Path) -> None:
    index, _ = run(corpus, tmp_path / "out")
    for split, path in corpus.items():
        source, stats = sentences(path), index.stats[split]
        tags = [row[3] for sentence in source for row in sentence]
        assert stats["num_sentences"] == index.num_sentences(split) == len(source)
        assert stats["num_tokens"] == index.num_tokens(split) == len(tags)
        begins = Counter(tag[2:] for tag in tags if tag.startswith("B-"))
        assert stats["entities"] == {name: begins[name] for name in index.entity_types}
        assert stats["tags"] == Counter(
            tag for sentence in source for tag in to_bilou([row[3] for row in sentence])
        ) | {name: 0 for name in bilou_tags(index.entity_types) if not stats["tags"][name]}
        assert stats["unknown_words"] == sum(
            row["word"].count(UNK_ID) for row in shard_rows(tmp_path / "out", index, split)
        )
        assert stats["longest"] == max(map(len, source))


def test_all_shards_have_the_same_geometry_give_or_take_one(corpus: dict[str, Path], tmp_path: Path) -> None:
    index, _ = run(corpus, tmp_path / "out", num_shards=7, num_buckets=5)
    assert len(index.bucket_edges) == 5
    for split, shards in index.splits.items():
        per_shard = np.array([shard.rows for shard in shards])
        assert np.ptp(per_shard, axis=0).max() <= 1
        assert np.ptp(per_shard.sum(1)) <= 1
        found = shard_rows(tmp_path / "out", index, split)
        for shard_id, shard in enumerate(shards):
            for bucket in range(5):
                mine = [row for row in found if (row["shard"], row["bucket"]) == (shard_id, bucket)]
                assert (len(mine), sum(row["length"] for row in mine)) == (shard.rows[bucket], shard.tokens[bucket])


def test_shards_have_the_schema_of_the_contract_in_corpus_order_within_a_bucket(
    corpus: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small pieces, so that a bucket takes several row groups; some sentences are longer than a piece.
    monkeypatch.setattr(data_prep.passes.write_pass, "LEAST_GROUP_TOKENS", 30)
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", 1 << 9)
    index, _ = run(corpus, tmp_path / "small", num_shards=2)
    monkeypatch.undo()
    large, _ = run(corpus, tmp_path / "large", num_shards=2)
    num_groups = [len(group_sizes(tmp_path / "small" / shard.path)) for shard in index.splits["train"]]
    assert max(num_groups) > len(index.bucket_edges)
    for split in corpus:
        assert shard_rows(tmp_path / "small", index, split) == shard_rows(tmp_path / "large", large, split)
        for shard in index.splits[split]:
            table = pq.read_table(tmp_path / "small" / shard.path)
            assert table.schema == shard_schema(index.num_tags, index.features, has_text=False)
            keys = [
                (int(np.searchsorted(index.bucket_edges, row["length"])), row["sentence_id"])
                for row in table.select(["length", "sentence_id"]).to_pylist()
            ]
            assert keys == sorted(keys)


def build_by_command(train: Path, out: Path, *options: str, hash_seed: str = "0") -> None:
    command = [sys.executable, "-m", "data_prep", "build", "--train", str(train), "--out", str(out), *options]
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)


def test_the_same_input_gives_the_same_bytes(corpus: dict[str, Path], tmp_path: Path) -> None:
    for name, hash_seed in (("a", "1"), ("b", "2")):
        build_by_command(corpus["train"], tmp_path / name, hash_seed=hash_seed)
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
    assert len(snapshot(tmp_path / "a")) == 1 + 4 + 3 * 8


def test_the_same_texts_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for name, hash_seed in (("a", "1"), ("b", "2")):
        (tmp_path / name).mkdir()
        path = write_spans(tmp_path / name / "c.jsonl", span_corpus(80, 0))
        build_by_command(path, tmp_path / name / "out", "--on-misaligned=split", hash_seed=hash_seed)
    assert snapshot(tmp_path / "a" / "out") == snapshot(tmp_path / "b" / "out")
    assert len(snapshot(tmp_path / "a" / "out")) == 1 + 3 + 2 * 3 * 8


def test_texts_that_other_processes_cut_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_spans(tmp_path / "c.jsonl", span_corpus(80, 0))
    monkeypatch.setattr("data_prep.formats.read_records.BATCH_CHARS", 1000)
    run({"train": path}, tmp_path / "here", on_misaligned="split", tokenizer="whitespace")
    monkeypatch.setattr("data_prep.formats.read_records.PARALLEL_BYTES", 0)
    monkeypatch.setattr("data_prep.formats.read_records.num_cores", lambda: 2)
    run({"train": path}, tmp_path / "there", on_misaligned="split", tokenizer="whitespace")
    assert snapshot(tmp_path / "here") == snapshot(tmp_path / "there")


def test_the_index_describes_and_verifies_every_file(corpus: dict[str, Path], tmp_path: Path) -> None:
    index, _ = run(corpus, tmp_path / "out")
    shards = [shard for shards in index.splits.values() for shard in shards]
    for entry in [*index.vocab.values(), *shards]:
        verify_file(tmp_path / "out", entry)  # type: ignore[arg-type]
    assert [source["name"] for source in index.sources] == ["train.conll", "dev.conll", "test.conll"]
    assert index.settings["scheme_found"] == "bio"
    assert str(tmp_path) not in (tmp_path / "out" / "index.json").read_text()


def test_one_file_is_split_exactly_and_copies_stay_together(tmp_path: Path) -> None:
    chance = random.Random(4)
    texts = [f"w{i}/O Paris/B-LOC" for i in range(300)]
    texts += chance.choices(texts, k=100)
    chance.shuffle(texts)
    index, problems = run({"train": write(tmp_path / "c", *texts)}, tmp_path / "out", num_shards=2)
    found = {
        split: [" ".join(row["text"]) for row in shard_rows(tmp_path / "out", index, split)] for split in index.splits
    }
    assert sorted(text for split in found.values() for text in split) == sorted(
        text.replace("/O", "").replace("/B-LOC", "") for text in texts
    )
    assert not set(found["train"]) & set(found["dev"])
    assert not set(found["train"]) & set(found["test"])
    assert not set(found["dev"]) & set(found["test"])
    for split, share in (("train", 0.8), ("dev", 0.1), ("test", 0.1)):
        assert abs(len(found[split]) - share * 400) <= 6, "exact up to the copies at the cut"
    assert problems.warnings["duplicate_sentences_kept_together"] == 400 - len(set(texts))
    in_order = [text.replace("/O", "").replace("/B-LOC", "") for text in texts]
    assert found["train"] == [text for text in in_order if text in set(found["train"])]


def test_without_copies_the_split_is_exact_and_follows_the_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "c", *(f"w{i}/O Paris/B-LOC" for i in range(200)))
    first, _ = run({"train": path}, tmp_path / "a", split=(0.75, 0.25), num_shards=1, seed=1)
    other, _ = run({"train": path}, tmp_path / "b", split=(0.75, 0.25), num_shards=1, seed=2)
    assert [first.num_sentences(split) for split in first.splits] == [150, 50]
    texts = [
        [row["text"] for row in shard_rows(tmp_path / name, index, "dev")]
        for name, index in (("a", first), ("b", other))
    ]
    assert texts[0] != texts[1]


def test_documents_stay_whole_and_copies_of_one_together(tmp_path: Path) -> None:
    chance = random.Random(3)
    texts = ["\n".join(f"w{i}x{j} O\nAda{i}{j} B-PER\n" for j in range(chance.randint(1, 6))) for i in range(60)]
    texts += chance.choices(texts, k=10)
    chance.shuffle(texts)
    (tmp_path / "c").write_text("".join(f"-DOCSTART- O\n\n{text}\n" for text in texts))
    index, _ = run({"train": tmp_path / "c"}, tmp_path / "out", num_shards=2)
    found: dict[str, list[str]] = {}
    for split in index.splits:
        by_document: dict[str, list[str]] = {}
        for row in shard_rows(tmp_path / "out", index, split):
            by_document.setdefault(row["document"], []).append(
                "\n".join(f"{token} {'B-PER' if tag else 'O'}" for token, tag in zip(row["text"], row["tag"]))
            )
        found[split] = ["\n\n".join(sentences) + "\n" for sentences in by_document.values()]
    assert sorted(text for split in found.values() for text in split) == sorted(texts)
    assert not any({*found[one]} & {*found[other]} for one, other in itertools.combinations(found, 2))
    num_sentences = sum(map(index.num_sentences, index.splits))
    for split, share in zip(index.splits, (0.8, 0.1, 0.1)):
        assert abs(index.num_sentences(split) - share * num_sentences) <= 6, "exact up to the documents at the cut"
    other, _ = run({"train": tmp_path / "c"}, tmp_path / "other", num_shards=2, seed=1)
    assert {row["document"] for row in shard_rows(tmp_path / "other", other, "dev")} != {
        row["document"] for row in shard_rows(tmp_path / "out", index, "dev")
    }


def test_files_of_a_split_follow_one_another(tmp_path: Path) -> None:
    texts = [[f"w{i}{j}/O Paris/B-LOC" for j in range(3)] for i in range(4)]
    files = [SourceFile(write(tmp_path / str(i), *of_file)) for i, of_file in enumerate(texts)]
    sources = [("train", files[0]), ("dev", files[1]), ("train", files[2]), ("dev", files[3])]
    index = build(sources, Settings(num_shards=2), tmp_path / "out", Problems())
    assert list(index.splits) == ["train", "dev"]
    assert [(source["split"], source["name"]) for source in index.sources] == [
        ("train", "0"),
        ("dev", "1"),
        ("train", "2"),
        ("dev", "3"),
    ]
    for split, numbers in (("train", (0, 2)), ("dev", (1, 3))):
        rows = shard_rows(tmp_path / "out", index, split)
        assert [row["text"][0] for row in rows] == [f"w{i}{j}" for i in numbers for j in range(3)]
        assert [(row["source"], row["line"]) for row in rows] == [(i, line) for i in numbers for line in (1, 4, 7)]


def test_all_files_of_a_split_that_is_alone_are_split(tmp_path: Path) -> None:
    files = [SourceFile(write(tmp_path / str(i), *(f"w{i}{j}/O Paris/B-LOC" for j in range(50)))) for i in range(4)]
    index = build([("train", file) for file in files], Settings(num_shards=2), tmp_path / "out", Problems())
    assert [index.num_sentences(split) for split in index.splits] == [160, 20, 20]
    assert {row["source"] for row in shard_rows(tmp_path / "out", index, "dev")} == {0, 1, 2, 3}


def test_overlaps_of_given_files_are_counted_and_kept(tmp_path: Path) -> None:
    sources = {
        "train": write(tmp_path / "train", "a/O B/B-X", "a/O B/B-X", "c/O D/B-X"),
        "dev": write(tmp_path / "dev", "a/O B/B-X", "e/O F/B-X"),
        "test": write(tmp_path / "test", "B/B-X a/O", "c/O D/B-X", "c/O D/B-X"),
    }
    index, problems = run(sources, tmp_path / "out", num_shards=1)
    assert [index.num_sentences(split) for split in index.splits] == [3, 2, 3]
    assert (
        index.warnings
        == problems.warnings
        == {
            "duplicates_within_train": 1,
            "duplicates_within_test": 1,
            "dev_sentences_in_train": 1,
            "test_sentences_in_train": 2,
        }
    )


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("iob1", "I-X I-X B-X O I-Y I-X"),
        ("bio", "B-X I-X B-X O B-Y B-X"),
        ("bioes", "B-X E-X S-X O S-Y S-X"),
        ("bilou", "B-X L-X U-X O U-Y U-X"),
    ],
)
def test_every_scheme_becomes_the_same_bilou(tmp_path: Path, scheme: str, tags: str) -> None:
    path = write(tmp_path / "c", " ".join(f"w/{tag}" for tag in tags.split()))
    index, _ = run({"train": path, "dev": path}, tmp_path / "out", num_shards=1)
    assert index.settings["scheme_found"] == scheme
    row = shard_rows(tmp_path / "out", index, "train")[0]
    assert [bilou_tags(index.entity_types)[tag] for tag in row["tag"]] == ["B-X", "L-X", "U-X", "O", "U-Y", "U-X"]


BROKEN = ["a/O b/I-X", "a/B-X b/I-Y", *["a/B-X b/I-X"] * 12]


def test_broken_tags_are_listed_with_their_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "c", *BROKEN, *["z/I-X"] * 30)
    with pytest.raises(CorpusError) as caught:
        run({"train": path}, tmp_path / "out", scheme="bio", num_shards=1, on_unseen_type="keep")
    lines = str(caught.value).split("\n")
    assert lines[0].startswith(f"{path}:2: error: tag 'I-X' after 'O' breaks bio")
    assert lines[1].startswith(f"{path}:5: error: tag 'I-Y' after 'B-X'")
    assert len(lines) == 21
    assert lines[-1] == "32 errors, the first 20 shown"


def test_broken_tags_are_repaired_like_the_conll_scorer_reads_them(tmp_path: Path) -> None:
    path = write(tmp_path / "c", *BROKEN)
    sources = {"train": path, "dev": path}
    index, _ = run(sources, tmp_path / "out", scheme="bio", on_broken="repair", num_shards=1, on_unseen_type="keep")
    names = bilou_tags(index.entity_types)
    found = [[names[tag] for tag in row["tag"]] for row in shard_rows(tmp_path / "out", index, "train")]
    assert found[:3] == [["O", "U-X"], ["U-X", "U-Y"], ["B-X", "L-X"]]
    assert index.warnings["broken_tags_repaired"] == 4


def test_long_sentences_are_split_between_entities(tmp_path: Path) -> None:
    text = "a/O b/O c/B-X d/I-X e/O f/B-X"
    path = write(tmp_path / "c", text, "g/O h/B-X")
    sources = {"train": path, "dev": path}
    with pytest.raises(CorpusError, match=r"c:1: error: a sentence of 6 tokens, more than --max-tokens 3"):
        run(sources, tmp_path / "out", max_tokens=3, num_shards=1)
    index, _ = run(sources, tmp_path / "out", max_tokens=3, on_long_sentence="split", num_shards=1)
    found = shard_rows(tmp_path / "out", index, "train")
    assert [row["text"] for row in found] == [["a", "b"], ["c", "d", "e"], ["f"], ["g", "h"]]
    assert [row["sentence_id"] for row in found] == [0, 1, 2, 3]
    assert index.warnings["long_sentences_split"] == 2
    assert index.stats["train"]["entities"] == {"X": 3}
    assert "entities_cut" not in index.warnings


def test_long_words_are_cut_for_characters_only(tmp_path: Path) -> None:
    path = write(tmp_path / "c", "abcdefgh/B-X x/O", "abcdefgh/O")
    sources = {"train": path, "dev": path}
    with pytest.raises(
        CorpusError, match=r"c:1: error: token 'abcdefgh'\.\.\. has 8 characters, more than --max-chars 4"
    ):
        run(sources, tmp_path / "out", max_chars=4, num_shards=1)
    index, _ = run(sources, tmp_path / "out", max_chars=4, on_long_word="cut", num_shards=1)
    row = shard_rows(tmp_path / "out", index, "train")[0]
    values = read_vocab(tmp_path / "out", index, "char")["values"]
    assert row["text"] == ["abcdefgh", "x"]
    assert row["token_chars"] == [4, 1]
    assert "".join(values[i] for i in row["char"]) == "abghx"
    assert read_vocab(tmp_path / "out", index, "word")["values"][row["word"][0]] == "abcdefgh"
    assert index.warnings["long_words_cut"] == 4


def test_a_type_that_train_lacks_is_an_error_or_kept(tmp_path: Path) -> None:
    sources = {"train": write(tmp_path / "train", "a/B-X b/O"), "dev": write(tmp_path / "dev", "a/O", "b/B-NEW")}
    with pytest.raises(CorpusError, match=r"dev:3: error: entity type 'NEW' occurs in dev but not in train"):
        run(sources, tmp_path / "out", num_shards=1)
    index, _ = run(sources, tmp_path / "out", num_shards=1, on_unseen_type="keep")
    assert index.entity_types == ["NEW", "X"]
    assert index.warnings["types_not_in_train"] == 1


@pytest.mark.parametrize(
    ("texts", "knobs", "message"),
    [
        (["a/O b/O"], {}, "no entities at all"),
        (["a/B-X"], {"num_shards": 2}, "--num-shards 2 is more than the 1 sentences of train"),
        (["a/PER"], {"format": "conll"}, "c:1: error: tag 'PER' is neither O nor"),
        (["a/B-X", "\u00a0/O"], {"format": "conll"}, r"c:3: error: token '\\u00a0' is empty or cannot be seen"),
        (["a/B-X b/O", "a/I-X"], {}, "the tag scheme is not clear"),
    ],
)
def test_corpora_that_cannot_be_used_are_refused_and_nothing_is_left(
    tmp_path: Path, texts: list[str], knobs: dict[str, Any], message: str
) -> None:
    (tmp_path / "c").write_text("\n\n".join(t.replace("/", " ").replace(" b ", "\nb ") for t in texts) + "\n")
    with pytest.raises(CorpusError, match=message.replace("--", "--")):
        run({"train": tmp_path / "c", "dev": tmp_path / "c"}, tmp_path / "out", **{"num_shards": 1, **knobs})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c"]


def test_a_split_that_gets_no_sentence_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="none of the 2 sentences falls to"):
        run({"train": write(tmp_path / "c", "a/B-X", "b/B-X")}, tmp_path / "out", num_shards=1)


def test_files_with_and_without_part_of_speech_do_not_mix(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a NN B-X\n")
    (tmp_path / "b").write_text("a B-X\n")
    with pytest.raises(CorpusError, match=r"b: error: no parts of speech, unlike .*a; --pos-column none"):
        run({"train": tmp_path / "a", "dev": tmp_path / "b"}, tmp_path / "out", num_shards=1)
    index, _ = run({"train": tmp_path / "a", "dev": tmp_path / "b"}, tmp_path / "out", num_shards=1, pos_column=None)
    assert [feature.name for feature in index.features] == ["caps"]


def snapshot(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stage", ["deal_to_shards", "write_vocabs", "write_index"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_build_that_fails_leaves_the_old_shards_and_nothing_else(
    corpus: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, failure: BaseException
) -> None:
    run(corpus, tmp_path / "out")
    before = snapshot(tmp_path)

    def fail(*arguments: Any) -> None:
        raise failure

    monkeypatch.setattr(data_prep.passes.build, stage, fail)
    with pytest.raises(type(failure)):
        run(corpus, tmp_path / "out", num_shards=2)
    assert snapshot(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failing_rename_puts_the_old_shards_back(
    corpus: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(corpus, tmp_path / "out")
    before, rename, calls = snapshot(tmp_path), os.rename, []

    def fail_third(source: Path, target: Path) -> None:
        if target.parent == tmp_path:
            calls.append(target)
        if len(calls) == 3:
            raise OSError(13, "Permission denied")
        rename(source, target)

    # As on network file systems, where one rename is not enough: onto the old one, the old one aside, the new one.
    monkeypatch.setattr("ner_dist.atomic_file._exchange", lambda one, other: False)
    monkeypatch.setattr("ner_dist.atomic_file.os.replace", fail_third)
    with pytest.raises(OSError, match="Permission denied"):
        run(corpus, tmp_path / "out", num_shards=2)
    assert len(calls) == 4
    assert snapshot(tmp_path) == before


def test_a_terminated_build_leaves_the_old_shards_and_nothing_else(tmp_path: Path) -> None:
    corpus = synthesise(30_000, 1, tmp_path / "corpus")
    (tmp_path / "work").mkdir()
    small = synthesise(100, 1, tmp_path / "small")
    run(small, tmp_path / "work" / "out", num_shards=1)
    before = snapshot(tmp_path / "work")
    command = [sys.executable, "-m", "data_prep", "build", "--train", str(corpus["train"])]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "work" / "out")], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while not list((tmp_path / "work").glob(".out-*/spill/.read*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert stderr == "stopped by SIGTERM; nothing was left behind, older files are untouched\n"
    assert snapshot(tmp_path / "work") == before
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["out"]


def test_a_full_disk_is_one_sentence(corpus: dict[str, Path], tmp_path: Path) -> None:
    def limit_file_size() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    finished = subprocess.run(
        [sys.executable, "-m", "data_prep", "build", "--train", str(corpus["train"]), "--out", str(tmp_path / "out")],
        cwd=ROOT,
        preexec_fn=limit_file_size,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith("the disk is full or a size limit is reached")
    assert finished.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_only_a_shard_set_is_replaced(corpus: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    run(corpus, out, num_shards=4)
    run(corpus, out, num_shards=2)
    assert len(list(out.glob("train-*.parquet"))) == 2
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds notes\.txt, which is not part of a shard set"):
        run(corpus, out)
    (out / "index.json").unlink()
    with pytest.raises(OutputError, match=r"no index\.json: not a shard set"):
        run(corpus, out)
    with pytest.raises(OutputError, match="is a file, expected a directory"):
        run(corpus, out / "notes.txt")


def test_an_output_that_holds_its_source_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "c.parquet", "a/B-X")
    (tmp_path / "index.json").write_text("{}")
    with pytest.raises(OutputError, match="would be replaced"):
        run({"train": source}, tmp_path)


def test_shards_may_be_more_than_the_sentences_of_dev(corpus: dict[str, Path], tmp_path: Path) -> None:
    index, _ = run({"train": corpus["train"], "dev": write(tmp_path / "dev", "a/DT/O B/NNP/B-PER")}, tmp_path / "out")
    assert [sum(shard.rows) for shard in index.splits["dev"]] == [1, 0, 0, 0, 0, 0, 0, 0]
    assert len(shard_rows(tmp_path / "out", index, "dev")) == 1


def peak_memory(train: Path, out: Path, *options: str, before: str = "") -> int:
    """Kilobytes of a build in a process of its own. before: code that it runs first."""
    # Not ru_maxrss: a child's begins at the memory of the process that started it, here the tests'.
    code = (
        f"{before}\n"
        "import runpy\n"
        "try: runpy.run_module('data_prep', run_name='__main__')\n"
        "except SystemExit as stop: assert not stop.code\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:')))"
    )
    command = [sys.executable, "-c", code, "build", "--train", str(train), "--out", str(out), *options]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(finished.stdout.split()[-1])


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    once = synthesise(20_000, 2, tmp_path / "corpus")["train"]
    tenfold = tmp_path / "tenfold.conll"
    tenfold.write_bytes(once.read_bytes() * 10)
    peaks = [peak_memory(path, tmp_path / "out") for path in (once, tenfold)]
    # Row groups that only a larger corpus fills, and a description of each while its file is open.
    assert peaks[1] < 1.1 * peaks[0], peaks


def test_memory_does_not_grow_with_the_texts_of_a_corpus(tmp_path: Path) -> None:
    once = write_spans(tmp_path / "once.jsonl", span_corpus(1500, 0))
    tenfold = tmp_path / "tenfold.jsonl"
    tenfold.write_bytes(once.read_bytes() * 10)
    # What is read, cut and written at once is small, so that the smaller corpus fills it, too.
    before = (
        "import data_prep.formats.read_records as cutting, data_prep.sources.text_source as reading\n"
        "import data_prep.passes.write_pass as writing\n"
        "cutting.BATCH_CHARS, reading.BLOCK_BYTES, writing.LEAST_GROUP_TOKENS = 1 << 14, 1 << 14, 1 << 13"
    )
    options = ("--tokenizer=whitespace", "--on-misaligned=split", "--num-shards=1", "--num-buckets=2")
    peaks = [peak_memory(path, tmp_path / "out", *options, before=before) for path in (once, tenfold)]
    # Descriptions of row groups, as above; the larger corpus's origins alone would be more.
    assert peaks[1] < 1.15 * peaks[0], peaks


@pytest.mark.skipif("NER_CORPORA" not in os.environ, reason="NER_CORPORA names no directory of real corpora")
def test_conll2003_has_its_published_entities(tmp_path: Path) -> None:
    directory = Path(os.environ["NER_CORPORA"]) / "conll2003"
    names = {"train": "eng.train", "dev": "eng.testa", "test": "eng.testb"}
    index, _ = run({split: directory / name for split, name in names.items()}, tmp_path / "out")
    assert index.settings["scheme_found"] == "iob1"
    assert [sum(index.stats[split]["entities"].values()) for split in names] == [23_499, 5_942, 5_648]
    assert index.stats["test"]["entities"] == {"LOC": 1668, "MISC": 702, "ORG": 1661, "PER": 1617}


@pytest.mark.skipif("NER_CORPORA" not in os.environ, reason="NER_CORPORA names no directory of real corpora")
def test_gmb_keeps_every_token_and_entity(tmp_path: Path) -> None:
    index, _ = run({"train": Path(os.environ["NER_CORPORA"]) / "gmb" / "ner_dataset.csv.zip"}, tmp_path / "out")
    assert sum(map(index.num_tokens, index.splits)) == 1_048_575
    assert [index.num_sentences(split) for split in index.splits] == [38_367, 4_796, 4_796]
    assert sum(sum(stats["entities"].values()) for stats in index.stats.values()) == 111_891
    assert index.warnings["duplicate_sentences_kept_together"] == 384
    texts = [token for row in shard_rows(tmp_path / "out", index, "train") for token in row["text"]]
    assert "None" in texts
    assert "…" in texts
    assert json.loads((tmp_path / "out" / "index.json").read_text())["settings"]["scheme_found"] == "bio"


def test_more_different_tokens_than_memory_is_meant_for_are_refused(corpus: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"there are more than 3 different tokens; .* --max-distinct N"):
        run(corpus, tmp_path / "out", max_distinct=3)
    assert not list(tmp_path.iterdir())


def test_limits_change_nothing_of_what_is_built(corpus: dict[str, Path], tmp_path: Path) -> None:
    run(corpus, tmp_path / "one")
    run(corpus, tmp_path / "other", max_line_mb=1, max_ratio=7)
    assert (tmp_path / "one" / "index.json").read_bytes() == (tmp_path / "other" / "index.json").read_bytes()


def test_what_builds_of_older_versions_have_left_is_removed_once_it_is_old(
    corpus: dict[str, Path], tmp_path: Path
) -> None:
    old, new, other = (tmp_path / name for name in (".out-abcd1234", ".out-abcd5678", ".out-exercise"))
    for path, part in ((old, "spill"), (new, "spill"), (other, "mine")):
        (path / part).mkdir(parents=True)
    for path in (old, old / "spill", other, other / "mine"):
        os.utime(path, (0, 0))
    run(corpus, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == [new.name, other.name, "out"]
