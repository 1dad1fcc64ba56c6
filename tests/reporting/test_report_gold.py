"""Models scored on annotated files: runs and exports, several files, other tokenizers."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import sealed_files
from reported import Runs, curve_record, options, words
from run_here import run_here
from span_corpus import span_corpus, write_spans

from ner_dist import report
from ner_dist.errors import UserError
from ner_dist.evaluation.calibration import calibration_error
from ner_dist.reporting.gather import ReportData, gather
from ner_dist.reporting.gold_sets import gold_sets
from ner_dist.reporting.report_page import render
from ner_dist.reporting.run_facts import place_of_page

READING = ["--on-misaligned", "split"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_spans(tmp_path_factory.mktemp("texts") / "letters.jsonl", span_corpus(20, 5))


@pytest.fixture(scope="module")
def gathered(runs: Runs, exported: Path, texts: Path) -> ReportData:
    """A run and its export on two gold sets."""
    gold = [[str(runs.corpus["test"])], [f"letters={texts}"]]
    return gather(options(runs.one, exported, gold=gold), READING)


@pytest.fixture(scope="module")
def page(gathered: ReportData) -> str:
    return render(gathered)


def test_a_file_scores_what_the_split_that_was_made_of_it_scores(runs: Runs, gathered: ReportData) -> None:
    result = json.loads((runs.one / "result.json").read_text())["test"]
    run_of, export_of = gathered.sets[0].models
    assert run_of.judged.scores == result
    assert export_of.judged.scores == result


def test_the_entities_of_train_are_those_of_the_models_own_shards(runs: Runs, gathered: ReportData) -> None:
    on_split = gather(options(runs.one)).sets[0].models[0]
    for name in ("seen", "words"):
        assert on_split.rows[name] == gathered.sets[0].models[0].rows[name]


def test_the_page_has_each_model_on_each_set(page: str) -> None:
    text = words(page)
    assert "2 models on 2 gold sets" in text
    for name in ("one", "one-onnx"):
        for gold in ("test.conll", "letters"):
            assert f"{name} on {gold}" in text
    assert "What differs" in text
    assert "letters: sources and settings" in text
    # An export has no course of training, and is no second seed.
    assert "no metrics.jsonl" not in text
    assert "are not one setting with different seeds, so they have no mean in common" in text


def test_ids_are_there_once(page: str) -> None:
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)


def test_without_the_shards_that_were_trained_on_a_report_leaves_out_what_they_say(
    runs: Runs, exported: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(exported, tmp_path / "moved"))
    sealed_files.edit(
        moved / "tagger.json", lambda record: record["origin"]["config"]["data"].update(shards=str(tmp_path / "none"))
    )
    text = words(render(gather(options(moved, gold=[[str(runs.corpus["dev"])]]))))
    assert "By what train has shown" not in text
    assert "By known and unknown words" in text


def test_types_that_the_model_does_not_know_and_its_calibration_are_told(
    runs: Runs, exported: Path, tmp_path: Path
) -> None:
    fitted = {"temperature": 2.0, "split": "dev", "error_before": 0.1, "error_after": 0.01, "entities": 70}
    calibrated = Path(shutil.copytree(exported, tmp_path / "calibrated"))
    sealed_files.edit(calibrated / "tagger.json", lambda record: record.update(calibration=fitted))
    text = runs.corpus["test"].read_text(encoding="utf-8").replace("-LOC\n", "-PLACE\n")
    (tmp_path / "other.conll").write_text(text, encoding="utf-8")
    (scored,) = (data := gather(options(calibrated, gold=[[str(tmp_path / "other.conll")]]))).sets
    judged, number = scored.models[0].judged, text.count("B-PLACE\n")
    assert judged.uncalibrated_P is not None
    # A temperature above 1 makes confidences smaller.
    assert judged.uncalibrated_P.mean() > judged.confidence_P.mean() + 0.05
    said = words(render(data))
    assert f"The model does not know 1 of the types: PLACE ({number} entities). It can only miss them." in said
    before, now = (calibration_error(of_P, judged.right_P) for of_P in (judged.uncalibrated_P, judged.confidence_P))
    assert f"Here confidence and truth differ by {100 * now:.1f} points" in said
    assert f"a temperature of 2.000; without, they would differ by {100 * before:.1f} points" in said


def test_train_is_scored_with_a_warning_and_a_learning_curve_is_shown(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "curve.json").write_text(json.dumps(curve_record()))
    text = words(render(gather(options(exported, split="train", curve=[tmp_path / "curve.json"]))))
    assert "The model has been trained on these sentences" in text
    assert "Learning curve" in text
    assert "Twice as much data (2,000 sentences)" in text
    assert "25 % 250 2,250 500 86.00 ± 0.00 84.15 ± 0.07" in text


def test_models_that_cut_texts_differently_are_compared_by_characters(
    exported: Path, texts: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(exported, tmp_path / "other"))
    sealed_files.edit(
        other / "tagger.json", lambda record: record["vocabularies"]["tokenizer"].update(name="whitespace", language="")
    )
    data = gather(options(exported, other, gold=[[str(texts)]]), READING)
    (scored,) = data.sets
    assert not scored.is_of_equal_tokens
    for model in scored.models:
        assert model.records is not None
        characters = model.judged.scores["characters"]
        assert model.records.count_U3.sum(0).tolist() == [characters[name] for name in ("right", "predicted", "gold")]
    text = words(render(data))
    assert "so they are compared by exact characters of the source" in text
    assert "paired bootstrap over records of the source" in text
    low, high = sorted(100 * model.judged.scores["characters"]["f1"] for model in scored.models)
    assert f"Entity F1 {low:.2f} to {high:.2f}." in text


def test_a_mistake_in_a_gold_file_is_told(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "wrong.conll").write_text("EU I-ORG O O\nrejects B-\n\n")
    found = run_here(report, runs.one, "--gold", tmp_path / "wrong.conll")
    assert "wrong.conll" in str(found.error)
    assert not (runs.one / "report.html").exists()


def test_gold_sets_have_names() -> None:
    found = gold_sets([["a/x.conll", "a/y.conll"], ["b/x.conll"], ["news=c/x.conll"]])
    assert [gold_set.name for gold_set in found] == ["a/x.conll and 1 more", "b/x.conll", "news"]
    assert found[2].files == ["c/x.conll"]
    with pytest.raises(UserError, match="two test sets are called news; give each a name of its own"):
        gold_sets([["news=a.conll"], ["news=b.conll"]])


def test_nothing_is_written_into_a_checkpoint_or_an_export(runs: Runs, exported: Path) -> None:
    assert place_of_page(runs.one) == runs.one / "report.html"
    assert place_of_page(runs.one / "checkpoints" / "best") == (runs.one / "report.html").resolve()
    assert place_of_page(exported) == exported.with_name("one-onnx-report.html").resolve()


def test_options_of_reading_need_gold(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        report.main([str(runs.one), "--", "--tag-column", "2"])
    assert "options after -- are about reading gold files; name them with --gold FILE" in capsys.readouterr().err
