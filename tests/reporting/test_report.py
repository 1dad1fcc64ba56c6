"""The report as a user sees it: the numbers are the run's, the page loads nothing, a mistake is one sentence."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import open_page
from processes import ROOT, Finished, alone, run
from reported import SCRIPT, Runs, options, words

from ner_dist import config
from ner_dist.errors import UserError
from ner_dist.reporting.gather import ReportData, ScoredModel, gather
from ner_dist.reporting.report_page import render
from ner_dist.reporting.run_facts import short_names


@pytest.fixture(scope="module")
def gathered(runs: Runs) -> ReportData:
    """The second run's result is one of before."""
    data = gather(options(runs.one, runs.two))
    one, two = data.sets[0].models
    old = {name: value for name, value in (two.facts.result or {}).items() if name not in ("stopped", "warnings")}
    return with_models(data, [one, dataclasses.replace(two, facts=two.facts._replace(result=old))])


def with_models(data: ReportData, models: list[ScoredModel]) -> ReportData:
    return dataclasses.replace(data, sets=[data.sets[0]._replace(models=models)])


@pytest.fixture(scope="module")
def page(gathered: ReportData) -> str:
    return render(gathered)


@pytest.fixture(scope="module")
def page_of_one(runs: Runs) -> str:
    data = gather(options(runs.one))
    (run,) = data.sets[0].models
    ended = {**(run.facts.result or {}), "stopped": "patience", "warnings": ["train for more epochs"]}
    return render(with_models(data, [dataclasses.replace(run, facts=run.facts._replace(result=ended))]))


def report(*arguments: object) -> Finished:
    return run(alone("ner_dist.report", *arguments), ROOT)


# --- Numbers


def test_the_scores_are_those_of_result_json(runs: Runs, gathered: ReportData) -> None:
    for path, of_run in zip((runs.one, runs.two), gathered.sets[0].models):
        result = json.loads((path / "result.json").read_text())["test"]
        assert of_run.judged.scores == result
        entity, token = of_run.rows["entity"][0], of_run.rows["token"][0]
        for name in ("precision", "recall", "f1"):
            assert getattr(entity, name).value == result["entity"][name]
            assert getattr(token, name).value == result["token"][name]
            assert getattr(of_run.rows["boundaries"][0], name).value == result["entity"]["boundaries"][name]
        for row in of_run.rows["type"]:
            part = result["entity"]["per_type"][row.label]
            assert (row.right, row.predicted, row.gold) == (part["right"], part["predicted"], part["gold"])
            assert (row.precision.value, row.recall.value, row.f1.value) == (
                *(part[name] for name in ("precision", "recall")),
                part["f1"],
            )
            assert row.f1.low <= row.f1.value <= row.f1.high
        # Neither all right nor all wrong, or this would say little.
        assert 0.2 < entity.f1.value < 0.98


def test_other_splits_and_checkpoints_are_scored_too(runs: Runs) -> None:
    found = gather(options(runs.one, split="dev", checkpoint="last"))
    epochs = [json.loads(line) for line in (runs.one / "metrics.jsonl").read_text().splitlines()]
    assert found.sets[0].models[0].rows["entity"][0].f1.value == epochs[-1]["dev_f1"]


def test_the_page_says_them(runs: Runs, page_of_one: str) -> None:
    result = json.loads((runs.one / "result.json").read_text())["test"]["entity"]
    text = words(page_of_one)
    assert f"entity F1, % {100 * result['f1']:.2f}" in text
    assert f"precision {100 * result['precision']:.2f}" in text
    assert f"recall {100 * result['recall']:.2f}" in text
    assert "These are the numbers of the run's result.json" in text
    assert f"{result['gold']:,} entities are in the test split" in text


def test_the_page_shows_the_loss_of_dev(page_of_one: str) -> None:
    assert "Loss of train and dev by epoch" in page_of_one
    assert "of dev, without dropout" in page_of_one


def test_the_page_says_how_a_run_has_ended(page: str, page_of_one: str) -> None:
    assert "The run has ended with a warning: train for more epochs." in words(page_of_one)
    assert " epochs (stopped by train.patience), " in words(page_of_one)
    assert "has ended with a warning" not in words(page)


def test_the_page_is_the_same_each_time(page: str, runs: Runs) -> None:
    assert render(gather(options(runs.one, runs.two))) == page


# --- The page


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("href", "xlink:href", "src"):
                self.targets.append(value or "")


def test_ids_are_there_once_and_links_stay_in_the_page(page: str) -> None:
    found = _Tags()
    found.feed(page)
    assert "script" not in found.tags
    assert len(found.ids) == len(set(found.ids))
    assert {target for target in found.targets if target[1:] not in found.ids} == {"data:,"}
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(found.ids)


def test_what_the_corpus_says_is_text_whatever_it_looks_like(page: str, gathered: ReportData) -> None:
    assert SCRIPT in gathered.sets[0].models[0].gold.text_M
    assert "<script" not in page
    assert html.escape(SCRIPT) in page


def test_every_knob_is_there_and_those_that_were_changed_are_marked(page_of_one: str, gathered: ReportData) -> None:
    knobs = config.flat(gathered.sets[0].models[0].facts.config)
    for name, value in knobs.items():
        assert html.escape(f"{name}") in page_of_one
        changed = value != config.flat(config.Config())[name]
        assert (f'<tr class="changed"><th>{name}</th>' in page_of_one) == changed
    assert 'class="changed"><th>model.lstm_units</th>' in page_of_one


def test_several_runs_are_compared(page: str, gathered: ReportData) -> None:
    text = words(page)
    f1 = [run.rows["entity"][0].f1.value for run in gathered.sets[0].models]
    assert f"Entity F1 {50 * sum(f1):.2f} ± {100 * abs(f1[0] - f1[1]) / 2**0.5:.2f}" in text
    better, other = ("one", "two") if f1[0] > f1[1] else ("two", "one")
    assert re.search(rf"neither {better} {other} \+{100 * abs(f1[0] - f1[1]):.2f} ", text)
    assert "Berg-Kirkpatrick" in text
    # All that sets them apart.
    assert "knob one two train.seed 1 2" in text


def test_the_browser_finds_no_fault_and_asks_nobody(page: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    with open_page(path) as visit:
        names = ("2 models on the test split", "Entity types", "Kinds of error", "Confidence", "In context", "Data")
        for name in names:
            assert visit.page.get_by_role("heading", name=name, exact=True).first.is_visible()
        for width in (1300, 768, 390):
            visit.page.set_viewport_size({"width": width, "height": 800})
            # Wide tables scroll by themselves; the page does not.
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        light = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        visit.page.emulate_media(color_scheme="dark")
        assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        # A run that is folded up unfolds for who goes there.
        visit.page.evaluate("location.hash = 'run-2-types'")
        visit.page.wait_for_function("document.getElementById('run-2').open", polling=50)
        assert visit.complaints == []
        assert visit.requests == []


# --- The command


def test_the_command_writes_a_file_beside_the_run(runs: Runs, tmp_path: Path) -> None:
    finished = report(runs.one, "--samples", 20)
    assert (finished.code, finished.errors) == (0, [])
    f1 = 100 * json.loads((runs.one / "result.json").read_text())["test"]["entity"]["f1"]
    assert f"test entity F1 {f1:.2f} (95 %: " in finished.out
    path = runs.one / "report.html"
    assert f"{path}: " in finished.out
    assert "20 bootstrap draws" in words(path.read_text(encoding="utf-8"))
    path.unlink()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda runs, folder: options(folder / "none"), r"none/checkpoints/best: no checkpoint there; is this the dir"),
        (lambda runs, folder: options(runs.one, shards=folder), r"holds no index\.json"),
        (lambda runs, folder: options(runs.one, shards=folder / "none"), "does not exist"),
    ],
)
def test_what_is_absent_is_named(runs: Runs, tmp_path: Path, make: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        gather(make(runs, tmp_path))


def test_runs_of_different_data_are_not_compared(runs: Runs, synth_shards: Path, tmp_path: Path) -> None:
    shutil.copytree(runs.two / "checkpoints", tmp_path / "other" / "checkpoints")
    for name in ("best", "last"):
        place = tmp_path / "other" / "checkpoints" / name
        shutil.copytree(synth_shards / "vocab", place / "vocab", dirs_exist_ok=True)
        shutil.copy(synth_shards / "index.json", place / "index.json")
    with pytest.raises(UserError, match=r"one and .*other were trained on different shards .* with --gold FILE"):
        gather(options(runs.one, tmp_path / "other"))


def test_a_run_that_is_under_way_has_a_report(runs: Runs, tmp_path: Path) -> None:
    path = tmp_path / "<b>early"
    shutil.copytree(runs.one / "checkpoints", path / "checkpoints")
    text = render(gather(options(path)))
    assert "it has not ended yet" in text
    assert "no metrics.jsonl" in text
    assert "<b>early" not in text
    (path / "metrics.jsonl").write_text((runs.one / "metrics.jsonl").read_text() + '{"kind": "st')
    assert len(gather(options(path)).sets[0].models[0].facts.epochs) == 8
    (path / "metrics.jsonl").write_text('broken\n{"kind": "steps"}\n')
    with pytest.raises(UserError, match=r"metrics\.jsonl:1: not readable as JSON .*; remove this line"):
        gather(options(path))


def test_runs_bear_the_ends_of_their_paths_that_tell_them_apart() -> None:
    assert short_names([Path("/a/x"), Path("/a/y")]) == ["x", "y"]
    assert short_names([Path("/a/1/x"), Path("/a/2/x")]) == ["1/x", "2/x"]
    assert short_names([Path("/a/x"), Path("/a/x")]) == ["x (1)", "x (2)"]
