"""Lexicon features: the paper's rules against a slow reading of them, and from --lexicon to the columns of shards."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_prep.__main__ import main
from data_prep.encoders.lexicon_files import MIN_PART_TOKENS, lexicons, read_entries
from data_prep.encoders.vocab import PAD, UNK
from data_prep.passes.build import build
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings, SettingsError
from data_prep.staging import OutputError
from ner_dist.contract.lexicon_matching import LABELS, Parts, _char, codes, fit, match
from ner_dist.contract.shard_format import file_sha256, read_vocab

# Few words, so that entries meet, and pairs that are equal but for case: ss and ß, i with a dot above and İ.
WORDS = ("a", "A", "b", "c", "ss", "ß", "i\u0307", "İ")
FOREIGN_WORDS = ("x", "y")

MAX_TOKENS = 6
entries_of = st.lists(st.lists(st.sampled_from(WORDS + FOREIGN_WORDS[:1]), min_size=1, max_size=9), min_size=1)
sentences_of = st.lists(
    st.lists(st.sampled_from(WORDS + FOREIGN_WORDS[1:]), min_size=1, max_size=MAX_TOKENS), min_size=1, max_size=5
)


def slow_labels(entries: list[list[str]], sentence: list[str], partial: bool, person: bool) -> str:
    """The labels of one sentence as the paper words the rules, one n-gram and one entry after another."""
    folded = [word.casefold() for word in sentence]
    matches = []
    for begin in range(len(sentence)):
        for end in range(begin + 1, len(sentence) + 1):
            gram = folded[begin:end]
            exact = prefix = suffix = False
            for words in entries:
                entry = [word.casefold() for word in words]
                exact |= gram == entry
                if partial and len(gram) >= len(entry) / 2 and (len(gram) > 1 or person):
                    prefix |= gram == entry[: len(gram)]
                    suffix |= gram == entry[-len(gram) :]
            if exact or prefix or suffix:
                matches.append((not exact, begin - end, begin, exact or prefix, exact or suffix))
    labels = ["O"] * len(sentence)
    taken: set[int] = set()
    for _, negative_length, begin, opens, closes in sorted(matches):
        places = range(begin, begin - negative_length)
        if taken.isdisjoint(places):
            taken |= set(places)
            for place in places:
                first, last = opens and place == places[0], closes and place == places[-1]
                labels[place] = "U" if first and last else "B" if first else "L" if last else "I"
    return "".join(labels)


def labels(path: Path, sentences: list[list[str]], max_part: int, min_part: int = MIN_PART_TOKENS) -> list[str]:
    """The labels of sentences by the matcher, a letter a token; the same whether it knows their tokens or not."""
    tokens = [word for sentence in sentences for word in sentence]
    length_N = np.array([len(sentence) for sentence in sentences])
    found = []
    for known in (None, {token.casefold() for token in tokens}):
        matcher = fit(read_entries(path), Parts(min_part, max_part), known)
        found.append("".join(LABELS[label] for label in match(matcher, codes(matcher, tokens), length_N)))
    assert found[0] == found[1]
    return [found[0][end - length : end] for end, length in zip(np.cumsum(length_N), length_N)]


def write_list(path: Path, *entries: str) -> Path:
    path.write_text("\n".join(entries) + "\n", encoding="utf-8")
    return path


@settings(max_examples=800)
@given(entries_of, sentences_of, st.booleans(), st.booleans())
@example([["a", "b"], ["b", "c"]], [["a", "b", "c"]], True, False)
@example([["a", "b", "c", "a"], ["b", "c"]], [["a", "b", "c"]], True, False)
@example([["a"] * 9], [["a"] * 4, ["a"] * 5, ["a"] * 6], True, True)
def test_labels_are_those_of_the_rules_read_slowly(
    entries: list[list[str]], sentences: list[list[str]], partial: bool, person: bool
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = write_list(Path(directory) / "X.txt", *(" ".join(entry) for entry in entries))
        found = labels(path, sentences, MAX_TOKENS if partial else 0, 1 if person else MIN_PART_TOKENS)
    assert found == [slow_labels(entries, sentence, partial, person) for sentence in sentences]


@pytest.mark.parametrize(
    ("entries", "sentence", "expected"),
    [
        (["New York", "paris"], "to NEW york or Paris", "OBLOU"),
        # The places are those in the entry: a part that only ends one has no B, one that only begins one no L.
        (["International Committee of the Red Cross"], "the Red Cross said", "IILO"),
        (["International Committee of the Red Cross"], "International Committee of Geneva", "BIIO"),
        (["Red Cross of Mali", "the Red Cross"], "a Red Cross", "OBL"),
        # Whole entries before parts, longer before shorter, earlier before later.
        (["York City", "New York Rangers Club"], "New York City", "OBL"),
        (["New York", "York City Council"], "New York City Council", "OBIL"),
        (["New York", "York City"], "New York City", "BLO"),
        # Less than half of an entry, its middle, or one token.
        (["a b c d e"], "a b", "OO"),
        (["a b c d"], "b c", "OO"),
        (["a b"], "a or b", "OOO"),
        (["Weiß", "İzmir"], "WEISS weiß i\u0307zmir izmir", "UUUO"),
        (["a a"], "a a a a a", "BLBLO"),
    ],
)
def test_matches_of_one_sentence(tmp_path: Path, entries: list[str], sentence: str, expected: str) -> None:
    assert labels(write_list(tmp_path / "X.txt", *entries), [sentence.split()], 512) == [expected]


def test_one_name_of_a_person_is_a_match_and_of_others_not(tmp_path: Path) -> None:
    for name in ("PER", "person", "LOC"):
        write_list(tmp_path / f"{name}.txt", "James Joyce", "Henry James", "Ada Countess of Lovelace")
    by_name = {lexicon.name: lexicon for lexicon in lexicons(Settings(lexicon=str(tmp_path)))}
    sentence = ["Joyce", "met", "Henry", "and", "James", "but", "no", "Lovelace"]
    for name, expected in (("PER", "LOBOUOOO"), ("person", "LOBOUOOO"), ("LOC", "OOOOOOOO")):
        assert labels(by_name[name].path, [sentence], by_name[name].parts.most, by_name[name].parts.least) == [expected]


def test_no_match_goes_over_the_border_of_a_sentence(tmp_path: Path) -> None:
    path = write_list(tmp_path / "X.txt", "New York", "York")
    assert labels(path, [["New"], ["York", "New"], ["York"]], 512) == ["O", "UO", "U"]


def test_entries_that_the_corpus_cannot_hold_change_nothing(tmp_path: Path) -> None:
    sentences = [["the", "Bank", "of", "Japan", "in", "New", "York"]]
    path = write_list(tmp_path / "few.txt", "Bank of Japan", "New York City")
    more = write_list(tmp_path / "more.txt", "Bank of Japan", "Bank of Italy", "Rome", "New York City", "in Zurich")
    assert labels(path, sentences, 512) == ["OBILOBI"]
    # "in" is one token, half of an entry: no match but of a person.
    assert labels(more, sentences, 512) == ["OBILOBI"]
    matcher = fit(read_entries(more), Parts(MIN_PART_TOKENS, 512), {token.casefold() for token in sentences[0]})
    # Kept: Bank of Japan and its two halves, as one of which Bank of counts twice; New York.
    assert len(matcher.kinds) == 4


def test_lines_that_are_no_entries_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "X.txt"
    path.write_bytes(b"\xef\xbb\xbf# from a gazetteer\r\n\r\n  New \t York\r\n \nNew York\n#York\nParis")
    assert labels(path, [["New", "York", "York", "Paris", "#York"]], 512) == ["BLOUO"]


def test_long_entries_match_whole_and_in_part(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(60)]
    path = write_list(tmp_path / "X.txt", " ".join(words), " ".join(words * 100))
    found = labels(path, [words, words[30:], words[:29]], 512)
    assert found == ["B" + "I" * 58 + "L", "I" * 29 + "L", "O" * 29]


def test_characters_for_tokens_are_distinct_and_can_be_written() -> None:
    chars = "".join(map(_char, range(1, 0x110000 - 0x800)))
    assert len(set(chars)) == len(chars) == len(chars.encode("utf-32-le").decode("utf-32-le"))
    assert "\0" not in chars


CORPUS = "John B-PER\nSmith I-PER\nof O\nNew B-LOC\nYork I-LOC\n\nSmith B-PER\nsaw O\nYork B-LOC\nCity I-LOC\n"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "lists").mkdir()
    write_list(tmp_path / "lists" / "LOC.txt", "New York City", "New York City", "Nowhere")
    write_list(tmp_path / "lists" / "PER.txt", "Ann Smith")
    (tmp_path / "lists" / "README.md").write_text("not a list")
    (tmp_path / "corpus").write_text(CORPUS)
    return tmp_path / "lists"


def run(lists: Path, out: str = "out", **knobs: Any) -> tuple[Path, Any]:
    sources = {"train": lists.parent / "corpus", "dev": lists.parent / "corpus"}
    directory = lists.parent / out
    return directory, build(sources, Settings(num_shards=1, lexicon=str(lists), **knobs), directory, Problems())


def columns(directory: Path, index: Any, name: str) -> list[str]:
    """A lexicon's column of train in corpus order, a letter a token."""
    values = read_vocab(directory, index, name)["values"]
    rows = pq.read_table(directory / index.splits["train"][0].path).sort_by("sentence_id")[name].to_pylist()
    return ["".join(values[value_id] for value_id in row) for row in rows]


def test_each_list_is_a_column_of_the_shards(lists: Path) -> None:
    out, index = run(lists)
    assert [(feature.name, feature.num_values) for feature in index.features] == [
        ("caps", 7),
        ("lexicon_LOC", 7),
        ("lexicon_PER", 7),
    ]
    vocab = json.loads((out / "vocab" / "lexicon_LOC.json").read_text())
    assert vocab["values"] == [PAD, UNK, *LABELS]
    # Once each, and as they are matched.
    assert (vocab["entries"], vocab["parts"]) == (["new york city", "nowhere"], [MIN_PART_TOKENS, 512])
    assert columns(out, index, "lexicon_LOC") == ["OOOBI", "OOIL"]
    assert columns(out, index, "lexicon_PER") == ["OLOOO", "LOOO"]
    assert [source for source in index.sources if source["split"] == "lexicon"] == [
        {"split": "lexicon", "name": path.name, "num_bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for path in (lists / "LOC.txt", lists / "PER.txt")
    ]
    assert (index.settings["lexicon"], index.settings["lexicon_partial"]) == ("lists", "all")


@pytest.mark.parametrize(
    ("partial", "places", "persons"),
    [("none", ["OOOOO", "OOOO"], ["OOOOO", "OOOO"]), ("PER", ["OOOOO", "OOOO"], ["OLOOO", "LOOO"])],
)
def test_partial_matches_only_of_the_types_that_are_named(
    lists: Path, partial: str, places: list[str], persons: list[str]
) -> None:
    out, index = run(lists, lexicon_partial=partial)
    assert (columns(out, index, "lexicon_LOC"), columns(out, index, "lexicon_PER")) == (places, persons)


def test_the_same_lists_give_the_same_bytes(lists: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = tmp_path / "elsewhere" / "lists"
    first, _ = run(lists)
    before = {path.relative_to(first): path.read_bytes() for path in first.rglob("*") if path.is_file()}
    lists.rename(moved)
    (tmp_path / "corpus").rename(moved.parent / "corpus")
    second, _ = run(moved)
    assert {path.relative_to(second): path.read_bytes() for path in second.rglob("*") if path.is_file()} == before


def test_a_lexicon_within_the_output_is_refused(lists: Path) -> None:
    out, _ = run(lists)
    (out / "vocab" / "lists").mkdir()
    write_list(out / "vocab" / "lists" / "PER.txt", "Ann Smith")
    with pytest.raises(OutputError, match="would be replaced"):
        build({"train": lists.parent / "corpus"}, Settings(lexicon=str(out / "vocab" / "lists")), out, Problems())


@pytest.mark.parametrize(
    ("files", "knobs", "error", "message"),
    [
        (None, {}, SettingsError, r"--lexicon .*lists is no folder"),
        ({}, {}, SettingsError, r"lists holds no TYPE\.txt"),
        ({"PER.csv": b"a"}, {}, SettingsError, r"lists holds no TYPE\.txt"),
        ({"a b.txt": b"a"}, {}, SettingsError, r"a b\.txt names the type 'a b'; expected only letters"),
        ({"Ä.txt": b"a"}, {}, SettingsError, "names the type 'Ä'"),
        ({"per.txt": b"a", "PER.txt": b"a"}, {}, SettingsError, r"PER\.txt and .*per\.txt name the same type but for"),
        ({"PER.txt": b"a"}, {"lexicon_partial": "PER,ORG"}, SettingsError, "names 'ORG', but --lexicon has PER; exp"),
        ({"PER.txt": b""}, {}, CorpusError, r"PER\.txt: error: no entry"),
        ({"PER.txt": b"# only this\n \n"}, {}, CorpusError, r"PER\.txt: error: no entry"),
        ({"PER.txt": b"a\nb\ncaf\xe9\n"}, {}, CorpusError, r"PER\.txt:3: error: byte 0xe9 is not UTF-8 text"),
        ({"PER.txt": "a".encode("utf-16")}, {}, CorpusError, r"PER\.txt:1: error: byte 0xff is not UTF-8 text"),
    ],
)
def test_lists_that_cannot_be_used_are_one_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, bytes] | None,
    knobs: dict[str, str],
    error: type[ValueError],
    message: str,
) -> None:
    (tmp_path / "corpus").write_text(CORPUS)
    if files is not None:
        (tmp_path / "lists").mkdir()
        for name, content in files.items():
            (tmp_path / "lists" / name).write_bytes(content)
    with pytest.raises(error, match=message):
        run(tmp_path / "lists", **knobs)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in knobs.items()]
    sources = [f"--{split}={tmp_path / 'corpus'}" for split in ("train", "dev")]
    assert main(["build", *sources, f"--lexicon={tmp_path / 'lists'}", f"--out={tmp_path / 'out'}", *options]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1 if error is SettingsError else 2)
    assert not (tmp_path / "out").exists()
