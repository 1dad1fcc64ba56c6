"""Preparation from Python: the same shards as from the command line, and exceptions instead of messages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_prep.__main__ import main
from data_prep.prepare_shards import prepare_shards
from data_prep.problems import CorpusError
from data_prep.settings import SettingsError
from data_prep.staging import OutputError
from ner_dist.contract.shard_format import read_index
from ner_dist.errors import UserError


def test_the_shards_are_those_of_the_command(
    synth_corpus: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {split: str(path) for split, path in synth_corpus.items()}
    index = prepare_shards(**files, out=tmp_path / "python", progress=False, num_shards=2, split=[0.5, 0.5])
    assert capsys.readouterr() == ("", "")
    assert index == read_index(tmp_path / "python")
    options = ["--num-shards", "2", "--split", "0.5,0.5", *(f"--{split}={path}" for split, path in files.items())]
    assert main(["build", *options, "--out", str(tmp_path / "shell")]) == 0
    made = {name: sorted((tmp_path / name).rglob("*")) for name in ("python", "shell")}
    assert [path.name for path in made["python"]] == [path.name for path in made["shell"]]
    for one, other in zip(made["python"], made["shell"]):
        assert one.is_dir() or one.read_bytes() == other.read_bytes()


def test_progress_is_shown_where_it_is_wanted(
    synth_corpus: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_shards(synth_corpus["train"], tmp_path / "out", num_shards=2)
    assert "read: " in capsys.readouterr().err


def test_what_is_unusual_is_a_warning(tmp_path: Path) -> None:
    for split in ("train", "dev"):
        (tmp_path / split).write_text("in O\nParis B-LOC\n\nin O\nParis B-LOC\n")
    with pytest.warns(UserWarning, match="dev: warning: 2 of 2 sentences also occur in train"):
        index = prepare_shards(tmp_path / "train", tmp_path / "out", tmp_path / "dev", progress=False, num_shards=1)
    assert index.warnings["dev_sentences_in_train"] == 2


def test_mistakes_are_exceptions(synth_corpus: dict[str, Path], tmp_path: Path) -> None:
    train = synth_corpus["train"]
    with pytest.raises(CorpusError, match="no such file"):
        prepare_shards(tmp_path / "absent", tmp_path / "out", progress=False)
    with pytest.raises(SettingsError, match="--num-shards must be at least 1"):
        prepare_shards(train, tmp_path / "out", progress=False, num_shards=0)
    with pytest.raises(TypeError, match="shards"):
        prepare_shards(train, tmp_path / "out", progress=False, shards=2)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="it is not replaced"):
        prepare_shards(train, tmp_path / "mine", progress=False)
    assert all(issubclass(kind, UserError) for kind in (CorpusError, SettingsError, OutputError))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_one_vector_file_may_be_given_as_a_path(synth_corpus: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("the 1 2\n")
    index = prepare_shards(
        synth_corpus["train"], tmp_path / "out", progress=False, num_shards=1, vectors=tmp_path / "v.txt"
    )
    assert index.settings["vectors"] == ["v.txt"]


def test_it_works_outside_the_main_thread(synth_corpus: dict[str, Path], tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        index = pool.submit(
            prepare_shards, synth_corpus["train"], tmp_path / "out", progress=False, num_shards=1
        ).result()
    assert index.num_sentences("train") > 0
