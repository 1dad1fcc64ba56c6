"""What the user names: folders, patterns, archives, members, standard input; and what is refused."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from made_archives import put, tarred, zipped
from read_files import read_files

from data_prep.formats.find_sources import expand, expand_splits
from data_prep.problems import CorpusError, Problems
from data_prep.sources.source_files import SourceFile

FIRST = "Ann B-PER\nsings O\n\n"
SECOND = "Oslo B-LOC\nsleeps O\n\n"
TOKENS = [["Ann", "sings"], ["Oslo", "sleeps"]]


def names_of(files: list[SourceFile]) -> list[str]:
    return [file.name for file in files]


def test_several_files_are_read_in_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    put(tmp_path, {"a": FIRST, "b": SECOND})
    assert read_files(tmp_path / "b", tmp_path / "a").tokens == TOKENS[::-1]


def test_a_folder_is_read_in_the_order_of_its_names_without_what_is_no_corpus(tmp_path: Path) -> None:
    files = {"b.conll": SECOND, "a/one.conll": FIRST, "README.md": "Cite us.", "LICENSE": "Free.", ".git/x": "no"}
    put(tmp_path, {**files, ".hidden": "no", "a/__MACOSX/one.conll": "no"})
    found = read_files(tmp_path)
    assert (found.tokens, list(found.formats)) == (TOKENS, ["a/one.conll", "b.conll"])
    assert found.problems.warnings == {"other_files_left_out": 2}
    assert "LICENSE, README.md" in found.problems.warning_lines[0]


def test_links_of_a_folder_to_itself_are_followed_once(tmp_path: Path) -> None:
    put(tmp_path, {"a/one": FIRST})
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    assert names_of(expand([tmp_path])) == ["a/one"]


@pytest.mark.parametrize("target", ["outside/secret", "outside"])
def test_links_out_of_a_folder_are_followed_only_if_they_are_named(tmp_path: Path, target: str) -> None:
    put(tmp_path, {"a/one.conll": FIRST, "outside/secret": SECOND})
    (tmp_path / "a" / "link").symlink_to(tmp_path / target)
    with pytest.raises(CorpusError, match=f"a/link: a link to .*{target}, out of the folder that was named"):
        expand([tmp_path / "a"])
    assert len(expand([f"{tmp_path}/a/*.conll", tmp_path / "a" / "link"])) == 2


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("*.conll", ["a.conll", "b.conll"]), ("**/*.conll", ["a.conll", "b.conll", "c.conll"]), ("[b]*", ["b.conll"])],
)
def test_a_pattern_names_files(tmp_path: Path, pattern: str, names: list[str]) -> None:
    put(tmp_path, {"a.conll": FIRST, "b.conll": SECOND, "d/c.conll": FIRST})
    assert sorted(Path(name).name for name in names_of(expand([f"{tmp_path}/{pattern}"]))) == names


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path) -> None:
    put(tmp_path, {"a[1].conll": FIRST, "a1.conll": SECOND})
    assert read_files(tmp_path / "a[1].conll").tokens == TOKENS[:1]


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: pa.compress(data, "zstd", asbytes=True)]
)
def test_compression_is_found_out_from_the_content(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "corpus").write_bytes(pack((FIRST * 40).encode()))
    assert read_files(tmp_path / "corpus").tokens == TOKENS[:1] * 40
    (tmp_path / "cut").write_bytes(pack((FIRST * 40).encode())[:-7])
    with pytest.raises(CorpusError, match="cut: the compressed file is damaged or incomplete"):
        read_files(tmp_path / "cut", format="conll")


def test_a_file_that_is_compressed_twice_is_read(tmp_path: Path) -> None:
    (tmp_path / "corpus").write_bytes(gzip.compress(bz2.compress(FIRST.encode())))
    assert read_files(tmp_path / "corpus").tokens == TOKENS[:1]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_the_members_of_a_tar_are_read(tmp_path: Path, mode: str) -> None:
    archive = tarred(tmp_path / "corpus", {"./a.conll": FIRST, "./b.conll": SECOND, "./README": "no"}, mode)
    found = read_files(archive)
    assert (found.tokens, list(found.formats)) == (TOKENS, ["corpus/a.conll", "corpus/b.conll"])
    assert read_files(archive / "b.conll").tokens == TOKENS[1:]


def test_members_of_a_zip_are_named_like_files_of_a_folder(tmp_path: Path) -> None:
    files = {"x/a.conll": FIRST, "x/b.conll": SECOND, "__MACOSX/x/a.conll": "no", "x/.DS_Store": "no"}
    archive = zipped(tmp_path / "c.zip", files)
    for name in ("c.zip", "c.zip/x", "c.zip/x/*.conll"):
        assert read_files(tmp_path / name).tokens == TOKENS, name
    assert read_files(archive / "x" / "b.conll").tokens == TOKENS[1:]
    assert read_files(tmp_path / "c.zip/x/a*").formats == {"c.zip/x/a.conll": "conll"}


def test_a_compressed_member_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("a.conll.gz", gzip.compress(FIRST.encode()))
    assert read_files(tmp_path / "c.zip").tokens == TOKENS[:1]


def test_an_archive_of_one_file_is_called_by_its_own_name(tmp_path: Path) -> None:
    assert str(expand([zipped(tmp_path / "c.zip", {"a.conll": FIRST})])[0]) == str(tmp_path / "c.zip")


@pytest.mark.parametrize("make", [zipped, tarred])
def test_an_archive_of_several_splits_is_refused(tmp_path: Path, make: Callable[..., Path]) -> None:
    archive = make(tmp_path / "c", {"d/train.txt": FIRST, "d/valid.txt": FIRST, "d/test.txt": FIRST})
    with pytest.raises(CorpusError) as raised:
        expand([archive], split="train")
    assert "several splits: d/test.txt, d/train.txt, d/valid.txt" in str(raised.value)
    assert f"--train {archive}/d/train.txt" in str(raised.value)
    assert names_of(expand([archive / "d" / "valid.txt"])) == ["c/d/valid.txt"]


def test_the_same_sentences_in_two_formats_are_not_read_twice(tmp_path: Path) -> None:
    # A well-known corpus comes as a zip of two tables of the same text.
    row = json.dumps({"tokens": ["Ann"], "tags": ["B-PER"]}) + "\n"
    for place in (zipped(tmp_path / "c.zip", {"a": FIRST, "b": row}), put(tmp_path / "d", {"a": FIRST, "b": row})):
        with pytest.raises(CorpusError, match=r"files of several formats \(conll: .*a; jsonl: .*b\); name the files"):
            expand([place])


def test_a_file_of_a_folder_that_is_not_recognised_is_named(tmp_path: Path) -> None:
    put(tmp_path, {"a.conll": FIRST, "notes.txt": "Ann sang in Oslo, and it rained.\n"})
    with pytest.raises(CorpusError, match=r"the format of some files cannot be recognised: notes\.txt; name the files"):
        expand([tmp_path])
    assert names_of(expand([tmp_path / "*.conll"])) == ["a.conll"]


@pytest.mark.parametrize(
    "names",
    [
        ("train.conll", "dev.conll", "test.conll"),
        ("eng.train", "eng.testa", "eng.testb"),
        ("data/train-00000-of-00001.conll", "data/validation-00000-of-00001.conll", "data/test-00000-of-00001.conll"),
        ("train/1.conll", "valid/1.conll", "test/1.conll"),
        ("en_x-ud-train.iob", "en_x-ud-dev.iob", "en_x-ud-test.iob"),
        ("wnut17train.conll", "emerging.devel.txt", "emerging.test.txt"),
    ],
)
def test_a_folder_of_several_splits_gives_the_one_that_is_wanted(tmp_path: Path, names: tuple[str, ...]) -> None:
    put(tmp_path, dict.fromkeys(names, FIRST))
    problems = Problems()
    found = expand_splits({split: [tmp_path] for split in ("train", "dev", "test")}, None, problems)
    assert [(split, file.name) for split, file in found] == list(zip(("train", "dev", "test"), names))
    assert problems.warnings == {"files_of_other_splits": 6}
    # Without a split in mind all are read.
    assert names_of(expand([tmp_path])) == sorted(names)


def test_training_and_development_together_belong_to_neither(tmp_path: Path) -> None:
    put(tmp_path, {"train.tsv": FIRST, "train_dev.tsv": FIRST + SECOND, "devel.tsv": SECOND})
    assert names_of(expand([tmp_path], split="train")) == ["train.tsv"]
    with pytest.raises(CorpusError, match=r"of other splits than test: .*dev"):
        expand([tmp_path], split="test")


def test_documents_named_like_a_split_stay_with_the_others_and_are_said(tmp_path: Path) -> None:
    put(tmp_path, {f"doc{i}": FIRST for i in range(4)} | {"train-crash": FIRST, "test-match": FIRST})
    problems = Problems()
    assert len(expand([tmp_path], None, problems, "train")) == 6
    assert "named after another split: test-match" in problems.warning_lines[0]


def test_a_file_is_read_once(tmp_path: Path) -> None:
    put(tmp_path, {"a": FIRST, "b": SECOND})
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(CorpusError, match="link: the same file is in train and in dev"):
        expand_splits({"train": [tmp_path / "a"], "dev": [tmp_path / "link"]})
    with pytest.raises(CorpusError, match="b: the same file is twice in train"):
        expand_splits({"train": [tmp_path / "b", tmp_path / "b"]})
    archive = zipped(tmp_path / "c.zip", {"x": FIRST, "y": SECOND})
    assert len(expand_splits({"train": [archive / "x"], "dev": [archive / "y"]})) == 2
    with pytest.raises(CorpusError, match=r"c\.zip/y: the same file is in train and in dev"):
        expand_splits({"train": [archive], "dev": [archive / "y"]})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "https://example.org/eng.train",
            r"'https://example.org/eng.train': https:// is not supported, expected one of",
        ),
        (Path("s3://bucket/key"), "s3:/bucket/key: an address has two slashes after its scheme"),
        ("absent", "absent: no such file"),
        ("absent*.conll", r"absent\*.conll: no file has a name like this"),
        ("empty", "empty: no corpus file there"),
        ("docs", "docs: no corpus file there"),
        ("a/b", "a/b: a is neither a folder nor an archive"),
        ("c.zip/zz", r"c.zip: no file zz in the archive; it holds x, y"),
        ("broken.zip", "broken.zip: the compressed file is damaged"),
    ],
)
def test_names_that_mean_no_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | Path, message: str
) -> None:
    put(tmp_path, {"a": FIRST})
    put(tmp_path, {"docs/README": "no"})
    (tmp_path / "empty").mkdir()
    archive = zipped(tmp_path / "c.zip", {"x": FIRST, "y": SECOND})
    (tmp_path / "broken.zip").write_bytes(archive.read_bytes()[:-30])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match=message):
        expand([name])


def test_standard_input_is_read_several_times(tmp_path: Path) -> None:
    put(tmp_path, {"dev": FIRST})
    zipped(tmp_path / "in.zip", {"a.conll": FIRST * 30, "b.conll": SECOND * 30})
    code = "from data_prep.__main__ import main; import sys; sys.exit(main(sys.argv[1:]))"
    for data, names in (
        ((FIRST * 30 + SECOND * 30).encode(), ["stdin"]),
        (gzip.compress((FIRST * 30 + SECOND * 30).encode()), ["stdin"]),
        ((tmp_path / "in.zip").read_bytes(), ["stdin/a.conll", "stdin/b.conll"]),
    ):
        command = ["build", "--train", "-", "--dev", "dev", "--out", "out", "--num-shards", "1"]
        done = subprocess.run(
            [sys.executable, "-c", code, *command],
            input=data,
            cwd=tmp_path,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": os.getcwd(), "TMPDIR": str(tmp_path)},
        )
        assert done.returncode == 0, done.stderr.decode()
        index = json.loads((tmp_path / "out" / "index.json").read_text())
        assert [source["name"] for source in index["sources"]] == [*names, "dev"]
        assert index["stats"]["train"]["num_tokens"] == 120
    # Nothing is left behind.
    assert {path.name for path in tmp_path.iterdir()} == {"dev", "in.zip", "out"}


def test_a_pipe_is_read_like_standard_input(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(FIRST,))
    writer.start()
    found = read_files(tmp_path / "pipe")
    writer.join()
    assert found.tokens == TOKENS[:1]


def test_messages_name_the_member_and_its_line(tmp_path: Path) -> None:
    archive = tarred(tmp_path / "c.tgz", {"a": FIRST, "b": FIRST + "Oslo\n"}, "w:gz")
    found = read_files(archive, format="conll")
    assert found.problems.errors[0].startswith(f"{archive}/b:4: error: ")


def test_files_of_a_folder_that_say_nothing_of_documents_are_one_each(tmp_path: Path) -> None:
    text = "Ann B-PER\n\nsings O\n"
    folder = put(tmp_path / "corpus", {"a.conll": text, "b.conll": text})
    found = read_files(folder)
    assert [sentence.origin and sentence.origin.document for sentence in found.sentences] == ["a", "a", "b", "b"]
    assert read_files(folder / "*.conll").documents == found.documents == {("a.conll", 1): "a", ("b.conll", 1): "b"}
    # One that is named by itself is no document, and own documents stay.
    assert read_files(folder / "a.conll").documents == {}
    put(folder, {"b.conll": "-DOCSTART- (x)\n\nBo B-PER\n"})
    assert read_files(folder).documents == {("a.conll", 1): "a", ("b.conll", 1): "x"}
    # Names that are not unique are told with their folders.
    put(folder, {"c/a.conll": text})
    assert set(read_files(folder).documents.values()) == {"a.conll", "x", "c/a.conll"}


@pytest.mark.parametrize("names", [("train-00000-of-00002.conll", "train-00001-of-00002.conll"), ("part1", "part2")])
def test_parts_of_a_file_are_no_documents(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = put(tmp_path / "corpus", dict.fromkeys(names, "Ann B-PER\n\nsings O\n"))
    assert read_files(folder).documents == {}
