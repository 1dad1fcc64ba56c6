"""Several ranks: the same training as one process alone, exact sums, and an orderly end of all when one fails."""

from __future__ import annotations

import json
import platform
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_sources import sources_of
from drivers.exchanges import GLOO_TIMEOUT_S, LARGE, NUM_BROADCASTS
from processes import DRIVERS, Finished, Job, alone, launched, on_ranks, run
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support
from seqeval.scheme import IOB2

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.synthesis.synth import synthesise
from ner_dist import config
from ner_dist.contract.shard_format import read_index
from ner_dist.data.chapters import num_chapters
from ner_dist.data.step_plan import epoch_steps
from ner_dist.run import checkpoint

pytestmark = pytest.mark.ranks

NUM_SHARDS, BATCH_SENTENCES = 7, 5
TRAIN = DRIVERS / "trouble.py"


@pytest.fixture(scope="module")
def few_shards(synth_corpus: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So few sentences in training that buckets and steps have none for some ranks; dev and test of 40 each."""
    folder = tmp_path_factory.mktemp("few")
    corpus = {**synth_corpus, "train": synthesise(80, 3, folder / "corpus")["train"]}
    build(sources_of(corpus), Settings(num_shards=NUM_SHARDS, num_buckets=4), folder / "shards", Problems())
    return folder / "shards"


@pytest.fixture(scope="module")
def knobs(few_shards: Path, tiny_knobs: list[str]) -> list[str]:
    """Of a short training that learns enough for some predictions to be right. Dropout is on."""
    values = {
        "data.shards": few_shards,
        "optimizer.learning_rate": 0.02,
        "train.batch_sentences": BATCH_SENTENCES,
        "train.epochs": 6,
        "train.log_steps": 1,
        "train.device": "cpu",
    }
    return [*tiny_knobs, *(word for name, value in values.items() for word in (f"--{name}", str(value)))]


# --- The same training on any number of ranks


@pytest.fixture(scope="module")
def runs(knobs: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Run directories of one training by the number of ranks; 0 is a plain process, 2 are horovodrun's own."""
    folder = tmp_path_factory.mktemp("runs")
    return {**trained(knobs, (0, 1, 4), folder), **trained(knobs, (2,), folder, on_ranks)}


def trained(
    knobs: list[str], numbers: tuple[int, ...], folder: Path, start: Callable[..., list[str]] = launched
) -> dict[int, Path]:
    for num_ranks in numbers:
        train = ["ner_dist.train", *knobs, "--run", folder / str(num_ranks)]
        finished = run(start(num_ranks, *train) if num_ranks else alone(*train), folder)
        assert finished.code == 0, finished.err
        assert finished.left == []
    return {num_ranks: folder / str(num_ranks) for num_ranks in numbers}


def metrics(path: Path, kind: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (path / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == kind]


def result(path: Path) -> dict[str, Any]:
    return json.loads((path / "result.json").read_text())


def test_the_small_corpus_leaves_ranks_without_sentences(few_shards: Path) -> None:
    rows_SB = np.array([shard.rows for shard in read_index(few_shards).splits["train"]])
    assert rows_SB.shape == (NUM_SHARDS, 4)
    # A bucket that some rank of 4 has nothing of, a last slot that is short, and a step that is empty on some rank.
    assert any(rows_SB[rank::4, bucket].sum() == 0 for rank in range(4) for bucket in range(4))
    assert (rows_SB.sum(axis=0) % BATCH_SENTENCES).any()
    for num_ranks in (2, 4):
        plans = [list(epoch_steps(rows_SB, BATCH_SENTENCES, 1, 0, num_ranks, rank)) for rank in range(num_ranks)]
        assert any(not step.parts for plan in plans for step in plan)


@pytest.mark.parametrize("num_ranks", [1, 2, 4])
def test_ranks_follow_the_loss_curve_of_one_process(runs: dict[int, Path], num_ranks: int) -> None:
    alone, together = (metrics(runs[n], "steps") for n in (0, num_ranks))
    assert len(alone) == len(together) == result(runs[0])["steps"] > 50
    for name in ("steps", "epoch", "loss", "gradient_norm"):
        np.testing.assert_allclose([line[name] for line in together], [line[name] for line in alone], rtol=1e-4)
    assert alone[-1]["loss"] < 0.5 * alone[0]["loss"]


@pytest.mark.parametrize("num_ranks", [1, 2, 4])
def test_ranks_end_with_the_parameters_of_one_process(runs: dict[int, Path], num_ranks: int) -> None:
    alone, together = (checkpoint.load(runs[n] / "checkpoints" / "last") for n in (0, num_ranks))
    assert alone.arrays.keys() == together.arrays.keys()
    for name, array in alone.arrays.items():
        np.testing.assert_allclose(together.arrays[name], array, rtol=1e-3, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("num_ranks", [1, 2, 4])
def test_ranks_score_as_one_process_does(runs: dict[int, Path], num_ranks: int) -> None:
    alone, together = result(runs[0]), result(runs[num_ranks])
    assert alone["test"]["entity"]["right"] > 0
    for name in ("dev", "test", "steps", "epochs", "best_epoch", "seed", "shards", "versions"):
        assert together[name] == alone[name]
    assert together["num_ranks"] == max(1, num_ranks)
    names = [f"dev_{name}" for name in ("precision", "recall", "f1", "token_f1")]
    of_epochs = [[[line[name] for name in names] for line in metrics(runs[n], "epoch")] for n in (0, num_ranks)]
    assert of_epochs[0] == of_epochs[1]


@pytest.fixture(scope="module")
def everything(
    rich_shards: Path, tiny_knobs: list[str], everything_on: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Path]:
    """The same with all that training can do switched on: CRF, vectors, lexicon, dropout of every kind, averaging."""
    values = {
        "data.shards": rich_shards,
        "optimizer.learning_rate": 0.02,
        "train.epochs": 3,
        "train.log_steps": 1,
        "train.device": "cpu",
    }
    more = [word for name, value in values.items() for word in (f"--{name}", str(value))]
    return trained([*tiny_knobs, *everything_on, *more], (0, 3), tmp_path_factory.mktemp("everything"))


def test_everything_on_trains_in_several_chapters(rich_shards: Path, everything_on: list[str]) -> None:
    settings, _ = config.parse([f"--data.shards={rich_shards}", *everything_on])
    index = read_index(rich_shards)
    assert 2 <= num_chapters(index, settings.data.train_on, settings.data.memory_mb) <= 6


def test_ranks_equal_one_process_with_everything_on(everything: dict[int, Path]) -> None:
    curves = [metrics(path, "steps") for path in everything.values()]
    for name in ("steps", "loss", "gradient_norm", "learning_rate"):
        expected, found = ([line[name] for line in curve] for curve in curves)
        np.testing.assert_allclose(found, expected, rtol=1e-3)
    alone, together = (checkpoint.load(path / "checkpoints" / "last").arrays for path in everything.values())
    assert alone.keys() == together.keys()
    for name, array in alone.items():
        np.testing.assert_allclose(together[name], array, rtol=1e-2, atol=2e-4, err_msg=name)
    scored = [result(path) for path in everything.values()]
    assert scored[0]["test"]["entity"]["right"] > 0
    for name in ("dev", "test", "steps", "best_epoch"):
        assert scored[0][name] == scored[1][name]


def test_every_rank_keeps_a_log(runs: dict[int, Path]) -> None:
    for num_ranks, path in runs.items():
        assert sorted(file.name for file in path.glob("rank-*.log")) == [f"rank-{r}.log" for r in range(num_ranks or 1)]


@pytest.fixture(scope="module")
def predictions(runs: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The test split's tokens, gold and predicted tags, as written by so many ranks; 0 is a plain process."""
    folder = tmp_path_factory.mktemp("predictions")
    for num_ranks in (0, 2):
        evaluate = ["ner_dist.evaluate", runs[0], "--conll", folder / str(num_ranks)]
        finished = run(launched(num_ranks, *evaluate) if num_ranks else alone(*evaluate), folder)
        assert finished.code == 0, finished.err
        assert f"{runs[0]} test (best checkpoint" in finished.out
    return {num_ranks: folder / str(num_ranks) for num_ranks in (0, 2)}


def test_ranks_write_the_same_predictions_as_one_process(predictions: dict[int, Path]) -> None:
    assert predictions[0].read_bytes() == predictions[2].read_bytes()


def test_the_score_is_seqeval_s_of_all_predictions_in_one_place(
    runs: dict[int, Path], predictions: dict[int, Path], synth_corpus: dict[str, Path]
) -> None:
    sentences = [part.split("\n") for part in predictions[2].read_text().strip().split("\n\n")]
    corpus = [part.split("\n") for part in synth_corpus["test"].read_text().strip().split("\n\n")]
    assert [[line.split()[0] for line in part] for part in sentences] == [
        [line.split()[0] for line in part] for part in corpus
    ]
    gold, predicted = ([[line.split()[column] for line in part] for part in sentences] for column in (1, 2))
    assert gold == [[line.split()[-1] for line in part] for part in corpus]
    entity = result(runs[2])["test"]["entity"]
    strict = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert entity[name] == pytest.approx(score(gold, predicted, **strict))
        assert entity["macro"][name] == pytest.approx(score(gold, predicted, average="macro", **strict))
    of_types = zip(*precision_recall_fscore_support(gold, predicted, average=None, zero_division=0))
    for part, (precision, recall, f1, support) in zip(entity["per_type"].values(), of_types):
        assert [part[name] for name in ("precision", "recall", "f1", "gold")] == pytest.approx(
            [precision, recall, f1, support]
        )


# --- Exchanges


@pytest.fixture(scope="module", params=[pytest.param(2, marks=pytest.mark.faults), 3])
def exchanged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each rank got from the exchanges of drivers/exchanges.py."""
    folder = tmp_path_factory.mktemp("exchanges")
    timeout = {"HOROVOD_GLOO_TIMEOUT_SECONDS": str(GLOO_TIMEOUT_S)}
    finished = run(launched(request.param, DRIVERS / "exchanges.py"), folder, **timeout)
    assert finished.code == 0, finished.err
    return [json.loads((folder / f"exchange-{rank}.json").read_text()) for rank in range(request.param)]


def on_all(exchanged: list[dict[str, Any]], name: str) -> Any:
    """The outcome that all ranks agree on."""
    assert all(outcomes[name] == exchanged[0][name] for outcomes in exchanged), name
    return exchanged[0][name]


def test_counts_above_2_to_the_53_are_summed_exactly(exchanged: list[dict[str, Any]]) -> None:
    num_ranks = len(exchanged)
    ranks_sum = sum(range(num_ranks))
    assert on_all(exchanged, "num_ranks") == num_ranks
    assert on_all(exchanged, "counts") == [num_ranks * LARGE + ranks_sum, num_ranks * 2**60, -ranks_sum]


def test_gradients_are_summed_not_averaged(exchanged: list[dict[str, Any]]) -> None:
    n = len(exchanged)
    assert on_all(exchanged, "gradients") == [[n * (n + 1) / 2, n / 2], [n] * 6, [(10**n - 1) / 9]]


def test_vectors_of_any_length_are_gathered_in_rank_order(exchanged: list[dict[str, Any]]) -> None:
    expected = [LARGE + 10 * rank + i for rank in range(len(exchanged)) for i in range(rank)]
    assert on_all(exchanged, "uneven") == expected
    assert on_all(exchanged, "only rank 0") == [0, 1]
    assert on_all(exchanged, "nothing") == []


def test_objects_are_gathered_in_rank_order(exchanged: list[dict[str, Any]]) -> None:
    expected = [{"rank": rank, "text": "é" * 1000 * rank, "none": None} for rank in range(len(exchanged))]
    assert on_all(exchanged, "objects") == expected


def test_broadcasts_in_a_row_all_arrive(exchanged: list[dict[str, Any]]) -> None:
    assert on_all(exchanged, "broadcasts") == [[0, i] for i in range(NUM_BROADCASTS)]


def test_what_succeeds_on_every_rank_gives_each_its_own_value(exchanged: list[dict[str, Any]]) -> None:
    assert [outcomes["every rank succeeds"] for outcomes in exchanged] == [10 + r for r in range(len(exchanged))]


def test_what_fails_on_some_rank_fails_on_all(exchanged: list[dict[str, Any]]) -> None:
    assert on_all(exchanged, "rank 1 fails") == "JobError: rank 1 cannot"
    assert on_all(exchanged, "all fail") == "JobError: rank 0 cannot"
    assert on_all(exchanged, "afterwards") == [len(exchanged)]


def test_what_rank_0_does_has_its_outcome_on_all(exchanged: list[dict[str, Any]]) -> None:
    assert on_all(exchanged, "rank 0 succeeds") == 10
    assert on_all(exchanged, "rank 0 fails") == "JobError: rank 0 cannot"


# --- Gradients that Horovod cannot reach where they are


@pytest.fixture(scope="module")
def exchanged_ways(
    few_shards: Path, tiny_knobs: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[dict[str, np.ndarray]]]:
    """By way, both ranks' states after the steps of drivers/staged.py, which are clipped; and of one process alone."""
    folder = tmp_path_factory.mktemp("staged")
    knobs = [*tiny_knobs, "--data.shards", few_shards, "--optimizer.clip_norm", 0.5, "--optimizer.name", "sgd"]
    for command in (launched(2, DRIVERS / "staged.py", *knobs), alone(DRIVERS / "staged.py", *knobs)):
        finished = run(command, folder)
        assert finished.code == 0, finished.err
    ways = {"direct": 2, "staged": 2, "elsewhere": 2, "alone": 1}
    return {way: [dict(np.load(folder / f"{way}-{r}.npz")) for r in range(number)] for way, number in ways.items()}


def test_the_way_through_host_memory_gives_bitwise_the_same(
    exchanged_ways: dict[str, list[dict[str, np.ndarray]]],
) -> None:
    expected, *others = [states for way in ("direct", "staged", "elsewhere") for states in exchanged_ways[way]]
    assert len(others) == 5
    for state in others:
        assert state.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(state[name], array, err_msg=name)


def test_clipping_on_two_ranks_is_that_of_one_process_whatever_the_way(
    exchanged_ways: dict[str, list[dict[str, np.ndarray]]],
) -> None:
    (alone,) = exchanged_ways["alone"]
    assert alone["norms"].min() > 0.5, "some step was not clipped"
    for states in exchanged_ways.values():
        for state in states:
            for name, array in alone.items():
                np.testing.assert_allclose(state[name], array, rtol=1e-4, atol=1e-5, err_msg=name)


# --- Ranks that fail


def trained_steps(path: Path) -> int:
    """Of the last checkpoint, which must be whole."""
    return checkpoint.load(path / "checkpoints" / "last").progress.total_steps


def half_written(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if ".partial" in file.name]


def test_more_ranks_than_shards_is_one_clear_sentence_and_leaves_nothing(
    synth_corpus: dict[str, Path], tmp_path: Path
) -> None:
    build(sources_of(synth_corpus), Settings(num_shards=2), tmp_path / "shards", Problems())
    finished = run(on_ranks(3, "ner_dist.train", "--data.shards", tmp_path / "shards"), tmp_path)
    assert finished.code != 0
    assert finished.errors == [
        "error: 3 ranks but only 2 shards, and a rank needs at least one; "
        "start at most 2 ranks or rebuild with --num-shards 3 or more"
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]
    assert finished.left == []


def run_with(trouble: str, step: int, knobs: list[str], folder: Path) -> Finished:
    """Train on 2 ranks into folder/run; trouble comes to rank 1 at the step."""
    train = [TRAIN, trouble, 1, step, *knobs, "--run", "run", "--train.checkpoint_steps", 4]
    finished = run(on_ranks(2, *train), folder)
    assert finished.code != 0
    assert finished.left == []
    assert half_written(folder) == []
    return finished


def test_a_killed_rank_ends_the_others_and_the_last_checkpoint_is_whole(knobs: list[str], tmp_path: Path) -> None:
    finished = run_with("kill", 20, knobs, tmp_path)
    reason = f"rank 1 on {platform.node()} failed first: it ended without a word, as a process does that is killed"
    assert [line[: len(reason) + 7] for line in finished.errors if line != "Killed"] == [f"error: {reason}"]
    assert trained_steps(tmp_path / "run") >= 16
    assert reason in (tmp_path / "run" / "rank-0.log").read_text()
    assert (tmp_path / "run" / "rank-1.log").is_file()


def test_a_rank_that_raises_ends_the_others_and_its_log_tells_why(knobs: list[str], tmp_path: Path) -> None:
    finished = run_with("fail", 20, knobs, tmp_path)
    # Beside the traceback, which is what a mistake of ours shows.
    assert (
        finished.errors.count(f"error: rank 1 on {platform.node()} failed first: RuntimeError: made up by the test")
        == 1
    )
    assert trained_steps(tmp_path / "run") >= 16
    log = (tmp_path / "run" / "rank-1.log").read_text()
    assert "RuntimeError: made up by the test" in log
    assert "in troubled_step" in log


def test_a_rank_that_hangs_is_ended_by_its_watchdog_and_its_log_tells_where(knobs: list[str], tmp_path: Path) -> None:
    finished = run_with("hang", 20, [*knobs, "--train.hang_seconds", "4"], tmp_path)
    assert trained_steps(tmp_path / "run") >= 16
    log = (tmp_path / "run" / "rank-1.log").read_text()
    assert "no progress for" in log
    assert "trouble.py" in log
    assert " in hang" in log
    assert "ending this rank" not in (tmp_path / "run" / "rank-0.log").read_text()
    (line,) = [line for line in finished.errors if line.startswith("error: ")]
    assert line.startswith(
        f"error: rank 1 on {platform.node()} failed first: no progress for 4 s in its own work (train"
    )
    assert line.endswith("run/rank-1.log has where each of its threads stood")


@pytest.mark.faults
def test_a_rank_that_is_stopped_before_training_begins_is_named_by_the_other(knobs: list[str], tmp_path: Path) -> None:
    finished = run_with("stop", 0, [*knobs, "--train.hang_seconds", "1"], tmp_path)
    (line,) = [line for line in finished.errors if line.startswith("error: ")]
    assert line.startswith(f"error: rank 1 on {platform.node()} failed first: silent while others waited for it for ")
    assert not (tmp_path / "run").exists()


def test_a_batch_that_is_not_finite_stops_all_ranks_before_the_update(knobs: list[str], tmp_path: Path) -> None:
    finished = run_with("poison", 20, knobs, tmp_path)
    (message,) = finished.errors
    steps = metrics(tmp_path / "run", "steps")
    step = steps[-1]["steps"]
    first_of_epoch = next(line["steps"] for line in steps if line["epoch"] == 2) - 1
    assert message.startswith(
        f"error: the loss or gradient is not finite at epoch 2, step {step - first_of_epoch} (rank 1: sentences "
    )
    assert message.count("rank ") == 1
    named = [int(name) for name in message.split("sentences ")[1].split(")")[0].split(", ")]
    assert set(named) <= set(range(64))
    # The ranks have looked at each of their arrays, and found it unchanged.
    assert [(tmp_path / f"changed-{rank}").read_text() for rank in range(2)] == ["", ""]
    assert trained_steps(tmp_path / "run") == step // 4 * 4


# --- Signals


def endless(knobs: list[str]) -> list[str]:
    return [*knobs, "--run", "run", "--train.epochs", "100000", "--train.checkpoint_steps", "4"]


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.faults), signal.SIGTERM])
def test_a_signal_to_horovodrun_ends_all_ranks_and_the_last_checkpoint_loads(
    knobs: list[str], tmp_path: Path, number: int
) -> None:
    with Job(on_ranks(2, "ner_dist.train", *endless(knobs)), tmp_path) as job:
        job.wait_until((tmp_path / "run" / "checkpoints" / "best").is_dir)
        job.signal(number)
        finished = job.wait()
    # Horovodrun itself may end with 0 here: two of its threads wait for a rank, and the later one takes it for well.
    assert finished.code not in (124, 137)
    assert not (tmp_path / "run" / "result.json").exists()
    assert finished.left == []
    assert trained_steps(tmp_path / "run") > 0
    assert half_written(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.faults)])
def test_a_signal_to_a_rank_that_waits_for_another_ends_it(knobs: list[str], tmp_path: Path, number: int) -> None:
    train = [TRAIN, "hang", 1, 20, *endless(knobs), "--train.hang_seconds", 0, "--train.grace_seconds", 1]
    with Job(on_ranks(2, *train), tmp_path) as job:
        job.wait_until((tmp_path / "hanging").exists)
        # Until rank 0 has done its own part of the step, and waits inside MXNet.
        time.sleep(2)
        rank_0 = job.rank(0)
        rank_0.send_signal(number)
        rank_0.wait(timeout=30)
        finished = job.wait()
    assert finished.code not in (0, 124, 137)
    assert finished.left == []
    assert trained_steps(tmp_path / "run") >= 16
