"""Thresholds that are found and calibrations that are stored, for runs and exports."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import store_folder
from encoded import read_conll

from ner_dist import evaluate
from ner_dist.contract.shard_format import vocab_files
from ner_dist.errors import UserError
from ner_dist.evaluation.calibration import calibrate
from ner_dist.evaluation.score_split import decode_batches
from ner_dist.evaluation.thresholds import parse_target
from ner_dist.exporting import write_export
from ner_dist.prediction import Tagger, export_format
from ner_dist.ranks.comm import Solo
from ner_dist.run import calibration, checkpoint, store_lock
from ner_dist.scoring.score_model import Opening
from ner_dist.scoring.tune_confidence import remove_calibration, tune_confidence
from ner_dist.stores.published import publish


@pytest.fixture
def run(text_run: Path, tmp_path: Path) -> Path:
    """To be calibrated: it is far too sure of everything."""
    copied = Path(shutil.copytree(text_run, tmp_path / "run"))
    place = copied / "checkpoints" / "best"
    saved = checkpoint.load(place)
    for name, values in saved.arrays.items():
        if name.startswith(("parameter/emission.", "parameter/transitions.")):
            saved.arrays[name] = 4 * values
    checkpoint.save(place, saved, vocab_files(checkpoint.find(place), saved.index))
    return copied


def test_a_run_is_calibrated_and_no_longer(run: Path) -> None:
    opening, place = Opening(run, split="dev"), run / "checkpoints" / "best"
    said = tune_confidence(opening, True, None, Solo())
    assert f"stored in {run / 'calibration.json'}; predict, serve and Tagger use it" in said
    found = calibration.read(place)
    assert found is not None
    model = opening.open(Solo())
    assert model.opened.network.temperature == found.temperature
    batches = list(decode_batches(model.opened.network, model.opened.batches()))
    # What is fitted does not depend on what was fitted before.
    assert calibrate(batches, len(model.index.entity_types), "dev", Solo()) == found
    assert found.error_after < found.error_before
    assert f"error {found.error_before:.4f} -> {found.error_after:.4f} at temperature {found.temperature:g}" in said
    assert remove_calibration(opening, Solo()) == f"{run / 'calibration.json'} is removed"
    assert remove_calibration(opening, Solo()) == f"{run} has no calibration"
    with pytest.raises(UserError, match="no checkpoint there"):
        remove_calibration(Opening(run.parent), Solo())


def test_run_and_export_are_calibrated_and_have_thresholds_alike(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "export"
    write_export.export(run, "best", out, compared=False)
    target = parse_target("precision=0.9")
    said = [tune_confidence(Opening(model, split="dev"), True, target, Solo()) for model in (run, out)]
    ours, theirs = export_format.read(out).calibration, calibration.read(run / "checkpoints" / "best")
    assert ours is not None
    assert theirs is not None
    assert ours.temperature == pytest.approx(theirs.temperature, abs=1e-3)
    assert ours.entities == theirs.entities
    changes = [re.findall(r"[\d.]+ -> +[\d.]+", text.split("thresholds for precision 0.9")[1]) for text in said]
    assert changes[0] == changes[1]
    assert len(changes[0]) > 5
    assert remove_calibration(Opening(out), Solo()) == f"{out}: the calibration is removed"
    assert remove_calibration(Opening(out), Solo()) == f"{out} has no calibration"


@pytest.mark.parametrize("what", ["run", "export"])
def test_a_model_in_a_store_is_calibrated_there(
    what: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = store_folder.use(tmp_path, monkeypatch) / "mine"
    monkeypatch.setattr(store_lock, "_SETTLE_S", 0.01)
    if what == "export":
        write_export.export(run, "best", tmp_path / "export", compared=False)
    publish(tmp_path / what, address)
    name = {"run": "calibration.json", "export": "tagger.json"}[what]

    def said(*words: str, target: str | None = None) -> str:
        found = None if target is None else parse_target(target)
        evaluate._tune(evaluate.Options(address, split="dev", calibrate=words[0], find_threshold=found), [], Solo())
        return capsys.readouterr().out

    before = Tagger.load(address).tag("Angela visited Paris.")
    assert f"\nstored in {address}/{name}; predict, serve and Tagger use it" in said("fit")
    after = Tagger.load(address).tag("Angela visited Paris.")
    assert [entity.text for entity in after] == [entity.text for entity in before] != []
    assert all(one.confidence < other.confidence for one, other in zip(after, before))
    # Thresholds are those without it.
    removed = said("none", target="f1")
    assert f"{address}{'/calibration.json is removed' if what == 'run' else ': the calibration is removed'}" in removed
    assert removed.split("\n\n")[1:] == said("none", target="f1").split("\n\n")[1:]
    assert Tagger.load(address).tag("Angela visited Paris.") == before


def test_a_temperature_that_does_not_help_is_not_stored(text_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(text_run, tmp_path / "run"))
    place = run / "checkpoints" / "best"
    saved = checkpoint.load(place)
    # It says the opposite of what it has learnt.
    for name, values in saved.arrays.items():
        if name.startswith(("parameter/emission.", "parameter/transitions.")):
            saved.arrays[name] = -values
    checkpoint.save(place, saved, vocab_files(checkpoint.find(place), saved.index))
    said = tune_confidence(Opening(run, split="dev"), True, None, Solo())
    assert "\nnot stored: the model is right about nearly everything there, or about nothing" in said
    assert not (run / "calibration.json").exists()


def test_the_threshold_that_is_found_gives_that_precision(text_run: Path, synth_corpus: dict[str, Path]) -> None:
    said = tune_confidence(Opening(text_run, split="test"), False, parse_target("precision=0.9"), Solo())
    tokens, _ = read_conll(synth_corpus["test"])
    value = re.search(r"^one threshold: --threshold (\S+)$", said, re.M)
    precision = re.search(r"^all, one threshold .*?-> *([\d.]+)", said, re.M)
    assert value is not None
    assert precision is not None
    found = Tagger.load(text_run, threshold=float(value[1])).tag_tokens(tokens)
    lines = [line.split() for line in Path(synth_corpus["test"]).read_text(encoding="utf-8").splitlines() if line]
    gold = np.array([words[-1] for words in lines])
    begins = np.cumsum([0, *map(len, tokens)])
    right = [
        gold[begins[i] + entity.first_token] in (f"B-{entity.type}", f"I-{entity.type}")
        for i, entities in enumerate(found)
        for entity in entities
    ]
    # Entities whose first token is right are at least as many.
    assert len(right) > 5
    assert np.mean(right) >= float(precision[1]) / 100 - 1e-4
    assert float(precision[1]) >= 90


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--calibrate", "--json", "x"], "--json is about scores"),
        (["--find-threshold", "f1", "--documents", "3"], "--documents is about scores"),
        (["--calibrate", "--split", "train"], "on what it was trained on"),
        (["--find-threshold", "recall=1"], r"expected precision=X with X above 0 and up to 1, or f1"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["runs/x", *words])
    assert ended.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_types_that_the_model_does_not_know_do_not_hinder(
    run: Path, synth_corpus: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gold = tmp_path / "gold.conll"
    corpus = synth_corpus["dev"].read_text(encoding="utf-8")
    # Another name for one of its types.
    gold.write_text(re.sub(r"\b([BI])-ORG$", r"\1-GPE", corpus, flags=re.M), encoding="utf-8")
    options = evaluate.Options(run, (str(gold),), calibrate="fit", find_threshold=parse_target("f1"))
    evaluate._tune(options, [], Solo())
    said = capsys.readouterr().out
    assert "predicted entities, on the files by" in said
    assert f"stored in {run / 'calibration.json'}" in said
    assert "GPE: none are predicted, so there is no threshold" in said
    found = calibration.read(run / "checkpoints" / "best")
    assert found is not None
    assert found.split == "gold"
