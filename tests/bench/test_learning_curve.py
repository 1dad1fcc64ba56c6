"""bench.learning_curve: growing parts of train are built, trained on and summed up, and what is there is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from processes import DRIVERS, Finished, alone, run

from bench.learning_curve import main
from ner_dist.contract.shard_format import read_index, read_vocab


@pytest.fixture
def folder(synth_shards: Path, tmp_path: Path) -> Path:
    """A folder with a job of 2 epochs."""
    (tmp_path / "job.yaml").write_text(f"data:\n  shards: {synth_shards}\ntrain:\n  epochs: 2\n")
    return tmp_path


def curve(folder: Path, *arguments: object) -> Finished:
    finished = run(alone(DRIVERS / "stand_in.py", "-m", "bench.learning_curve", "job.yaml", *arguments), folder)
    assert finished.left == []
    return finished


def test_parts_are_trained_on_once_and_summed_up(folder: Path, synth_shards: Path) -> None:
    (folder / "fail-part-50-seed1").touch()
    words = ("--fractions", "0.25,0.5,1", "--seeds", 1, "--parallel", 3)
    failed = curve(folder, *words)
    assert failed.err == "error: 1 of 3 runs failed: runs/curves/job/part-50-seed1; nothing was recorded, see above\n"
    (folder / "fail-part-50-seed1").unlink()
    finished = curve(folder, *words)
    assert (finished.code, finished.err) == (0, "")
    assert len(began := (folder / "began").read_text().split()) == 4
    assert began[-1] == "part-50-seed1"
    found = json.loads((folder / "runs/curves/job/curve.json").read_text())
    assert (found["split"], found["fractions"]) == ("test", [0.25, 0.5, 1.0])
    assert [point["sentences"] for point in found["points"]] == [80, 160, 320]
    assert [point["run"] for point in found["points"]] == [f"runs/curves/job/part-{n}-seed1" for n in (25, 50, 100)]
    # The stand-in learns nothing from more data.
    twice = {"sentences": 640, "gain": pytest.approx(0, abs=1e-6), "low": None, "high": None}
    assert found["fit"]["twice"] == twice
    assert "Twice as much data (640 sentences): about" in finished.out
    assert "<svg" in (folder / "runs/curves/job/curve.html").read_text()
    # A part has the vocabulary of its own sentences, and all of dev.
    (part,) = (folder / "runs/curves/job").glob("corpus-*/part-25")
    few, all_words = (set(read_vocab(place, read_index(place), "word")["values"]) for place in (part, synth_shards))
    assert len(few) < 0.9 * len(all_words)
    assert read_index(part).num_sentences("dev") == read_index(synth_shards).num_sentences("dev")


MISTAKES = {
    "no fraction": (["--fractions", "0,1"], "--fractions must lie above 0 and be at most 1, not 0.0,1.0"),
    "no number": (["--fractions", "a"], "invalid list of fractions value: 'a'"),
    "dev is trained on": (
        ["--", "--data.train_on", "train+dev", "--train.keep", "last"],
        "a learning curve needs dev beside what is trained on; use --data.train_on train",
    ),
    "fewer sentences than shards": (
        ["--fractions", "0.01"],
        "--num-shards 8 is more than the 3 sentences of train",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_a_clear_sentence(
    folder: Path, mistake: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = MISTAKES[mistake]
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as ended:
        main(["job.yaml", *arguments])
    assert message in (ended.value.code if isinstance(ended.value.code, str) else capsys.readouterr().err)
