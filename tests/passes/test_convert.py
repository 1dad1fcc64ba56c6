"""Converting corpora: there and back is the identity for every pair of format and scheme, whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import itertools
import json
import operator
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
from corpus_sources import sources_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_prep.__main__ import main
from data_prep.inspecting.show_shards import verify
from data_prep.passes.build import build
from data_prep.passes.convert import Target, convert
from data_prep.problems import CorpusError, Problems
from data_prep.sentences.string_ids import StringIds
from data_prep.settings import Settings
from ner_dist.contract.tag_schemes import SCHEMES
from ner_dist.contract.visible_text import is_blank_text

ROOT = Path(__file__).resolve().parents[2]
TEXT = "text"


class Corpus(NamedTuple):
    """Sentences of (length of a piece, its type or None outside) over their tokens, with parts of speech or without."""

    tokens: list[list[str]]
    pieces: list[list[tuple[int, str | None]]]
    pos: list[list[str]] | None


EXAMPLE = Corpus(
    [["EU", "rejects", "New", "York", "#", "Paris", "Lyon"], ["#"], ["-", '"', "é", '","', "O'x"]],
    [[(1, "ORG"), (1, None), (2, "LOC"), (1, None), (1, "LOC"), (1, "LOC")], [(1, None)], [(3, "a-b"), (2, "PER")]],
    [["NNP", "VBZ", "NNP", "NNP", "#", "NNP", "NNP"], ["#"], [":", "``", "NN", '","', "NN"]],
)


def tags(pieces: list[tuple[int, str | None]], scheme: str) -> list[str]:
    """Tags of one sentence, piece by piece."""
    found: list[str] = []
    before = None
    for length, kind in pieces:
        if kind is None:
            found += ["O"] * length
        elif scheme == "bio":
            found += [f"B-{kind}"] + [f"I-{kind}"] * (length - 1)
        elif scheme == "iob1":
            found += [f"{'B' if before == kind else 'I'}-{kind}"] + [f"I-{kind}"] * (length - 1)
        else:
            last, single = ("E", "S") if scheme == "bioes" else ("L", "U")
            letters = single if length == 1 else "B" + "I" * (length - 2) + last
            found += [f"{letter}-{kind}" for letter in letters]
        before = kind
    return found


def spans(tokens: list[str], pieces: list[tuple[int, str | None]]) -> list[list[object]]:
    found: list[list[object]] = []
    place = 0
    for length, kind in pieces:
        before, inside = " ".join(tokens[:place]), " ".join(tokens[place : place + length])
        begin = len(before) + (place > 0)
        if kind is not None:
            found.append([begin, begin + len(inside), kind])
        place += length
    return found


def written(corpus: Corpus, name: str, scheme: str) -> bytes:
    """The corpus in a format and scheme, by plain loops."""
    columns = [corpus.tokens, *([corpus.pos] if corpus.pos else []), [tags(p, scheme) for p in corpus.pieces]]
    sentences = [list(zip(*rows)) for rows in zip(*columns)]
    if name == "conll":
        kinds = [kind for pieces in corpus.pieces for _, kind in pieces if kind]
        words = itertools.chain(*corpus.tokens, *(corpus.pos or []), kinds)
        separator = "\t" if any(not word or " " in word for word in words) else " "
        text = "".join("".join(separator.join(row) + "\n" for row in rows) + "\n" for rows in sentences)
        return text.encode()
    if name == "kaggle":
        file = io.StringIO()
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["Sentence #", "Word", *(["POS"] if corpus.pos else []), "Tag"])
        for number, sentence in enumerate(sentences, 1):
            rows.writerows([f"Sentence: {number}" if not i else "", *row] for i, row in enumerate(sentence))
        return ("\ufeff" + file.getvalue()).encode()
    lines = []
    for number, (tokens, pieces) in enumerate(zip(corpus.tokens, corpus.pieces)):
        record: dict[str, object] = {"tokens": tokens, "tags": tags(pieces, scheme)}
        if scheme == TEXT:
            record = {"text": " ".join(tokens), "tokens": tokens, "entities": spans(tokens, pieces)}
        if corpus.pos:
            record["pos"] = corpus.pos[number]
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def converted(folder: Path, corpus: Corpus, content: bytes, form: tuple[str, str], to: tuple[str, str]) -> bytes:
    """The content, which is the corpus in a form, in another."""
    (folder / "in").write_bytes(content)
    problems = Problems()
    target = Target(str(folder / "out"), to[0], None if to[1] == TEXT else to[1], to[1] == TEXT)
    # Which column is which would be guessed from what words look like, and these look like anything.
    columns = {"token_column": 0, "tag_column": -1, "pos_column": 1 if corpus.pos else None}
    chosen = Settings(format=form[0], scheme="bio" if form[1] == TEXT else form[1])
    if form[0] == "conll":
        chosen = dataclasses.replace(chosen, **columns)
    convert(folder / "in", target, chosen, None, problems)
    assert not {name for name in problems.warnings if name.endswith("_left_out")}
    return (folder / "out").read_bytes()


# Those whose bytes are written here by plain loops, too; test_round_trips.py has all formats.
FORMS = [*itertools.product(("conll", "kaggle", "jsonl"), SCHEMES), ("jsonl", TEXT)]
# Without line ends, tabs and half surrogate pairs; every token can be seen, and none begins with a byte-order mark.
WORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\0") | st.sampled_from('#-" ,\u00a0\ufeff\x85'),
    min_size=1,
    max_size=6,
).filter(lambda word: not is_blank_text(word) and word[0] != "\ufeff")
PIECES = st.lists(st.tuples(st.integers(1, 3), st.sampled_from([None, "X", "Y", "a b"])), min_size=1, max_size=5)


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    pieces = draw(st.lists(PIECES, min_size=1, max_size=3))
    # Adjacent tokens outside entities may be one piece or several; their tags are the same.
    lengths = [sum(length for length, _ in sentence) for sentence in pieces]
    tokens = [draw(st.lists(WORDS, min_size=length, max_size=length)) for length in lengths]
    with_pos = draw(st.booleans())
    pos = [draw(st.lists(WORDS | st.just(""), min_size=length, max_size=length)) for length in lengths]
    return Corpus(tokens, pieces, pos if with_pos else None)


# A token may end with white space, which spans have not.
@example(
    Corpus([["0", "0", "0\x0c", "0"], ["0\x0c", "0"]], [[(1, None), (2, "X"), (1, None)], [(1, "X"), (1, None)]], None),
    ("conll", "iob1"),
    ("jsonl", TEXT),
)
@given(corpora(), st.sampled_from(FORMS), st.sampled_from(FORMS))
@settings(max_examples=100)
@example(Corpus([["a", "b"]], [[(2, None)]], [["", "N"]]), ("conll", "bio"), ("kaggle", "iob1"))
def test_there_and_back_is_the_identity(
    tmp_path_factory: pytest.TempPathFactory, corpus: Corpus, form: tuple[str, str], to: tuple[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("convert")
    there = converted(folder, corpus, written(corpus, *form), form, to)
    assert there == written(corpus, *to)
    assert converted(folder, corpus, there, to, form) == written(corpus, *form)


@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_every_format_and_scheme_becomes_every_other(tmp_path: Path, form: tuple[str, str]) -> None:
    for to, corpus in itertools.product(FORMS, (EXAMPLE, EXAMPLE._replace(pos=None))):
        assert converted(tmp_path, corpus, written(corpus, *form), form, to) == written(corpus, *to), to


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    try:
        code = main(["convert", *map(str, arguments)])
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "in.conll").write_bytes(written(EXAMPLE, "conll", "iob1"))
    return tmp_path / "in.conll"


def test_format_follows_the_name_and_the_scheme_stays(
    capsys: pytest.CaptureFixture[str], corpus: Path, tmp_path: Path
) -> None:
    for name, form in (("a.jsonl", "jsonl"), ("a.JSON", "jsonl"), ("a.csv", "kaggle"), ("a.txt", "conll")):
        code, out, err = run(capsys, corpus, tmp_path / name)
        assert (code, err) == (0, "")
        assert (tmp_path / name).read_bytes() == written(EXAMPLE, form, "iob1")
        assert f"-> {form}, iob1" in out
        assert out.endswith(f"{tmp_path / name}: 3 sentences, 13 tokens, 6 entities\n")


def test_stdout_gets_the_corpus_alone(capfdbinary: pytest.CaptureFixture[bytes], corpus: Path) -> None:
    assert main(["convert", str(corpus), "-", "--scheme", "bilou"]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out == written(EXAMPLE, "conll", "bilou")
    assert b"-: 3 sentences" in captured.err


def test_a_name_in_gz_is_packed_and_the_bytes_are_always_the_same(
    capsys: pytest.CaptureFixture[str], corpus: Path, tmp_path: Path
) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        assert run(capsys, corpus, tmp_path / name)[0] == 0
    packed = (tmp_path / "a.jsonl.gz").read_bytes()
    assert gzip.decompress(packed) == written(EXAMPLE, "jsonl", "iob1")
    assert (tmp_path / "b.jsonl.gz").read_bytes() == packed
    # It is read back, as the spans of --text are, without options for format or scheme.
    assert run(capsys, tmp_path / "a.jsonl.gz", tmp_path / "c.jsonl", "--text")[0] == 0
    assert (tmp_path / "c.jsonl").read_bytes() == written(EXAMPLE, "jsonl", TEXT)
    assert run(capsys, tmp_path / "c.jsonl", tmp_path / "d.conll", "--scheme", "iob1")[0] == 0
    assert (tmp_path / "d.conll").read_bytes() == corpus.read_bytes()


def test_document_marks_stay_and_comments_are_skipped(
    capsys: pytest.CaptureFixture[str], corpus: Path, tmp_path: Path
) -> None:
    text = corpus.read_text()
    mark = "-DOCSTART- -X- O\n\n"
    text = text.replace("\n\n", f"\n\n{mark}", 1)
    corpus.write_text(f"-DOCSTART- -X- -X- O\n\n# a comment\n{text}")
    assert run(capsys, corpus, tmp_path / "out", "--from-scheme", "iob1")[0] == 0
    assert (tmp_path / "out").read_text() == mark + text


def test_document_marks_of_other_formats_are_written_with_a_warning_unless_they_would_split_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    lines = ['{"tokens": ["-DOCSTART-"], "tags": ["O"]}', '{"tokens": ["a"], "tags": ["B-X"]}']
    path.write_text("\n".join(lines))
    code, _, err = run(capsys, path, tmp_path / "out")
    assert (code, (tmp_path / "out").read_text()) == (0, "-DOCSTART- O\n\na B-X\n\n")
    what = "token '-DOCSTART-' begins with -DOCSTART-: readers take its line for a document's beginning"
    assert err == f"{path}:1: warning: {what}\n"
    path.write_text('{"tokens": ["a", "-DOCSTART-"], "tags": ["B-X", "O"]}')
    code, _, err = run(capsys, path, tmp_path / "out")
    assert (code, f"{path}:1: error: " in err, "jsonl instead" in err) == (1, True, True)


MISTAKES = [
    ("a O\nb I-X\n\n" + "c B-X\n\n" * 6, [], ":2: error: tag 'I-X' after 'O' breaks bio (--on-broken repair reads it"),
    ("a O\nb X\n\n" + "c B-X\n\n" * 9, ["--from", "conll"], ":2: error: tag 'X' is neither O nor one of"),
    ("a O\nb B-X\n\nc I-X\n", [], "error: the tag scheme is not clear (1 B- tags, 1 of them"),
    ("a O\nb B-X\n\nc I-X\n", [], "pass --from-scheme"),
    ("a B-X\nb\n", ["--from", "conll"], ":2: error: the line has 1 column, expected 2"),
    ("# nothing\n\n", ["--from", "conll"], "error: the file holds no sentences"),
    ('{"tokens": ["a", " "], "tags": ["O", "B-X"]}', [], ":1: error: token ' ' is empty or cannot be seen"),
    ('{"tokens": ["a", "b\\tc"], "tags": ["O", "B-X"]}', [], ":1: error: token 'b\\tc' contains the separator '\\t'"),
    (
        '{"tokens": ["a"], "tags": ["O"], "pos": ["N\\n"]}',
        [],
        ":1: error: token feature pos 'N\\n' contains the separator '\\n'",
    ),
    (
        '{"tokens": ["a"], "tags": ["B-x\\ty"]}',
        [],
        ":1: error: entity type 'x\\ty' cannot be written in this format",
    ),
    (
        '{"tokens": ["a", "\\ufeffb"], "tags": ["O", "B-X"]}',
        [],
        r":1: error: token '\ufeffb' begins with a byte-order mark, which readers would drop; write jsonl instead",
    ),
    ("Once upon a time\n", [], "the format cannot be recognised"),
    ("a B-X\n", ["--text", "--to", "conll"], "--text is for --to jsonl, not for conll"),
    ("a B-X\n", ["--split", "dev"], "--split is for shard sets"),
    ("a B-X\n", ["--encoding", "klingon"], "--encoding klingon is not an encoding"),
    ("a B-X\n", ["--scheme", "auto"], "invalid choice: 'auto'"),
]


@pytest.mark.parametrize(("content", "options", "message"), MISTAKES)
def test_an_error_names_its_place_and_the_old_output_stays(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, options: list[str], message: str
) -> None:
    (tmp_path / "in").write_text(content)
    (tmp_path / "out").write_text("older")
    code, out, err = run(capsys, tmp_path / "in", tmp_path / "out", *options)
    assert code in (1, 2)
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert (tmp_path / "out").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    # Nothing is written to stdout either.
    assert run(capsys, tmp_path / "in", "-", "--to", "conll", *options)[1] == ""


def test_each_of_many_errors_is_reported_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a O\nb I-X\nc\nd Y\n\n" + "e B-X\n\n" * 8)
    code, _, err = run(capsys, tmp_path / "in", tmp_path / "out")
    assert code == 1
    assert sorted(line.split(":")[1] for line in err.splitlines()[:-1]) == ["2", "3", "4"]
    assert err.splitlines()[-1] == "3 errors"


def test_broken_tags_can_be_repaired_and_are_counted_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a O\nb I-X\n\n" + "c B-X\n\n" * 6)
    code, _, err = run(capsys, tmp_path / "in", tmp_path / "out", "--on-broken", "repair", "--scheme", "bioes")
    assert (code, err.count("warning")) == (0, 1)
    assert (tmp_path / "out").read_text().startswith("a O\nb S-X\n\nc S-X\n\n")


@pytest.mark.parametrize(("name", "message"), [("", "is a directory"), ("in.conll", "is the input")])
def test_an_output_that_must_not_be_replaced_stays(
    capsys: pytest.CaptureFixture[str], corpus: Path, tmp_path: Path, name: str, message: str
) -> None:
    before = corpus.read_bytes()
    code, _, err = run(capsys, corpus, tmp_path / name)
    assert (code, message in err) == (1, True)
    assert corpus.read_bytes() == before


def test_a_device_is_written_to_and_not_replaced(capsys: pytest.CaptureFixture[str], corpus: Path) -> None:
    assert run(capsys, corpus, os.devnull)[0] == 0
    assert not Path(os.devnull).is_file()


def test_another_encoding_is_read_and_utf_8_is_written(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes("é B-X\n".encode("cp1252"))
    target = Target(str(tmp_path / "out"))
    with pytest.raises(CorpusError, match="byte 0xe9 is not utf-8 text"):
        convert(tmp_path / "in", target, Settings(), None, Problems())
    convert(tmp_path / "in", target, Settings(encoding="cp1252"), None, Problems())
    assert (tmp_path / "out").read_bytes() == "é B-X\n\n".encode()


# --- Shards


def test_a_split_of_shards_comes_back_in_the_order_of_the_corpus(
    capsys: pytest.CaptureFixture[str], synth_corpus: dict[str, Path], synth_shards: Path, tmp_path: Path
) -> None:
    for split, path in synth_corpus.items():
        assert run(capsys, path, tmp_path / "expected")[0] == 0
        assert run(capsys, synth_shards, tmp_path / "found", "--split", split)[0] == 0
        assert (tmp_path / "found").read_bytes() == (tmp_path / "expected").read_bytes()


def test_shards_need_a_split_and_for_a_misspelt_one_the_nearest_is_suggested(
    capsys: pytest.CaptureFixture[str], synth_shards: Path, tmp_path: Path
) -> None:
    code, _, err = run(capsys, synth_shards, tmp_path / "out")
    assert (code, f"python -m data_prep convert {synth_shards} OUT --split train" in err) == (1, True)
    code, _, err = run(capsys, synth_shards, tmp_path / "out", "--split", "tset")
    assert (code, "no split 'tset'" in err, err.endswith("--split test\n")) == (1, True, True)
    assert list(tmp_path.iterdir()) == []


def test_tokens_with_spaces_come_out_of_shards_whole(tmp_path: Path) -> None:
    (tmp_path / "in").write_text('{"tokens": ["New York", "rain"], "tags": ["B-X", "O"]}\n' * 3)
    build(
        sources_of(dict.fromkeys(("train", "dev"), tmp_path / "in")), Settings(num_shards=1), tmp_path / "s", Problems()
    )
    verify(tmp_path / "s")
    convert(tmp_path / "s", Target(str(tmp_path / "out"), "conll"), Settings(), "dev", Problems())
    assert (tmp_path / "out").read_text() == "New York\tB-X\nrain\tO\n\n" * 3


# --- Memory


def test_few_strings_are_in_memory_at_once_and_nothing_else_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 50
    monkeypatch.setattr("data_prep.sources.text_source.BLOCK_BYTES", 64)
    monkeypatch.setattr("data_prep.sentences.block.MAX_OPEN_TOKENS", limit)
    monkeypatch.setattr("data_prep.sentences.string_ids.MAX_OPEN_TOKENS", limit)
    most = 0

    class WatchedIds(StringIds):
        def evict(self) -> None:
            nonlocal most
            most = max(most, len(self.texts))
            super().evict()

    monkeypatch.setattr("data_prep.passes.tagged_stream.StringIds", WatchedIds)
    # Sentences of up to 45 tokens span many blocks; some words occur again much later.
    lengths = [1 + 7 * i % 45 for i in range(120)]
    words = (f"w{i % 991}" if i % 3 else f"v{i % 7}" for i in itertools.count())
    text = "".join("".join(f"{next(words)} {'NV'[i % 2]} B-X\n" for i in range(length)) + "\n" for length in lengths)
    (tmp_path / "in").write_text(text)
    convert(tmp_path / "in", Target(str(tmp_path / "out"), "conll"), Settings(scheme="bio"), None, Problems())
    assert (tmp_path / "out").read_text() == text
    assert limit < most < 4 * limit


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """With ever new words, so that keeping all strings would show, in each of two runs: one alone varies by 8 %."""
    peaks = []
    for num_sentences in (80_000, 480_000):
        path = tmp_path / "in.conll"
        path.write_text("".join(f"word{i} N{i % 9} B-X\nthe DT O\n\n" for i in range(num_sentences)))
        # Started as usual, except for a limit that this corpus reaches.
        code = (
            "import runpy, data_prep.sentences.string_ids\n"
            "data_prep.sentences.string_ids.MAX_OPEN_TOKENS = 5000\n"
            "try: runpy.run_module('data_prep', run_name='__main__')\n"
            "except SystemExit as stop: assert not stop.code\n"
            "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:')))"
        )
        command = [sys.executable, "-c", code, "convert", str(path), str(tmp_path / "out.jsonl")]
        runs = [subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True) for _ in range(2)]
        peaks.append(min(int(finished.stdout.split()[-1]) for finished in runs))
    assert peaks[1] < 1.06 * peaks[0], peaks


# --- Real corpora


@pytest.mark.skipif("NER_CORPORA" not in os.environ, reason="NER_CORPORA names no directory of real corpora")
def test_gmb_by_way_of_conll_is_gmb(tmp_path: Path) -> None:
    source = Path(os.environ["NER_CORPORA"]) / "gmb" / "ner_dataset.csv.zip"
    done = convert(source, Target(str(tmp_path / "gmb.conll.gz")), Settings(), None, Problems())
    assert done[:3] == (47_959, 1_048_575, 111_891)
    direct = build(sources_of({"train": source}), Settings(num_shards=2), tmp_path / "direct", Problems())
    by_way = build(
        sources_of({"train": tmp_path / "gmb.conll.gz"}), Settings(num_shards=2), tmp_path / "by-way", Problems()
    )
    assert by_way.vocab == direct.vocab
    for shard in direct.splits["train"]:
        # All but the numbers of the lines, which are those of another file.
        tables = (pq.read_table(tmp_path / name / shard.path) for name in ("direct", "by-way"))
        assert operator.eq(*(table.drop_columns(["line"]) for table in tables))


@pytest.mark.skipif("NER_CORPORA" not in os.environ, reason="NER_CORPORA names no directory of real corpora")
def test_conll2003_in_bilou_and_back_has_its_own_tags(tmp_path: Path) -> None:
    source = Path(os.environ["NER_CORPORA"]) / "conll2003" / "eng.testb"
    convert(source, Target(str(tmp_path / "bilou.jsonl"), scheme="bilou"), Settings(), None, Problems())
    convert(tmp_path / "bilou.jsonl", Target(str(tmp_path / "back"), scheme="iob1"), Settings(), None, Problems())
    rows = [line.split(" ") for line in source.read_text().splitlines() if line]
    found = [line.split(" ") for line in (tmp_path / "back").read_text().splitlines() if line]
    # Of marks and tokens, the first two columns and the last one; this copy has the first mark at its end.
    assert found == [[row[0], row[1], row[-1]] for row in (rows[-1], *rows[:-1])]
