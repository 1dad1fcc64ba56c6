"""Which model a run or an export is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ner_dist.errors import UserError
from ner_dist.foreign.json_files import seal
from ner_dist.prediction import Tagger
from ner_dist.prediction.identity import ModelIdentity, read_identity
from ner_dist.prediction.model_name import as_name, is_name

OLD = Path(__file__).parents[1] / "version_3"


def test_an_export_says_what_it_is_called(tmp_path: Path) -> None:
    export = Path(shutil.copytree(OLD / "export", tmp_path / "export"))
    record = json.loads((export / "tagger.json").read_text())
    origin = {**record["origin"], "name": "news", "version": "2.1", "commit": "abc", "created": "2026-01-02T03:04:05Z"}
    (export / "tagger.json").write_text(seal({**record, "version": 4, "origin": origin}))
    found = Tagger.load(export).identity
    sha256 = json.loads((export / "tagger.json").read_text())["sha256"]
    assert found == read_identity(export)
    assert found == ModelIdentity(
        "news", "2.1", sha256, "abc", origin["shards"], origin["dev_f1"], "rules (en)", origin["created"]
    )
    assert str(found) == "news@2.1"


@pytest.mark.parametrize("name", ["a b", "", "é", "a\nX-Evil: 1", "x" * 101, "-x"])
def test_an_export_with_a_name_unfit_for_headers_is_refused(tmp_path: Path, name: str) -> None:
    export = Path(shutil.copytree(OLD / "export", tmp_path / "export"))
    record = json.loads((export / "tagger.json").read_text())
    origin = {**record["origin"], "name": name}
    (export / "tagger.json").write_text(seal({**record, "version": 4, "origin": origin}))
    with pytest.raises(UserError, match="the name or version in origin"):
        read_identity(export)


def test_exports_of_before_are_called_by_their_directory() -> None:
    found = read_identity(OLD / "export")
    assert (str(found), found.commit, found.created, len(found.sha256)) == ("export@1", None, None, 64)


def test_a_run_is_called_by_its_directory_and_epoch() -> None:
    found = read_identity(OLD / "run")
    assert (found.name, found.version[:6], found.commit) == ("run", "epoch-", None)
    assert found.data == read_identity(OLD / "export").data
    assert found == Tagger.load(OLD / "run").identity


def test_any_directory_gives_a_fit_name() -> None:
    for text in ("a b/c", "..", "", "é" * 300, "mine", "-x"):
        assert is_name(as_name(text))
    assert as_name("news-2.1") == "news-2.1"
