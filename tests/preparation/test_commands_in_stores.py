"""The commands of preparation with addresses do what they do with paths, and say addresses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from data_prep.__main__ import main
from data_prep.prepare_shards import prepare_shards
from ner_dist.contract.shard_format import read_index
from ner_dist.stores.addresses import StoreError

ONE = ("--num-shards", "1")


@pytest.fixture
def bucket(tmp_path: Path, synth_corpus: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of s3://b with corpora, vectors and a lexicon; the same is in the current folder."""
    monkeypatch.setenv("NER_STORE_FOLDER", str(tmp_path / "store"))
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "raw"
    folder.mkdir()
    for path in synth_corpus.values():
        shutil.copy(path, folder)
    np.save(folder / "v.npy", np.eye(3, dtype=np.float32))
    (folder / "v.words.txt").write_text("the\nof\nin\n")
    (folder / "lex").mkdir()
    (folder / "lex/LOC.txt").write_text("New York\n")
    shutil.copytree(folder, tmp_path / "store/s3/b/raw")
    return tmp_path / "store/s3/b"


def built(folder: Path) -> dict[str, bytes]:
    """The files of a set, or of the last publication of one."""
    if (folder / "published.json").is_file():
        folder = folder / json.loads((folder / "published.json").read_text())["prefix"]
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found.pop("published.json", None)
    return found


def test_a_set_from_a_store_has_the_same_bytes(bucket: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def build(place: str, out: str) -> None:
        options = ["--lexicon", f"{place}raw/lex", "--vectors", f"{place}raw/v.npy", *ONE]
        files = ["--train", f"{place}raw/train*", "--dev", f"{place}raw/dev.conll"]
        assert main(["build", *files, *options, "--out", out]) == 0

    build("", "local")
    build("s3://b/", "s3://b/sets/one")
    assert built(bucket / "sets/one") == built(Path("local"))
    assert "s3://b/sets/one: " in capsys.readouterr().out
    # From here to there, and back.
    build("s3://b/", "back")
    assert built(Path("back")) == built(Path("local"))


def test_preparation_from_python_takes_addresses(bucket: Path) -> None:
    index = prepare_shards("s3://b/raw/train.conll", "s3://b/sets/one", progress=False, num_shards=1)
    prepare_shards("raw/train.conll", "local", progress=False, num_shards=1)
    assert built(bucket / "sets/one") == built(Path("local"))
    assert index == read_index("local")
    with pytest.raises(StoreError, match=r"^s3://b/absent: "):
        prepare_shards("raw/train.conll", "x", progress=False, like="s3://b/absent")


def test_a_set_is_built_like_one_in_a_store(bucket: Path) -> None:
    assert (
        main(["build", "--train", "raw/train.conll", "--vectors", "raw/v.npy", *ONE, "--out", "s3://b/sets/one"]) == 0
    )
    assert main(["build", "--dev", "s3://b/raw/dev.conll", "--like", "s3://b/sets/one", *ONE, "--out", "like"]) == 0
    assert main(["build", "--train", "raw/train.conll", "--vectors", "raw/v.npy", *ONE, "--out", "one"]) == 0
    assert main(["build", "--dev", "raw/dev.conll", "--like", "one", *ONE, "--out", "like-local"]) == 0
    assert built(Path("like")) == built(Path("like-local"))


def test_a_corpus_that_is_refused_publishes_nothing(bucket: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bucket / "raw/bad.conll").write_text("Paris B-LOC\nin\n")
    arguments = ["--train", "s3://b/raw/bad.conll", "--list", "s3://b/list.jsonl", "--out", "s3://b/sets/one"]
    assert main(["build", *arguments]) == 1
    said = capsys.readouterr().err
    assert "no shards were written to s3://b/sets/one, because:\ns3://b/raw/bad.conll:2: error: " in said
    assert ".partial" not in said
    assert not (bucket / "sets").exists()
    findings = [json.loads(line) for line in (bucket / "list.jsonl").read_text().splitlines()]
    assert "s3://b/raw/bad.conll:2" in {finding["place"] for finding in findings}


def test_what_is_wrong_is_named_by_its_address(bucket: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bucket / "raw/words.txt").write_text("the x\n")
    wrong = {
        ("--train", "s3://b/raw/none"): "s3://b/raw/none: no such file",
        ("--vectors", "s3://b/raw/words.txt"): "s3://b/raw/words.txt:1: error: ",
        ("--lexicon", "s3://b/raw/none"): "--lexicon s3://b/raw/none is not a folder",
        ("--tag-names", "s3://b/raw/none"): "--tag-names s3://b/raw/none: no such file",
        ("--out", "s3://b/raw"): "--out s3://b/raw holds dev.conll but no index.json",
    }
    for options, message in wrong.items():
        assert main(["build", "--train", "s3://b/raw/train.conll", "--out", "s3://b/sets/one", *options]) == 1
        said = capsys.readouterr().err
        assert message in said
        assert ".partial" not in said
    assert main(["check", "--train", "s3://b/raw/train.conll", "--list", "s3://b/raw/train.conll"]) == 1
    assert capsys.readouterr().err == "--list s3://b/raw/train.conll is an input; choose another file\n"


def test_sets_and_corpora_in_a_store_are_converted_and_described(
    bucket: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "--train", "raw/train.conll", "--dev", "raw/dev.conll", *ONE, "--out", "s3://b/set"]) == 0
    assert main(["convert", "s3://b/set", "s3://b/out/dev.conll.gz", "--split", "dev"]) == 0
    assert main(["convert", "raw/dev.conll", "dev.conll.gz"]) == 0
    assert (bucket / "out/dev.conll.gz").read_bytes() == Path("dev.conll.gz").read_bytes()
    capsys.readouterr()
    assert main(["inspect", "s3://b/set"]) == 0
    assert capsys.readouterr().out.startswith("s3://b/set: 2 shards, ")
    assert main(["inspect", "s3://b/set", "--split", "tset"]) == 1
    assert "python -m data_prep inspect s3://b/set --split" in capsys.readouterr().err
    assert main(["stats", "s3://b/set"]) == 0
    assert capsys.readouterr().out.startswith("set: tags bio, stored as BILOU")
