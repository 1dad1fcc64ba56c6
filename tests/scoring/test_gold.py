"""Any annotated files are scored by a run and by its export: the counts are those of the run's own shards."""

from __future__ import annotations

import json
import os
import resource
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import ROOT, Job, alone, launched, run
from run_here import run_here
from span_corpus import span_corpus, write_spans

from data_prep.passes.convert import Target, convert
from data_prep.prepare_shards import prepare_shards
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from ner_dist import evaluate
from ner_dist.contract.shard_format import read_index
from ner_dist.errors import UserError
from ner_dist.evaluate import evaluate_tagger, main
from ner_dist.exporting.write_export import export
from ner_dist.ranks.comm import Solo
from ner_dist.scoring import score_in_processes
from ner_dist.scoring.gold_shards import gold_shards
from ner_dist.scoring.score_in_processes import score
from ner_dist.scoring.score_model import Opening, Wanted
from ner_dist.scoring.score_record import score_text


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    assert [path for path in (tmp_path / "temporary").iterdir() if path.name.startswith("ner-gold")] == []


@pytest.fixture(scope="module")
def exported(text_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "export"
    export(text_run, "best", out, compared=False)
    return out


def scores_of(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("entity", "token", "characters") if name in record}


@pytest.mark.parametrize("name", ["tiny", "rich"])
def test_a_run_scores_its_own_test_files_as_its_own_split(
    name: str, synth_corpus: dict[str, Path], request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(f"{name}_run")
    expected = evaluate_tagger(model)
    found = evaluate_tagger(model, gold=synth_corpus["test"])
    assert scores_of(found) == scores_of(expected)
    assert found["gold"] == [str(synth_corpus["test"])]
    assert (found["intervals"], found["unknown_types"]) == (expected["intervals"], {})
    assert found["documents"] == {}
    low, high = found["intervals"]["entity"]["f1"]
    assert low < found["entity"]["f1"] < high


def test_an_export_scores_as_its_run_also_in_processes(
    text_run: Path, exported: Path, synth_corpus: dict[str, Path]
) -> None:
    wanted = Wanted(columns=True, sentences=True, n_best=2)
    with gold_shards(text_run, "best", [synth_corpus["test"]], [], Solo()) as gold:
        # The same shards serve both.
        of_run = score(Opening(text_run, gold=gold), wanted, Solo())
        one, two = (score(Opening(exported, gold=gold), wanted, Solo(), processes) for processes in (1, 2))
    assert one.scores == two.scores == of_run.scores
    for name, lines in one.lines.items():
        assert two.lines[name].keys() == lines.keys() == of_run.lines[name].keys()
    assert one.lines["documents"] == two.lines["documents"] == of_run.lines["documents"]
    assert one.lines["sentences"] == two.lines["sentences"]


def test_spans_are_scored_as_the_run_scored_them(tiny_knobs: list[str], tmp_path: Path) -> None:
    from trained import train

    sizes = {"train": 120, "dev": 10, "test": 40}
    files = {
        split: write_spans(tmp_path / f"{split}.jsonl", span_corpus(number, number)) for split, number in sizes.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepare_shards(
            **files, out=tmp_path / "shards", progress=False, num_shards=2, num_buckets=2, on_misaligned="split"
        )
    train(tmp_path / "run", tmp_path / "shards", tiny_knobs)
    export(tmp_path / "run", "best", tmp_path / "export", compared=False)
    expected = scores_of(evaluate_tagger(tmp_path / "run"))
    assert 0 < expected["characters"]["f1"] < 1
    for model in (tmp_path / "run", tmp_path / "export"):
        found = evaluate_tagger(model, gold=files["test"], reading=["--on-misaligned", "split"])
        assert scores_of(found) == expected
        assert found["intervals"]["characters"]["per_type"].keys() == expected["characters"]["per_type"].keys()
    with pytest.raises(UserError, match=r"the gold cannot be scored:\n.*test.jsonl:\d+: error: "):
        evaluate_tagger(tmp_path / "run", gold=files["test"])


@pytest.fixture(scope="module")
def scored_shards(text_run: Path) -> dict[str, Any]:
    return scores_of(evaluate_tagger(text_run))


@pytest.mark.parametrize("to", ["csv", "jsonl"])
def test_formats_are_read_as_preparation_reads_them(
    to: str, scored_shards: dict[str, Any], text_run: Path, synth_corpus: dict[str, Path], tmp_path: Path
) -> None:
    gold = tmp_path / f"gold.{to}"
    source = [SourceFile(synth_corpus["test"])]
    convert(source, Target(str(gold), {"csv": "kaggle"}.get(to, to), None, False), Settings(), None, Problems())
    assert scores_of(evaluate_tagger(text_run, gold=gold)) == scored_shards


def test_brat_is_scored_by_characters(text_run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Angela Merkel visited Paris.", encoding="utf-8")
    (tmp_path / "a.ann").write_text("T1\tPER 0 13\tAngela Merkel\nT2\tLOC 22 27\tParis\n", encoding="utf-8")
    found = evaluate_tagger(text_run, gold=tmp_path / "a.ann")
    assert found["entity"]["gold"] == found["characters"]["gold"] == 2


def test_types_that_the_model_does_not_know_are_gold_that_it_misses(
    exported: Path, text_run: Path, tmp_path: Path
) -> None:
    gold = tmp_path / "gold.conll"
    gold.write_text("Ada B-ROBOT\nsaw O\nParis B-LOC\n\nBob B-ROBOT\n", encoding="utf-8")
    out = [tmp_path / name for name in ("scores.json", "lines.jsonl")]
    found = run_here(evaluate, exported, "--gold", gold, "--json", out[0], "--sentences", out[1])
    assert found.error is None
    said = "1 type that the model does not know, whose entities count as missed: ROBOT (2 entities)"
    assert said in found.out
    record = json.loads(out[0].read_text(encoding="utf-8"))
    assert record["unknown_types"] == {"ROBOT": 2}
    assert [record["entity"]["per_type"]["ROBOT"][key] for key in ("gold", "right")] == [2, 0]
    lines = [json.loads(line) for line in out[1].read_text(encoding="utf-8").splitlines()]
    assert [entity["confidence"] for entity in lines[1]["gold"]] == [0.0]
    assert scores_of(evaluate_tagger(text_run, gold=gold)) == scores_of(record)


def test_two_ranks_score_as_one(tiny_run: Path, synth_corpus: dict[str, Path], tmp_path: Path) -> None:
    expected = evaluate_tagger(tiny_run, gold=synth_corpus["test"])
    command = ["ner_dist.evaluate", tiny_run, "--gold", synth_corpus["test"], "--json", tmp_path / "scores.json"]
    finished = run(launched(2, *command), ROOT)
    assert finished.code == 0, finished.err
    assert scores_of(json.loads((tmp_path / "scores.json").read_text())) == scores_of(expected)


def test_documents_add_up_and_the_worst_are_shown(exported: Path, synth_corpus: dict[str, Path]) -> None:
    found = evaluate_tagger(exported, gold=[synth_corpus["test"], synth_corpus["dev"]])
    assert list(found["documents"]) == ["test.conll", "dev.conll"]
    for key in ("right", "predicted", "gold"):
        assert sum(document[key] for document in found["documents"].values()) == found["entity"][key]
    rows = score_text(found, {}, 1).split("documents with the most mistakes")[1].splitlines()[1:]
    mistakes = {name: part["gold"] + part["predicted"] - 2 * part["right"] for name, part in found["documents"].items()}
    assert [row.split()[0] for row in rows] == [max(mistakes, key=lambda name: mistakes[name])]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--gold", "x", "--split", "dev"], "--split is about the model's own shards: leave it or --gold out"),
        (["--gold", "x", "--shards", "x"], "--shards is about the model's own shards: leave it or --gold out"),
        (["--processes", "2"], "--processes is for an export, and run is none"),
        (["--", "--tag-column", "2"], "options after -- say how to read the files of --gold, and there are none"),
    ],
)
def test_options_that_contradict_are_refused(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", *arguments])
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("gold", "reading", "complaint"),
    [
        ("absent", [], "absent: no such file"),
        ("broken", [], r"broken:3: error: tag .* \(--on-broken repair reads it as the CoNLL scorer does\)"),
        ("good", ["--train", "{broken}"], "--train after --: only options about reading a corpus are expected there"),
        ("good", ["--nonsense"], "cannot be scored: python -m data_prep: error: unrecognized arguments: --nonsense"),
    ],
)
def test_every_mistake_is_a_clear_sentence(
    gold: str, reading: list[str], complaint: str, text_run: Path, tmp_path: Path
) -> None:
    names = {name: tmp_path / name for name in ("absent", "broken", "good")}
    names["broken"].write_text("a B-LOC\nb I-LOC\nc I-PER\n" * 9)
    names["good"].write_text("Paris B-LOC\n\nis O\n" * 9)
    with pytest.raises(UserError, match=complaint):
        evaluate_tagger(text_run, gold=names[gold], reading=[word.format(**names) for word in reading])


def test_a_directory_that_is_no_model_is_named(tmp_path: Path, synth_corpus: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="expected the directory of a run"):
        evaluate_tagger(tmp_path, gold=synth_corpus["test"])
    with pytest.raises(UserError, match="name one or the other"):
        evaluate_tagger(tmp_path, "dev", gold=synth_corpus["test"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_preparation_and_leaves_nothing(number: int, exported: Path, tmp_path: Path) -> None:
    # Nobody writes into it, so whoever reads it waits.
    os.mkfifo(tmp_path / "gold.conll")
    command = alone("ner_dist.evaluate", exported, "--gold", tmp_path / "gold.conll")
    with Job(command, ROOT) as job:
        job.wait_until(lambda: any("data_prep" in process.cmdline() for process in job.processes()))
        job.signal(number)
        finished = job.wait()
    assert (finished.code, finished.left) == (128 + number, [])
    assert finished.err == f"error: interrupted by {signal.Signals(number).name}\n"


def test_a_full_disk_is_named_and_leaves_nothing(exported: Path, synth_corpus: dict[str, Path]) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(UserError, match="cannot be scored: the disk is full or a size limit is reached"):
            evaluate_tagger(exported, gold=synth_corpus["test"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_processes_are_started_for_much_to_do_alone(
    exported: Path, rich_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_in_processes.environment, "prepare", lambda: 16)
    opening = Opening(exported, shards=rich_shards)
    num_tokens, num_shards = read_index(rich_shards).num_tokens("test"), len(read_index(rich_shards).splits["test"])
    for of_process, wanted, expected in (
        (num_tokens, None, 1),
        (num_tokens // 3, None, 3),
        (1, None, num_shards),
        (num_tokens, 2, 2),
        (1, 1, 1),
    ):
        monkeypatch.setattr(score_in_processes, "_TOKENS_OF_PROCESS", of_process)
        assert score_in_processes._num_processes(opening, wanted) == expected
    # What is wrong is said by whoever opens it.
    assert score_in_processes._num_processes(Opening(exported, shards=exported), None) == 1
