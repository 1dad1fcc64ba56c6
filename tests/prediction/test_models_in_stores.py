"""Commands that read models by address say and write the same as with the directory of the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ner_dist import evaluate, report
from ner_dist.evaluate import evaluate_tagger
from ner_dist.predict import PredictOptions, predict
from ner_dist.prediction import Tagger
from ner_dist.ranks.comm import Solo
from ner_dist.reporting.report_options import ReportOptions
from ner_dist.serving.model_sources import model_sources
from ner_dist.stores.addresses import parse_address
from ner_dist.stores.models import local_model
from ner_dist.stores.published import publish

RUN, EXPORT, FOLDER = (parse_address(f"s3://bucket/{name}") for name in ("runs/run", "exports/mine", "texts"))
TEXT = "Mr. Smith lives in New York. Angela visited Paris twice.\n"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text_run: Path) -> Path:
    """The folder that stands for the bucket, in which the run is."""
    monkeypatch.setenv("NER_STORE_FOLDER", str(tmp_path / "store"))
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "cache"))
    publish(text_run, RUN)
    return tmp_path / "store" / "s3" / "bucket"


def test_predict_reads_and_writes_by_address(text_run: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(TEXT)
    (store / "texts").mkdir()
    (store / "texts" / "in.txt").write_text(TEXT)
    predict(PredictOptions(text_run, tmp_path / "in.txt", out=tmp_path / "out.html"), Solo())
    predict(PredictOptions(RUN, FOLDER / "in.txt", out=FOLDER / "out.html"), Solo())
    assert (store / "texts" / "out.html").read_bytes() == (tmp_path / "out.html").read_bytes()


def test_errors_in_a_file_name_its_address(store: Path) -> None:
    (store / "texts").mkdir()
    (store / "texts" / "in.jsonl").write_text("{}\n[]\n")
    with pytest.raises(ValueError, match=f"^{FOLDER}/in.jsonl:1: "):
        predict(PredictOptions(RUN, FOLDER / "in.jsonl", out=FOLDER / "out.jsonl"), Solo())
    assert not (store / "texts" / "out.jsonl").exists()


def test_a_tagger_is_loaded_by_address(text_run: Path) -> None:
    assert Tagger.load(str(RUN)).tag(TEXT) == Tagger.load(text_run).tag(TEXT)


def test_an_export_is_published_and_read_by_address(
    text_run: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ner_dist.export import ExportOptions, _export

    _export(ExportOptions(RUN, EXPORT, checkpoint="best", no_check=True))
    assert capsys.readouterr().out.startswith(f"{EXPORT}: {RUN} (best checkpoint, epoch 4")
    tagger = Tagger.load(EXPORT)
    assert tagger.identity.name == "mine"
    expected = Tagger.load(text_run).tag(TEXT)
    assert [entity.text for entity in tagger.tag(TEXT)] == [entity.text for entity in expected]
    assert json.loads(next(store.glob("exports/mine/*/tagger.json")).read_text())["origin"]["run"] == str(RUN)
    with pytest.raises(ValueError, match=f"{RUN} exists and is not an export, so it is not overwritten"):
        _export(ExportOptions(RUN, RUN, checkpoint="best", no_check=True))


def test_scores_are_those_of_the_directory(text_run: Path, store: Path) -> None:
    expected = {**evaluate_tagger(text_run, "dev"), "model": str(RUN)}
    assert evaluate_tagger(str(RUN), "dev") == expected
    options = evaluate.Options(RUN, split="dev", json=FOLDER / "scores.json", conll=FOLDER / "tags.conll")
    evaluate._evaluate(options, [], Solo())
    assert json.loads((store / "texts" / "scores.json").read_text())["entity"] == expected["entity"]
    assert (store / "texts" / "tags.conll").read_text().count("\n\n") == expected["sentences"]


def test_a_report_names_addresses(store: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ReportOptions([RUN], out=FOLDER / "report.html", samples=10)
    report._report(options, [], Solo())
    page = (store / "texts" / "report.html").read_text()
    assert str(RUN) in page
    assert str(tmp_path / "cache") not in page
    assert capsys.readouterr().out.startswith(f"{RUN} test entity F1 ")
    with pytest.raises(ValueError, match=f"{RUN} is in a store, where nothing is written beside models; name"):
        report._report(ReportOptions([RUN]), [], Solo())


def test_suggestions_are_those_of_the_directory(text_run: Path, store: Path, tmp_path: Path) -> None:
    from ner_dist.suggesting.__main__ import SuggestOptions, run

    (store / "texts").mkdir()
    for folder in (tmp_path, store / "texts"):
        (folder / "pool.txt").write_text(TEXT)
    run(SuggestOptions(text_run, tmp_path / "pool.txt", num=1, out=tmp_path / "next.jsonl"), Solo())
    run(SuggestOptions(RUN, FOLDER / "pool.txt", num=1, out=FOLDER / "next.jsonl"), Solo())
    assert (store / "texts" / "next.jsonl").read_bytes() == (tmp_path / "next.jsonl").read_bytes()


def test_served_models_have_addresses_and_change_with_what_is_published(text_run: Path) -> None:
    given = [str(RUN), f"other={RUN}/checkpoints/best"]
    sources = model_sources(given, lambda path: path, True)  # type: ignore[arg-type, return-value]
    assert [source.route for source in sources] == ["run", "other"]
    loads = sources[0].loads()
    assert loads.large is not None
    assert loads.small() == loads.large() == local_model(RUN)  # type: ignore[comparison-overlap]
    before = sources[0].stamp()
    publish(text_run, RUN)
    assert sources[0].stamp() == before
