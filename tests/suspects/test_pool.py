"""The sentences that taggers are trained on: those of all files, without those that have errors."""

from __future__ import annotations

from pathlib import Path

from corpus_sources import sources_of

from data_prep.settings import Settings
from data_prep.suspects.pool import Pool, read_pool
from data_prep.writers.whole_records import TokenSpan


def pool_of(path: Path, text: str, **knobs: object) -> Pool:
    path.write_text(text, encoding="utf-8")
    return read_pool(sources_of({"train": path}), Settings(**knobs))  # type: ignore[arg-type]


def used(pool: Pool) -> list[str]:
    return [" ".join(pool.sentences[number].tokens) for number in pool.usable]


def test_all_files_are_pooled_with_their_places_and_schemes(tmp_path: Path) -> None:
    train, dev = tmp_path / "train", tmp_path / "dev"
    train.write_text("Ann B-PER\nLee I-PER\nleft O\n\nRome B-LOC\n")
    dev.write_text("Ann B-PER\nLee L-PER\n\nRome U-LOC\n")
    pool = read_pool(sources_of({"train": train, "dev": dev}), Settings())
    assert (pool.names, pool.schemes) == ([str(train), str(dev)], ["bio", "bilou"])
    assert [(sentence.source, sentence.lines) for sentence in pool.sentences] == [
        (0, [1, 2, 3]), (0, [5]), (1, [1, 2]), (1, [4])
    ]  # fmt: skip
    assert pool.sentences[2].gold == [TokenSpan(0, 2, "PER")]
    assert pool.usable == [0, 1, 2, 3]


def test_sentences_with_errors_are_left_out(tmp_path: Path) -> None:
    good = "Ann B-PER\nleft O\n\n"
    bad_line = "a O\nb\nc O\n\n"
    bad_first_line = "x\ny O\n\n"
    bad_tag = "d O\ne I-PER\n\n"
    text = good + bad_line + good + bad_first_line + good + bad_tag + good
    found = used(pool_of(tmp_path / "corpus", text, scheme="bio"))
    assert [sentence for sentence in found if sentence != "Ann left"] == []
    # That before a first line that cannot be read may be the one that lacks it.
    assert len(found) == 3


def test_a_record_with_errors_is_left_out_and_others_keep_their_origins(tmp_path: Path) -> None:
    records = (
        '{"text": "Ann left.", "entities": [[0, 3, "PER"]]}\n'
        '{"text": "Ann left.", "entities": [[0, 2, "PER"]]}\n'
        '{"text": "In Rome.", "entities": [[3, 7, "LOC"]]}\n'
    )
    pool = pool_of(tmp_path / "corpus.jsonl", records)
    assert used(pool) == ["Ann left .", "In Rome ."]
    assert pool.sentences[pool.usable[1]].lines[0] == 3
    assert pool.sentences[pool.usable[1]].origin.text == "In Rome."


def test_what_shards_cannot_hold_is_left_out(tmp_path: Path) -> None:
    text = "Ann B-PER\n\n" + "a O\n" * 5 + "\n" + "b" * 9 + " O\n"
    assert used(pool_of(tmp_path / "corpus", text, max_tokens=4, max_chars=8)) == ["Ann"]
    assert len(used(pool_of(tmp_path / "corpus", text, max_tokens=4, max_chars=8, on_long_word="cut"))) == 2
