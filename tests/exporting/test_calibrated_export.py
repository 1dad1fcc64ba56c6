"""A calibration of a run is that of its export, and changes no entity."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from encoded import read_conll
from read_back import CALIBRATION

from ner_dist.errors import UserError
from ner_dist.exporting import write_export
from ner_dist.foreign.json_files import seal
from ner_dist.prediction import Document, Tagger, export_format
from ner_dist.prediction.documents import document_of_tokens
from ner_dist.prediction.export_format import ExportError
from ner_dist.run import calibration


@pytest.fixture(scope="module")
def run(text_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibrated."""
    copied = Path(shutil.copytree(text_run, tmp_path_factory.mktemp("calibrated") / "run"))
    calibration.write(copied / "checkpoints" / "best", CALIBRATION)
    return copied


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "out"
    write_export.export(run, "best", out, compared=False)
    return out


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    """To be changed."""
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def tagged(model: Path, corpus: Path) -> list[Document]:
    sentences, _ = read_conll(corpus)
    return list(
        Tagger.load(model).stream(document_of_tokens(sentences[i : i + 3]) for i in range(0, len(sentences), 3))
    )


def confidences(documents: list[Document]) -> np.ndarray:
    """Of entities, sentences and documents, and the margins."""
    found = [value for document in documents for value in (document.confidence, document.margin)]
    found += [value for d in documents for sentence in d.sentences for value in (sentence.confidence, sentence.margin)]
    return np.array([*found, *(entity.confidence for document in documents for entity in document.entities)])


def bare(documents: list[Document]) -> list[list[object]]:
    return [[entity._replace(confidence=0) for entity in document.entities] for document in documents]


def test_run_and_export_agree_on_all_confidences(
    run: Path, exported: Path, text_run: Path, synth_corpus: dict[str, Path]
) -> None:
    ours, theirs, raw = (tagged(model, synth_corpus["test"]) for model in (exported, run, text_run))
    assert bare(ours) == bare(theirs) == bare(raw)
    assert sum(map(len, bare(ours))) > 20
    np.testing.assert_allclose(confidences(ours), confidences(theirs), atol=1e-5)
    assert np.abs(confidences(theirs) - confidences(raw)).max() > 0.05
    # Warmer, so less sure of everything.
    assert all(one.confidence < other.confidence for one, other in zip(theirs, raw))


def test_an_export_has_the_calibration_of_its_run(exported: Path) -> None:
    assert export_format.read(exported).calibration == CALIBRATION
    assert json.loads((exported / "tagger.json").read_text(encoding="utf-8"))["calibration"] == vars(CALIBRATION)


def test_it_can_be_removed_and_replaced(copy: Path, text_run: Path, synth_corpus: dict[str, Path]) -> None:
    before = export_format.read(copy)
    export_format.set_calibration(copy, None)
    removed = export_format.read(copy)
    assert removed.calibration is None
    assert (removed.vocabularies, removed.origin) == (before.vocabularies, before.origin)
    found, expected = (confidences(tagged(model, synth_corpus["test"])) for model in (copy, text_run))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    export_format.set_calibration(copy, CALIBRATION)
    assert export_format.read(copy).sha256 == before.sha256
    assert sorted(path.name for path in copy.parent.iterdir()) == ["copy"]


@pytest.mark.parametrize("version", [2, 3])
def test_older_exports_can_be_calibrated(version: int, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(Path(__file__).parents[1] / f"version_{version}" / "export", tmp_path / "copy"))
    before = export_format.read(copy)
    assert before.calibration is None
    export_format.set_calibration(copy, CALIBRATION)
    after = export_format.read(copy)
    assert after.calibration == CALIBRATION
    assert (after.vocabularies, after.origin) == (before.vocabularies, before.origin)


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.0), ("error_after", -0.1), ("entities", 1.5)])
def test_what_cannot_be_a_calibration_is_refused(copy: Path, name: str, value: float) -> None:
    path = copy / "tagger.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["sha256"]
    record["calibration"][name] = value
    path.write_text(seal(record, indent=None), encoding="utf-8")
    with pytest.raises(ExportError, match=r"tagger\.json: .*expected .*export the run again"):
        export_format.read(copy)


def test_a_damaged_export_is_not_calibrated(copy: Path) -> None:
    path = copy / "tagger.json"
    path.write_bytes(damaged := path.read_bytes().replace(b'"dev"', b'"dex"'))
    with pytest.raises(UserError, match="it is damaged"):
        export_format.set_calibration(copy, CALIBRATION)
    assert path.read_bytes() == damaged
