"""bench.ablation: the rows of a file, each trained at several seeds, and the one table of what each is worth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from processes import DRIVERS, ROOT, Finished, alone, run

from bench.ablation import main, read_ablation
from ner_dist.contract.shard_format import read_index

FILES = sorted((ROOT / "job" / "ablations").glob("*.yaml"))
ROWS = """\
base: job.yaml
knobs: {optimizer.learning_rate: 0.005}
rows:
  - name: BLSTM
    knobs: {model.char_filters: 0, optimizer.learning_rate: 0.004, model.features: [], optimizer.params: {beta1: 0.9}}
  - name: + CNN
  - {name: slow, against: BLSTM, knobs: {optimizer.learning_rate: 0.003}}
"""


@pytest.fixture
def folder(synth_shards: Path, tmp_path: Path) -> Path:
    """A folder with an ablation over a job of 2 epochs."""
    (tmp_path / "fingerprint").write_text(read_index(synth_shards).fingerprint())
    (tmp_path / "job.yaml").write_text(f"data:\n  shards: {synth_shards}\ntrain:\n  epochs: 2\n")
    (tmp_path / "parts.yaml").write_text(ROWS)
    return tmp_path


def ablation(folder: Path, *arguments: object) -> Finished:
    finished = run(alone(DRIVERS / "stand_in.py", "-m", "bench.ablation", "parts.yaml", *arguments), folder)
    assert finished.left == []
    return finished


def test_rows_are_trained_and_compared_in_one_table_which_is_resumed_and_replaced(folder: Path) -> None:
    (folder / "fail-cnn-seed2").touch()
    failed = ablation(folder, "--seeds", 2, "--parallel", 2)
    assert failed.err == "error: 1 of 6 runs failed: runs/ablations/parts/cnn-seed2; nothing was recorded, see above\n"
    assert not (folder / "job").exists()
    (folder / "fail-cnn-seed2").unlink()
    for _ in range(2):
        finished = ablation(folder, "--seeds", 2)
        assert (finished.code, finished.err) == (0, "")
    assert (folder / "began").read_text().split()[-1:] == ["cnn-seed2"]
    text = (folder / "job" / "RESULTS.md").read_text()
    # 0.817 for the mean of seeds 1 and 2, less a point for each 0.001 of the learning rate.
    assert text.count("###") == 1
    assert "| parts | dev entity F1 | gain | test entity F1 | gain |" in text
    assert "| BLSTM | 80.70 ± 0.71 |  | 80.70 ± 0.71 |  |" in text
    assert "| + CNN | 81.70 ± 0.71 | +1.00 | 81.70 ± 0.71 | +1.00 |" in text
    assert "| slow (against BLSTM) | 79.70 ± 0.71 | -1.00 | 79.70 ± 0.71 | -1.00 |" in text
    (record,) = json.loads((folder / "job" / "results.json").read_text())
    assert [row["name"] for row in record["rows"]] == ["BLSTM", "+ CNN", "slow"]
    assert record["rows"][0]["knobs"]["optimizer.params"] == {"beta1": 0.9}
    assert record["rows"][0]["knobs"]["model.features"] == []


def test_knobs_behind_the_file_go_to_all_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    rows = read_ablation(Path("parts.yaml"), ["--train.score_test", "false"], range(1, 2))
    assert {row.seeds.config.train.score_test for row in rows} == {False}


MISTAKES = {
    "absent": ("", "parts.yaml: holds NoneType, expected a mapping with base, knobs, rows"),
    "not YAML": ("base: [", "parts.yaml:2: not readable as YAML ("),
    "a wrong name": (ROWS.replace("base", "bases"), "parts.yaml: unknown bases; expected base, knobs, rows"),
    "no rows": ("base: job.yaml\nrows: []\n", "parts.yaml: no ablation, expected base: a job file, and rows: "),
    "no such base": (ROWS.replace("job.yaml", "absent.yaml"), "parts.yaml: row 'BLSTM': the job file absent.yaml does"),
    "a row without a name": (ROWS.replace("name: slow", "nam: slow"), "is no row, expected base: "),
    "names that are alike": (ROWS.replace("slow", "(cnn)"), "row '(cnn)': its name needs letters or digits that"),
    "against nothing": (
        ROWS.replace("against: BLSTM", "against: GRU"),
        "row 'slow': against is 'GRU', expected the name",
    ),
    "unknown knob": (ROWS.replace("char_filters", "chars"), "row 'BLSTM': unknown knob 'model.chars'; did you mean"),
    "wrong type": (ROWS.replace("char_filters: 0", "char_filters: a"), "row 'BLSTM': --model.char_filters is 'a', "),
    "knobs that are none": (
        ROWS.replace("{optimizer.learning_rate: 0.003}", "fast"),
        "knobs is fast, expected section.",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_sentence_and_leaves_nothing(
    folder: Path, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, message = MISTAKES[mistake]
    monkeypatch.chdir(folder)
    Path("parts.yaml").write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["parts.yaml"])
    assert message in str(ended.value.code)
    assert "\n" not in str(ended.value.code)
    assert sorted(path.name for path in folder.iterdir()) == ["fingerprint", "job.yaml", "parts.yaml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_ablation_that_is_there_has_only_knobs_that_are_there(
    path: Path, synth_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert len(read_ablation(path, ["--data.shards", str(synth_shards)], range(1, 2))) > 1
