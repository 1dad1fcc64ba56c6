"""bench.record: the tables of finished runs, and how they come into RESULTS.md and results.json and are replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.record import keep, seed_set_section
from ner_dist.errors import UserError


def made(f1s: list[float], **changes: Any) -> dict[str, Any]:
    names = [f"{split}.{name}" for split in ("dev", "test") for name in ("entity.precision", "entity.recall")]
    names += [f"{split}.{name}" for split in ("dev", "test") for name in ("entity.f1", "token.f1", "token.bio.f1")]
    names.append("test.entity.per_type.LOC.f1")
    runs = [
        {"run": f"job-seed{seed}", "seed": seed, "epochs": 3, "best_epoch": 2, "minutes": 1.5, "tokens_per_second": 1e3}
        for seed in range(1, len(f1s) + 1)
    ]
    place = {"command": "make it", "date": "2026-01-02", "commit": "abc", "hardware": "2 cores", "num_ranks": [2]}
    record = {
        **place,
        "kind": "seeds",
        "job": "job",
        "knobs": {"train.epochs": 3},
        "shards": "0" * 64,
        "runs": [{**run, "scores": dict.fromkeys(names, f1)} for run, f1 in zip(runs, f1s)],
        "mean": dict.fromkeys(names, sum(f1s) / len(f1s)),
        "sd": dict.fromkeys(names, 0.0361) if len(f1s) > 1 else {},
        "gold": {"LOC": 1234},
    }
    return {**record, **changes}


def records(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "results.json").read_text())


def test_a_section_shows_mean_deviation_and_each_run() -> None:
    text = seed_set_section(made([0.80, 0.82, 0.87]))
    assert text.startswith(
        "### `make it`, 2026-01-02\n\nCommit abc; 2 cores; 2 ranks; 1,000 tokens/s; 1.5 minutes a seed;"
    )
    assert "| **all seeds** | 83.00 ± 3.61 | 83.00 ± 3.61 |" in text
    assert "| LOC | 83.00 ± 3.61 | 1,234 |" in text
    assert "| job-seed2, seed 2, best of 3 epochs: 2 | 82.00 |" in text


def test_one_run_has_neither_a_mean_nor_a_deviation() -> None:
    text = seed_set_section(made([0.80]))
    assert "±" not in text
    assert "all seeds" not in text
    assert "1 seed." in text


def test_every_row_of_a_table_has_the_columns_of_its_head() -> None:
    for table in seed_set_section(made([0.80, 0.82])).split("\n\n"):
        assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) <= 1


def test_a_record_replaces_the_former_one_of_its_set_and_no_other(tmp_path: Path) -> None:
    first, other = made([0.8]), made([0.8], knobs={"train.epochs": 4})
    for record, text in ((first, "first\n"), (other, "other\n"), (made([0.9]), "anew\n")):
        keep(tmp_path, record, text)
    assert [found["mean"]["dev.entity.f1"] for found in records(tmp_path)] == [0.9, 0.8]
    text = (tmp_path / "RESULTS.md").read_text()
    assert "first" not in text
    assert text.index("anew\n") < text.index("other\n")
    for name, value in (("job", "job2"), ("shards", "1" * 64), ("kind", "ablation")):
        keep(tmp_path, made([0.8], **{name: value}), "more\n")
    assert len(records(tmp_path)) == 5


def test_a_knob_that_came_later_counts_as_at_its_default(tmp_path: Path) -> None:
    keep(tmp_path, made([0.8]), "first\n")
    keep(tmp_path, made([0.9], knobs={"train.epochs": 3, "model.lstm_layers": 1}), "anew\n")
    assert [found["mean"]["dev.entity.f1"] for found in records(tmp_path)] == [0.9]
    keep(tmp_path, made([0.9], knobs={"train.epochs": 3, "model.lstm_layers": 2}), "other\n")
    assert len(records(tmp_path)) == 2


def test_what_people_wrote_stays_and_nothing_is_written_if_a_marker_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text("# Mine\n\n| a | table |\n")
    keep(tmp_path, made([0.8]), "first\n")
    begin = path.read_text().splitlines()[4]
    path.write_text(path.read_text() + "\nBelow, with a \\1 in it.\n")
    keep(tmp_path, made([0.9]), "anew \\1\n")
    end = f"<!-- end {records(tmp_path)[0]['id']} -->"
    whole = f"# Mine\n\n| a | table |\n\n{begin}\nanew \\1\n{end}\n\nBelow, with a \\1 in it.\n"
    assert path.read_text() == whole
    for damaged in (whole.replace(end, ""), whole.replace(begin, ""), whole + end, end + whole.replace(end, "")):
        path.write_text(damaged)
        with pytest.raises(UserError, match="needs one line `<!-- begin job-"):
            keep(tmp_path, made([0.7]), "never\n")
        assert path.read_text() == damaged
        assert records(tmp_path)[0]["mean"]["dev.entity.f1"] == 0.9


@pytest.mark.parametrize("content", ["{", "{}", '["a"]', "3"])
def test_a_damaged_results_file_is_one_sentence_and_is_not_written_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(UserError, match=r"results\.json: not a list of records"):
        keep(tmp_path, made([0.8]), "first\n")
    assert (tmp_path / "results.json").read_text() == content
    assert not (tmp_path / "RESULTS.md").exists()
