"""Models scored on annotated files: runs and exports, several files, other tokenizers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sealed_files
from processes import ROOT, alone, run
from reported import Runs, options, words
from span_corpus import span_corpus, write_spans

from ner_dist.errors import UserError
from ner_dist.reporting.gather import ReportData, gather
from ner_dist.reporting.gold_sets import gold_sets
from ner_dist.reporting.report_page import render

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
    assert "differ in more than the seed, so they have no mean in common" in text


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


def test_a_mistake_in_a_gold_file_is_told(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "wrong.conll").write_text("EU I-ORG O O\nrejects B-\n\n")
    finished = run(alone("ner_dist.report", runs.one, "--gold", tmp_path / "wrong.conll"), ROOT)
    assert finished.code == 1
    assert "wrong.conll" in finished.err
    assert "Traceback" not in finished.err
    assert not (runs.one / "report.html").exists()


def test_gold_sets_have_names() -> None:
    found = gold_sets([["a/x.conll", "a/y.conll"], ["b/x.conll"], ["news=c/x.conll"]])
    assert [gold_set.name for gold_set in found] == ["a/x.conll and 1 more", "b/x.conll", "news"]
    assert found[2].files == ["c/x.conll"]
    with pytest.raises(UserError, match="two test sets are called news; give each a name of its own"):
        gold_sets([["news=a.conll"], ["news=b.conll"]])
