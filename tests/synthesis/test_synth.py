"""The synthetic corpus: reproducible, of the requested size, and hard in the ways real text is."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from data_prep.settings import SettingsError
from data_prep.synthesis.synth import MAX_TOKENS, SentenceGenerator, synthesise

Sentence = list  # of [token, part of speech, chunk, tag]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Sentence]]:
    paths = synthesise(6000, 1, tmp_path_factory.mktemp("synth"))
    return {
        split: [[line.split(" ") for line in text.split("\n")] for text in path.read_text().strip().split("\n\n")]
        for split, path in paths.items()
    }


def mentions(sentences: list[Sentence]) -> Counter[tuple[str, str]]:
    """(text, type) of every entity."""
    found: Counter[tuple[str, str]] = Counter()
    for sentence in sentences:
        words: list[str] = []
        for (token, _, _, tag), after in zip(sentence, [*sentence[1:], ["", "", "", "O"]]):
            words = [token] if tag[0] == "B" else [*words, token]
            if tag != "O" and after[3][0] != "I":
                found[" ".join(words), tag[2:]] += 1
    return found


def test_sizes_are_exact(corpus: dict[str, list[Sentence]]) -> None:
    assert {split: len(sentences) for split, sentences in corpus.items()} == {"train": 4800, "dev": 600, "test": 600}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    texts = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        paths = synthesise(100, seed, tmp_path / name)
        texts.append([path.read_bytes() for path in paths.values()])
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["dev.conll", "test.conll", "train.conll"]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_a_larger_corpus_begins_like_a_smaller_one(tmp_path: Path) -> None:
    small = synthesise(50, 1, tmp_path / "small")["train"].read_text()
    assert synthesise(100, 1, tmp_path / "large")["train"].read_text().startswith(small)


def test_tags_are_valid_bio_of_four_types(corpus: dict[str, list[Sentence]]) -> None:
    for sentence in corpus["train"]:
        before = "O"
        for row in sentence:
            assert len(row) == 4
            tag = row[3]
            assert tag == "O" or tag[2:] in ("PER", "LOC", "ORG", "MISC")
            assert tag[0] != "I" or before[2:] == tag[2:]
            before = tag


def test_most_tokens_are_o_and_every_type_is_common(corpus: dict[str, list[Sentence]]) -> None:
    tags = Counter(row[3] for sentence in corpus["train"] for row in sentence)
    assert 0.7 < tags["O"] / sum(tags.values()) < 0.9
    assert min(tags[f"B-{name}"] for name in ("PER", "LOC", "ORG", "MISC")) > 400


def test_lengths_have_a_long_tail(corpus: dict[str, list[Sentence]]) -> None:
    lengths = np.array([len(sentence) for split in corpus.values() for sentence in split])
    assert lengths.min() == 1
    assert 60 < lengths.max() <= MAX_TOKENS
    assert np.median(lengths) < lengths.mean() < np.percentile(lengths, 90) / 1.5


def test_the_same_name_has_several_types(corpus: dict[str, list[Sentence]]) -> None:
    types = defaultdict(set)
    for text, entity_type in mentions(corpus["train"]):
        types[text].add(entity_type)
    assert {"PER", "LOC", "ORG"} <= types["Washington"] | types["Jordan"] | types["Lincoln"]
    assert sum(len(found) > 1 for found in types.values()) > 20


def test_may_is_a_month_and_a_verb(corpus: dict[str, list[Sentence]]) -> None:
    assert {row[1] for sentence in corpus["train"] for row in sentence if row[0] == "May"} == {"NNP", "MD"}


def test_most_mentions_of_test_are_new_but_end_like_known_ones(corpus: dict[str, list[Sentence]]) -> None:
    known, found = mentions(corpus["train"]), mentions(corpus["test"])
    new = sum(count for mention, count in found.items() if mention not in known)
    assert new > 0.5 * sum(found.values())

    # How well the last three letters of a new name predict its type, learned from train.
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for (text, entity_type), count in known.items():
        votes[text[-3:]][entity_type] += count
    right = sum(
        count
        for (text, entity_type), count in found.items()
        if (text, entity_type) not in known
        and votes[text[-3:]].most_common(1)[:1] == [(entity_type, votes[text[-3:]][entity_type])]
    )
    assert right > 0.7 * new


def test_phrases_contain_places_that_are_not_tagged_as_such(corpus: dict[str, list[Sentence]]) -> None:
    found = mentions(corpus["train"])
    assert any(text.startswith("University of ") and entity_type == "ORG" for text, entity_type in found)
    assert any(text.startswith("Bank of ") and entity_type == "ORG" for text, entity_type in found)
    assert ["bank", "NN", "I-NP", "O"] in [row for sentence in corpus["train"] for row in sentence]


def test_typos_change_a_word_but_not_its_first_letter() -> None:
    generator = SentenceGenerator(0)
    typos = {generator.typo("letter") for _ in range(200)}
    assert all(typo[0] == "l" and abs(len(typo) - 6) <= 1 for typo in typos)
    assert len(typos) > 8


def test_a_corpus_that_is_too_small_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least 10"):
        synthesise(9, 0, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_interrupt_leaves_no_partial_files(tmp_path: Path) -> None:
    def stop(num_sentences: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesise(100, 0, tmp_path, stop)
    assert not list(tmp_path.iterdir())
