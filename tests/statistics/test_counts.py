"""Statistics of corpora: counts against plain loops, and the command."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from made_statistics import counted, run_stats

from data_prep.problems import CorpusError
from data_prep.statistics.counts import stats_of_shards
from data_prep.statistics.tables import text_lines


def test_sizes_types_and_lengths_are_counted_by_split(sources: dict[str, Path]) -> None:
    train, dev = counted(sources).splits
    assert (train.num_sentences, train.num_tokens, train.num_entities()) == (3, 12, 5)
    assert (dev.num_sentences, dev.num_tokens, dev.num_entities()) == (3, 11, 6)
    # LOC, ORG, PER.
    assert [train.num_entities(type_id) for type_id in range(3)] == [4, 0, 1]
    assert (train.share_outside(), dev.share_outside()) == (5 / 12, 4 / 11)
    assert train.sentence_L.tolist() == [0, 0, 1, 0, 0, 2]
    assert train.entity_TL.tolist() == [[0, 2, 2], [0, 0, 0], [0, 1, 0]]


def test_what_train_lacks_is_counted_by_token_and_by_entity_of_a_type(sources: dict[str, Path]) -> None:
    (unseen,) = counted(sources).unseen
    assert unseen.split == "dev"
    # Lyon four times and rains twice.
    assert (unseen.num_tokens, unseen.all_tokens, unseen.num_distinct, unseen.all_distinct) == (6, 11, 2, 7)
    assert (unseen.entities_T, unseen.all_T) == ([2, 2, 0], [4, 2, 0])


def test_texts_of_several_types_are_found_over_all_splits(sources: dict[str, Path]) -> None:
    stats = counted(sources)
    assert [(one.text, one.counts, one.num_others) for one in stats.ambiguous] == [
        ("Lyon", {"LOC": 2, "ORG": 2}, 2),
        ("Washington", {"LOC": 3, "PER": 1}, 1),
    ]
    assert stats.num_ambiguous_mentions == 8
    assert stats.shared_TT.tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 0]]
    assert stats.frequent(0, 2) == [("New York", 3), ("Washington", 3)]


def test_copies_are_counted_within_and_between_splits(sources: dict[str, Path]) -> None:
    assert [tuple(found) for found in counted(sources).copies] == [
        ("train", "train", 1, 3),
        ("dev", "dev", 1, 3),
        ("dev", "train", 1, 3),
    ]


def test_a_corpus_and_its_shards_have_the_same_statistics(
    synth_corpus: dict[str, Path], synth_shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, shards = counted(synth_corpus), stats_of_shards(synth_shards)
    assert text_lines(files)[1:] == text_lines(shards)[1:]
    for one, other in zip(files.splits, shards.splits):
        assert (one.tokens, one.entities) == (other.tokens, other.entities)
        np.testing.assert_array_equal(one.entity_TL, other.entity_TL)
    assert run_stats(capsys, synth_shards)[1].splitlines()[1:] == text_lines(shards)[1:]


def test_counts_of_tokens_are_those_of_plain_loops(synth_corpus: dict[str, Path]) -> None:
    stats = counted(synth_corpus)
    for split in stats.splits:
        rows = [line.split() for line in synth_corpus[split.name].read_text().splitlines() if line]
        assert split.tokens == Counter(row[0] for row in rows)
        assert split.num_entities() == sum(row[-1].startswith("B-") for row in rows)
        assert split.tag_K[0] == sum(row[-1] == "O" for row in rows)


# --- The command


def test_the_text_tells_all_parts(capsys: pytest.CaptureFixture[str], sources: dict[str, Path]) -> None:
    code, out, err = run_stats(capsys, "--train", sources["train"], "--dev", sources["dev"])
    assert (code, err) == (0, "")
    assert out.startswith("train.conll, dev.conll: tags bio (")
    for line in (
        r"train +3 +12 +6 +5 +41\.7 % +4\.0",
        r"LOC +4 +80\.0 % +4 +66\.7 %",
        r"dev +54\.5 % +28\.6 % +66\.7 % +50\.0 % +100\.0 % +-",
        r"2 texts are entities of several types; 72\.7 % of all entities have such a text",
        r"  Lyon: LOC 2, ORG 2",
        r"most frequent LOC: New York 3, Washington 3, Lyon 2",
        r"dev, in train too +1 +33\.3 %",
        r"letters a to z +\d+ +\d+  .*",
    ):
        assert re.search(f"^{line}$", out, re.M), line


def test_one_file_is_one_corpus(capsys: pytest.CaptureFixture[str], sources: dict[str, Path]) -> None:
    code, out, _ = run_stats(capsys, sources["train"])
    assert (code, "not in train" in out) == (0, False)
    assert re.search(r"^corpus +3 +12 ", out, re.M)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a corpus or a shard directory, or files with --train"),
        (["{train}", "--dev", "{train}"], "name a corpus or a shard directory, or files with --train"),
        (["{absent}"], "no such file"),
        (["{empty}"], "no corpus file there"),
        (["{broken}"], ":2: error: tag 'I-X' after 'O' breaks bio"),
        (["{train}", "--out", "{folder}"], "is a directory, expected a file"),
    ],
)
def test_a_mistake_is_one_clear_sentence(
    capsys: pytest.CaptureFixture[str], sources: dict[str, Path], tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "broken").write_text("a O\nb I-X\n\n" + "c B-X\n\n" * 9)
    (tmp_path / "empty").mkdir()
    names = {
        "train": sources["train"],
        "absent": tmp_path / "absent",
        "folder": tmp_path,
        "broken": tmp_path / "broken",
        "empty": tmp_path / "empty",
    }
    before = sorted(tmp_path.iterdir())
    code, out, err = run_stats(capsys, *(argument.format(**names) for argument in arguments))
    assert (code, out, "Traceback" in err) == (1, "", False)
    assert message in err
    assert sorted(tmp_path.iterdir()) == before


def test_each_file_has_the_scheme_that_its_own_tags_show(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a B-X\nb I-X\n\n" * 9)
    (tmp_path / "b").write_text("a S-X\n\nb B-X\nc E-X\n\n")
    stats = counted({"train": tmp_path / "a", "dev": tmp_path / "b"})
    assert stats.scheme.startswith("bio (a), bioes (b)")
    assert [split.num_entities() for split in stats.splits] == [9, 2]


def test_mistakes_of_a_file_are_those_of_its_own_scheme(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a B-X\nb I-X\n\n" * 9)
    (tmp_path / "b").write_text("c B-X\n\n" * 3 + "a O\nb I-X\n\n")
    with pytest.raises(CorpusError, match=r"b:8: error: tag 'I-X' after 'O' breaks bio"):
        counted({"train": tmp_path / "a", "dev": tmp_path / "b"})
