"""Pretrained vectors from file to shard set: every kind of file, the rows of word ids, what a build reports."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from corpus_sources import sources_of

from data_prep.__main__ import main
from data_prep.encoders.word_vectors import Vectors, read_all_vectors, read_vectors, write_vectors
from data_prep.inspecting.show_shards import describe, verify
from data_prep.passes.build import build
from data_prep.problems import CorpusError, Problems
from data_prep.settings import Settings
from data_prep.staging import OutputError
from ner_dist.contract.shard_format import UNK_ID, Index, file_sha256, read_vocab
from ner_dist.contract.shard_format import read_word_vectors as read_shard_vectors
from ner_dist.contract.word_lookup import word_id_lookup

WORDS = ["the", "paris", "0", "rare", "zz", "yy"]
MATRIX = np.arange(12, dtype=np.float32).reshape(6, 2) / 4
TEXT = "".join(f"{word} {a} {b}\n" for word, (a, b) in zip(WORDS, MATRIX))


def npy(matrix: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, matrix, **options)
    return file.getvalue()


def zipped(members: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


LIST = "".join(f"{word}\n" for word in WORDS)


def lay(directory: Path, files: dict[str, str | bytes]) -> Path:
    """Write the files and return the path of the first."""
    directory.mkdir(exist_ok=True)
    for name, content in files.items():
        (directory / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return directory / next(iter(files))


def read(path: Path, spill: Path) -> tuple[Vectors, Problems]:
    problems = Problems()
    vectors = read_vectors(path, spill, problems)
    problems.raise_errors()
    assert vectors is not None
    return vectors, problems


KINDS: dict[str, dict[str, str | bytes]] = {
    "text": {"v.txt": TEXT},
    "text with a header": {"v.vec": f"6 2\n{TEXT}"},
    "gzipped text": {"v.txt.gz": gzip.compress(TEXT.encode())},
    "zipped text": {"v.zip": zipped({"some/v.bin": TEXT, "__MACOSX/v.bin": "x"})},
    "zipped text with a note": {"v.zip": zipped({"README": "read me", "v.txt": TEXT})},
    "npy, words.txt": {"v.npy": npy(MATRIX), "words.txt": LIST},
    "npy, v.words.txt first": {"v.npy": npy(MATRIX), "v.words.txt": LIST, "words.txt": "x", "v.txt": TEXT},
    "npy, v.txt last": {"v.npy": npy(MATRIX), "v.txt": LIST},
    "npy, CRLF and no last end": {"v.npy": npy(MATRIX), "words.txt": LIST.replace("\n", "\r\n").rstrip()},
    "npy of halves": {"v.npy": npy(MATRIX.astype(np.float16)), "words.txt": LIST},
    "npy of big-endian doubles, by columns": {"v.npy": npy(np.asfortranarray(MATRIX, ">f8")), "words.txt": LIST},
    "gzipped npy": {"v.npy.gz": gzip.compress(npy(MATRIX)), "words.txt": LIST},
    "zipped npy with its words": {"v.zip": zipped({"a/v.npy": npy(MATRIX), "a/words.txt": LIST})},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_holds_the_same_vectors(tmp_path: Path, kind: str) -> None:
    vectors, problems = read(lay(tmp_path / "in", KINDS[kind]), tmp_path / "spill")
    assert vectors.rows == {word: row for row, word in enumerate(WORDS)}
    np.testing.assert_array_equal(vectors.matrix_RD, MATRIX)
    assert not problems.warnings
    assert {path.name for path in vectors.files} <= set(KINDS[kind])


def test_the_index_lists_every_file_that_was_used(tmp_path: Path) -> None:
    _, index = run(tmp_path)
    assert [(source["split"], source["name"], source["sha256"]) for source in index.sources[2:]] == [
        ("vectors", "v.npy", file_sha256(tmp_path / "in" / "v.npy")),
        ("vectors", "words.txt", file_sha256(tmp_path / "in" / "words.txt")),
    ]


@pytest.mark.parametrize(
    "files",
    [
        {"v.txt": "a 1 2\nb 3 4\na 5 6\n 7 8\n. . 9 9\na 0 0\n"},
        {
            "v.npy": npy(np.array([[1, 2], [3, 4], [5, 6], [7, 8], [9, 9], [0, 0.0]])),
            "words.txt": "a\nb\na\n\n. .\na\n",
        },
    ],
)
def test_what_is_unusual_but_usable_is_counted(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    vectors, problems = read(lay(tmp_path / "in", files), tmp_path / "spill")
    assert vectors.rows == {"a": 0, "b": 1, ". .": 4}
    assert problems.warnings == {
        "vectors_of_repeated_words": 2,
        "vectors_without_a_word": 1,
        "vectors_of_words_with_spaces": 1,
    }
    assert "2 vectors belong to words that have one already; the first is kept" in "\n".join(problems.warning_lines)


def test_words_of_an_npy_end_only_at_newlines(tmp_path: Path) -> None:
    odd = ["a\u0085b", "\u00a0", "\u2028x", "x\x0cy", "\x1c", "a\rb"]
    path = lay(tmp_path / "in", {"v.npy": npy(MATRIX), "words.txt": "\n".join(odd)})
    assert list(read(path, tmp_path / "spill")[0].rows) == odd


NAN = MATRIX.copy()
NAN[3, 1] = np.nan
WRONG: dict[str, tuple[dict[str, str | bytes], str]] = {
    "absent": ({"other": "x"}, "v: no such file"),
    "empty": ({"v": ""}, "v: the file is empty"),
    "empty in gz": ({"v": gzip.compress(b"")}, "v: the file is empty"),
    "broken gz": ({"v": gzip.compress(TEXT.encode())[:-10]}, "v: the compressed file is damaged"),
    "broken zip": ({"v": zipped({"v.txt": TEXT})[:-30]}, "v: the compressed file is damaged"),
    "many texts": (
        {"v": zipped({"a.txt": TEXT, "b.txt": TEXT})},
        r"v: the zip holds 2 files of vectors \(a\.txt, b\.txt\), expected one; unpack it",
    ),
    "many npy": ({"v": zipped({"a.npy": "", "b.npy": ""})}, "v: the zip holds 2 files of vectors"),
    "npy alone in zip": ({"v": zipped({"v.npy": npy(MATRIX)})}, r"v: the zip holds 0 word lists \(\.txt\)"),
    "npy alone": (
        {"v": npy(MATRIX)},
        r"v: no list of its words beside it, expected v\.words\.txt or words\.txt or v\.txt",
    ),
    "fewer words": ({"v": npy(MATRIX), "words.txt": "a\nb\n"}, r"words\.txt: 2 words, but v has 6 rows"),
    "more words": ({"v": npy(MATRIX), "words.txt": LIST + "\n"}, r"words\.txt: 7 words, but v has 6 rows"),
    "no words": ({"v": npy(MATRIX), "words.txt": ""}, r"words\.txt: the file is empty"),
    "text as words": ({"v": npy(MATRIX), "v.txt": TEXT}, r"v\.txt:1: error: 'the 0\.0 0\.25'\.\.\. is not a word"),
    "latin-1 words": ({"v": npy(MATRIX), "words.txt": b"a\nb\n\xebc\nd\ne\nf"}, r"words\.txt:3: error: byte 0xeb"),
    "pickled": ({"v": npy(np.array([["a", 1]], object)), "words.txt": "a"}, "v: not a complete .npy file of numbers"),
    "cut": ({"v": npy(MATRIX)[:-8], "words.txt": LIST}, "v: not a complete .npy file of numbers"),
    "cut header": ({"v": npy(MATRIX)[:20], "words.txt": LIST}, "v: not a complete .npy file of numbers"),
    "integers": (
        {"v": npy(np.ones((6, 2), int)), "words.txt": LIST},
        r"v: an array of int64 of shape \(6, 2\); expected",
    ),
    "flat": ({"v": npy(MATRIX.ravel()), "words.txt": LIST}, r"v: an array of float32 of shape \(12,\); expected"),
    "no rows": ({"v": npy(MATRIX[:0]), "words.txt": LIST}, "v: (not a complete|an array of float32 of shape)"),
    "nan": (
        {"v": npy(NAN), "words.txt": LIST},
        r"v: row 3: error: the vector of 'rare' \(line 4 of the words\) holds NaN",
    ),
    "too large": ({"v": npy(MATRIX * 1e300), "words.txt": LIST}, "v: row 0: error: .* infinite"),
    "wrong line": ({"v": TEXT + "x 1\n"}, "v:7: error: 1 values, expected 2"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_used_is_one_clear_sentence(tmp_path: Path, kind: str) -> None:
    files, message = WRONG[kind]
    lay(tmp_path / "in", files)
    with pytest.raises(CorpusError, match=f"^{tmp_path}/in/{message}"):
        read(tmp_path / "in" / "v", tmp_path / "spill")


def test_a_word_id_without_a_vector_has_a_row_of_nan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_prep.encoders.word_vectors.CHUNK_ROWS", 2)
    row_I = np.array([-1, -1, 5, -1, 0])
    entry = write_vectors(tmp_path, row_I, 4, MATRIX)
    assert (entry.path, entry.num_units, entry.first_unseen) == ("vectors.npy", 2, 4)
    written_ID = np.load(tmp_path / entry.path)
    assert written_ID.dtype == np.float32
    np.testing.assert_array_equal(written_ID[[2, 4]], MATRIX[[5, 0]])
    assert np.isnan(written_ID[row_I < 0]).all()


# "the" is found unchanged and in lower case, 1996 and 07 as 0; rare has a vector, bare and lone have none.
TRAIN = "The O\nParis B-LOC\n1996 O\nbare O\nthe O\n\nrare O\nbare O\nlone O\n"
DEV = "zz O\nPARIS B-LOC\n07 O\nnew O\n"


def corpus(directory: Path) -> dict[str, Path]:
    lay(directory, {"train": TRAIN, "dev": DEV})
    return {split: directory / split for split in ("train", "dev")}


def run(tmp_path: Path, name: str = "out", **knobs: Any) -> tuple[Path, Index]:
    path = lay(tmp_path / "in", KINDS["npy, words.txt"])
    settings = Settings(num_shards=1, vectors=(str(path),), **knobs)
    return tmp_path / name, build(sources_of(corpus(tmp_path / "corpus")), settings, tmp_path / name, Problems())


def ids_of_text(out: Path, index: Index) -> list[tuple[str, int]]:
    tables = [pq.read_table(out / shard.path) for shards in index.splits.values() for shard in shards]
    pairs = (zip(row["text"], row["word"]) for table in tables for row in table.to_pylist())
    return [pair for row in pairs for pair in row]


def test_a_build_gives_each_word_id_its_vector(tmp_path: Path) -> None:
    out, index = run(tmp_path)
    vocab = read_vocab(out, index, "word")
    assert vocab["values"] == ["<pad>", "<unk>", "bare", "the", "0", "paris", "rare", "zz", "yy"]
    assert vocab["counts"] == [0, 1, 2, 2, 1, 1, 1, 0, 0]
    assert index.vectors is not None
    assert (index.vectors.num_units, index.vectors.first_unseen) == (2, 7)
    vectors_VD = read_shard_vectors(out, index)
    assert np.flatnonzero(np.isnan(vectors_VD).any(1)).tolist() == vocab["without_vector"] == [0, 1, 2]
    for value, vector in zip(vocab["values"][3:], vectors_VD[3:]):
        assert vector.tolist() == MATRIX[WORDS.index(value)].tolist()
    assert dict(ids_of_text(out, index))["lone"] == UNK_ID
    assert index.stats["train"]["unknown_words"] == 1
    assert index.stats["dev"]["unknown_words"] == 1


@pytest.mark.parametrize("knobs", [{}, {"vector_words": "corpus"}, {"keep_case": True}, {"keep_digits": True}])
def test_prediction_gives_every_token_of_the_corpus_the_id_in_its_shard(tmp_path: Path, knobs: dict[str, Any]) -> None:
    out, index = run(tmp_path, **knobs)
    vocab = read_vocab(out, index, "word")
    settings = index.settings
    word_id = word_id_lookup(vocab["values"], settings["keep_case"], settings["keep_digits"], vocab["without_vector"])
    found = ids_of_text(out, index)
    assert len(found) == 12
    assert [word_id(token) for token, _ in found] == [stored for _, stored in found]
    assert ("yy" in vocab["values"]) == (settings["vector_words"] == "all")


def test_vectors_of_two_files_are_concatenated_with_zeros_where_one_lacks_the_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_prep.encoders.word_vectors.CHUNK_ROWS", 4)
    paths = [
        lay(tmp_path / "in", KINDS["npy, words.txt"]),
        lay(tmp_path / "in", {"more.txt": "new 7 8 9\nparis 4 5 6\n"}),
    ]
    joined = read_all_vectors(paths, tmp_path, problems := Problems())
    assert joined is not None
    assert not problems.warnings
    assert list(joined.rows.items()) == [*((word, row) for row, word in enumerate(WORDS)), ("new", 6)]
    expected_RD = np.zeros((7, 5), np.float32)
    expected_RD[:6, :2] = MATRIX
    expected_RD[1, 2:], expected_RD[6, 2:] = [4, 5, 6], [7, 8, 9]
    np.testing.assert_array_equal(joined.matrix_RD, expected_RD)
    assert [path.name for path in joined.files] == ["v.npy", "words.txt", "more.txt"]


def test_the_command_line_concatenates_vectors_of_two_files(tmp_path: Path) -> None:
    paths = [lay(tmp_path / "in", KINDS["text"]), lay(tmp_path / "in", {"more.txt": "new 7 8 9\n"})]
    sources = [f"--{split}={path}" for split, path in corpus(tmp_path / "corpus").items()]
    out = tmp_path / "out"
    assert main(["build", *sources, "--vectors", *map(str, paths), "--num-shards=1", f"--out={out}"]) == 0
    index = verify(out)
    assert index.settings["vectors"] == ["v.txt", "more.txt"]
    word_id = dict(ids_of_text(out, index))
    vectors_VD = read_shard_vectors(out, index)
    assert vectors_VD[word_id["new"]].tolist() == [0, 0, 7, 8, 9]
    assert vectors_VD[word_id["Paris"]].tolist() == [*MATRIX[1], 0, 0, 0]


def test_a_mistake_in_one_of_two_files_leaves_no_vectors(tmp_path: Path) -> None:
    paths = [lay(tmp_path / "in", {"bad": "x 1 nan\n"}), lay(tmp_path / "in", KINDS["text"])]
    assert read_all_vectors(paths, tmp_path, problems := Problems()) is None
    assert problems.num_errors == 1
    assert read_all_vectors([], tmp_path, problems) is None


def test_a_build_reports_what_the_vectors_cover(tmp_path: Path) -> None:
    _, index = run(tmp_path)
    train, dev = index.stats["train"], index.stats["dev"]
    assert train["with_vector"] == {
        "types": {"all": 7, "exact": 2, "lower": 2, "digits": 1},
        "tokens": {"all": 8, "exact": 2, "lower": 2, "digits": 1},
    }
    assert train["without_vector"] == {"bare": 2, "lone": 1}
    assert dev["with_vector"]["tokens"] == {"all": 4, "exact": 1, "lower": 1, "digits": 1}
    assert "without_vector" not in dev


def test_the_same_vectors_give_the_same_bytes_also_as_text(tmp_path: Path) -> None:
    first, index = run(tmp_path, "a")
    again, _ = run(tmp_path, "b")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert Path("vectors.npy") in files
    assert all((first / path).read_bytes() == (again / path).read_bytes() for path in files)
    path = lay(tmp_path / "text", KINDS["gzipped text"])
    from_text = build(
        sources_of(corpus(tmp_path / "corpus")),
        Settings(num_shards=1, vectors=(str(path),)),
        tmp_path / "c",
        Problems(),
    )
    assert from_text.fingerprint() == index.fingerprint()
    assert from_text.settings["vectors"] == ["v.txt.gz"]
    assert str(tmp_path) not in (tmp_path / "c" / "index.json").read_text()


def test_without_vectors_the_set_contains_nothing_about_them(tmp_path: Path) -> None:
    out, _ = run(tmp_path)
    index = build(sources_of(corpus(tmp_path / "corpus")), Settings(num_shards=1), out, Problems())
    assert index.vectors is None
    assert not (out / "vectors.npy").exists(), "the older set is replaced"
    assert not {"with_vector", "without_vector"} & set(index.stats["train"])


def test_vectors_inside_the_output_are_refused(tmp_path: Path) -> None:
    out, _ = run(tmp_path)
    settings = Settings(num_shards=1, vectors=(str(out / "vectors.npy"),))
    with pytest.raises(OutputError, match=r"vectors\.npy lies in --out .*, which would be replaced"):
        build(sources_of(corpus(tmp_path / "corpus")), settings, out, Problems())


def test_vectors_without_any_word_of_the_corpus_are_an_error(tmp_path: Path) -> None:
    path = lay(tmp_path / "in", {"v": "je 1 2\nsuis 3 4\n"})
    with pytest.raises(CorpusError, match="v: error: no word of the corpus has a vector here"):
        build(
            sources_of(corpus(tmp_path / "corpus")),
            Settings(num_shards=1, vectors=(str(path),)),
            tmp_path / "out",
            Problems(),
        )


def test_inspect_verifies_the_vectors(tmp_path: Path) -> None:
    out, index = run(tmp_path)
    assert verify(out) == index
    text = "\n".join(describe(out, index))
    assert "source of vectors: v.npy, 176 bytes\nsource of vectors: words.txt, 23 bytes" in text
    content = bytearray((out / "vectors.npy").read_bytes())
    content[-1] ^= 1
    (out / "vectors.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"vectors\.npy: checksum"):
        verify(out)


@pytest.mark.parametrize("vector_words", ["all", "corpus"])
def test_the_command_line_builds_with_vectors_and_shows_their_coverage(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, vector_words: str
) -> None:
    path = lay(tmp_path / "in", KINDS["zipped text"])
    sources = [f"--{split}={path}" for split, path in corpus(tmp_path / "corpus").items()]
    options = [f"--vectors={path}", "--vector-words", vector_words, "--num-shards", "1"]
    assert main(["build", *sources, *options, f"--out={tmp_path / 'out'}"]) == 0
    out = capsys.readouterr().out
    assert "with a vector  distinct words  tokens  as it is  lower case  digits as 0" in out
    assert "train                  71.4 %  62.5 %    25.0 %      25.0 %       12.5 %" in out
    assert "most frequent words of train without one: bare (2), lone (1)" in out
    assert f"vectors: 2 units; {1 + (vector_words == 'all')} words are not in train, but have a vector" in out
    assert main(["check", *sources, *options]) == 0
    assert "most frequent words of train without one" in capsys.readouterr().out


def test_a_mistake_in_the_vectors_is_a_clear_sentence_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = lay(tmp_path / "in", {"v": TEXT + "x 1 nan\n"})
    sources = [f"--{split}={path}" for split, path in corpus(tmp_path / "corpus").items()]
    assert main(["build", *sources, f"--vectors={path}", "--num-shards=1", f"--out={tmp_path / 'out'}"]) == 1
    captured = capsys.readouterr()
    assert f"{path}:7: error: value 2 is nan, expected a finite number" in captured.err
    assert captured.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "in"]
