"""The course of training on one rank: open, continue or begin, epochs of steps, score, save, and the final result."""

from __future__ import annotations

import dataclasses
import logging
import os
import platform
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ner_dist import config as knobs
from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, vocab_files
from ner_dist.data import used_inputs
from ner_dist.data.shard_reader import ShardReader, train_chapters, train_rows
from ner_dist.data.step_plan import steps_per_epoch
from ner_dist.evaluation.f1 import scores
from ner_dist.evaluation.score_split import score_split
from ner_dist.ranks.comm import Horovod, Solo, on_rank_0
from ner_dist.ranks.rank_process import log_to
from ner_dist.ranks.watchdog import Watchdog
from ner_dist.run import checkpoint, run_directory
from ner_dist.run.checkpoint import Progress
from ner_dist.run.trackers import Trackers, require_packages
from ner_dist.training import startup
from ner_dist.training.optimizer import learning_rate
from ner_dist.training.step import Learner, StepResult
from ner_dist.training.word_dropout import WordDropout

log = logging.getLogger("ner_dist")


@dataclasses.dataclass(frozen=True)
class Run:
    """What stays the same while a run trains."""

    config: Config
    path: Path
    comm: Solo | Horovod
    index: Index
    vocab_files: dict[str, bytes]
    splits: dict[str, ShardReader]
    word_dropout: WordDropout
    learner: Learner
    recorder: run_directory.Recorder | None
    # Of rank 0 alone, too; the others' know of none.
    trackers: Trackers
    watchdog: Watchdog


def train(config: Config, job: str, comm: Solo | Horovod) -> None:
    """Train as configured; every rank of the job calls this. Raises UserError for what the user can mend."""
    config.run = config.run or comm.broadcast(run_directory.fresh_name(job))
    path = Path(config.run)
    trackers = Trackers(config.train.track, path)
    if config.train.track:
        on_rank_0(comm, lambda: require_packages(config.train.track))
    index, splits = startup.open_shards(config, comm)
    vocab = on_rank_0(comm, lambda: vocab_files(config.data.shards, index))
    saved = on_rank_0(comm, lambda: _saved_run(config, index, path))
    learner = startup.new_learner(config, index, comm)
    word_dropout = startup.new_word_dropout(config, index, comm)
    # All that can be wrong with the job has been looked at; from here on it leaves traces.
    on_rank_0(comm, lambda: run_directory.create(path, config))
    if used_inputs.uses_vectors(config.model, index):
        on_rank_0(comm, lambda: checkpoint.take_along(Path(config.data.shards), path / "checkpoints"))
    log_to(path / f"rank-{comm.rank}.log")
    log.info(
        "rank %d of %d: process %d on %s, OMP_NUM_THREADS %s, device %s",
        *(comm.rank, comm.num_ranks, os.getpid(), platform.node(), os.environ["OMP_NUM_THREADS"]),
        learner.context,
    )
    progress = Progress()
    if saved is not None:
        learner.set_state(saved.arrays)
        progress = saved.progress
        log.info("continuing after %d steps, in epoch %d", progress.total_steps, progress.epoch + 1)
    recorder = run_directory.Recorder(path, progress.total_steps) if comm.rank == 0 else None
    if config.train.track:
        on_rank_0(comm, lambda: trackers.begin(knobs.flat(config)))
    with trackers, Watchdog(comm, config.train.hang_seconds, path / f"rank-{comm.rank}.log") as watchdog:
        run = Run(config, path, comm, index, vocab, splits, word_dropout, learner, recorder, trackers, watchdog)
        while progress.epoch < config.train.epochs and not _out_of_patience(config, progress):
            _train_epoch(run, progress)
            _finish_epoch(run, progress)
        _write_result(run, progress)


def _saved_run(config: Config, index: Index, path: Path) -> checkpoint.Checkpoint | None:
    """The checkpoint to continue from, or None for a new run."""
    place = path / "checkpoints" / "last"
    if not config.train.resume or not checkpoint.exists(place):
        return None
    saved = checkpoint.load(place)
    checkpoint.require_same_data(saved, index, Path(config.data.shards), place)
    checkpoint.require_same_knobs(saved, config, place)
    return saved


def _train_epoch(run: Run, progress: Progress) -> None:
    """The remaining steps of the epoch that progress stands in."""
    train = run.config.train
    rows_SB, chapters = train_rows(run.config, run.index), train_chapters(run.config, run.index)
    num_steps = steps_per_epoch(rows_SB, train.batch_sentences, chapters)
    sentences = run.splits[run.config.data.train_on]
    steps = startup.train_steps(
        run.config, run.index, sentences, run.word_dropout, run.learner, run.comm, progress.epoch, progress.step
    )
    bar = tqdm(
        desc=f"epoch {progress.epoch + 1}/{train.epochs}",
        total=num_steps,
        initial=progress.step,
        unit="step",
        leave=False,
        # None: only if this is a terminal.
        disable=None if run.comm.rank == 0 else True,
    )
    began_s = time.perf_counter()
    for step, batch, shared in steps:
        rate = learning_rate(run.config, progress.epoch, step.step_id, num_steps, progress.reductions)
        result = run.learner.step(batch, shared, progress.epoch, step.step_id, rate)
        _add(progress, result, time.perf_counter() - began_s)
        bar.update()
        run.watchdog.beat()
        if progress.total_steps % train.log_steps == 0:
            bar.set_postfix(loss=f"{progress.loss / progress.num_sentences:.3f}")
            _record(run, "steps", progress, {"gradient_norm": result.gradient_norm, "learning_rate": rate})
        # The end of the epoch saves one anyway, after scoring.
        if train.checkpoint_steps and progress.total_steps % train.checkpoint_steps == 0 and progress.step < num_steps:
            _save(run, progress, "last")
        began_s = time.perf_counter()
    bar.close()


def _add(progress: Progress, result: StepResult, seconds: float) -> None:
    progress.step += 1
    progress.total_steps += 1
    progress.loss += result.loss
    progress.num_sentences += result.num_sentences
    progress.num_tokens += result.num_tokens
    progress.num_slots += result.num_slots
    progress.trained_tokens += result.num_tokens
    progress.trained_seconds += seconds


def _finish_epoch(run: Run, progress: Progress) -> None:
    """Score dev, decide what is best, save, and move progress to the next epoch."""
    began_s = time.perf_counter()
    dev = _score(run, "dev")
    # Rank 0 decides, so that no rank can come to another conclusion.
    f1 = run.comm.broadcast(dev["entity"]["f1"])
    better = f1 > progress.best_f1
    _note_progress(run.config, progress, f1)
    values = {
        "dev_precision": dev["entity"]["precision"],
        "dev_recall": dev["entity"]["recall"],
        "dev_f1": f1,
        "dev_token_f1": dev["token"]["f1"],
        "scoring_seconds": time.perf_counter() - began_s,
    }
    _record(run, "epoch", progress, values)
    line = (
        f"epoch {progress.epoch + 1}/{run.config.train.epochs}  loss {progress.loss / progress.num_sentences:.4f}"
        f"  dev F1 {100 * f1:.2f}{' *' if better else ''}"
        f"  {progress.trained_tokens / progress.trained_seconds:,.0f} tokens/s"
    )
    log.info(line)
    if run.comm.rank == 0:
        print(line, flush=True)
    progress.epoch += 1
    progress.step = progress.num_sentences = progress.num_tokens = progress.num_slots = 0
    progress.loss = 0.0
    if better or run.config.train.keep == "last":
        _save(run, progress, "best")
    _save(run, progress, "last")


def _note_progress(config: Config, progress: Progress, f1: float) -> None:
    """What the epoch's dev F1 means for patience and for the learning rate."""
    if f1 > progress.best_f1:
        progress.best_f1, progress.best_epoch = f1, progress.epoch
        progress.epochs_since_best = progress.epochs_on_plateau = 0
        return
    progress.epochs_since_best += 1
    progress.epochs_on_plateau += 1
    if progress.epochs_on_plateau == config.optimizer.plateau_epochs:
        progress.reductions += 1
        progress.epochs_on_plateau = 0


def _score(run: Run, split: str) -> dict[str, Any]:
    with run.learner.averaged():
        counts = score_split(
            run.learner.tagger,
            run.learner.words.weight_VD,
            run.splits[split],
            run.config,
            len(run.index.entity_types),
            run.comm,
            lambda predicted: run.watchdog.beat(),
        )
    return scores(counts, run.index.entity_types)


def _record(run: Run, kind: str, progress: Progress, values: dict[str, Any]) -> None:
    if run.recorder is not None:
        shared = {
            "epoch": progress.epoch + 1,
            "loss": progress.loss / progress.num_sentences,
            "padding": 1 - progress.num_tokens / progress.num_slots,
            "tokens_per_second": progress.trained_tokens / progress.trained_seconds,
        }
        run.recorder.write(kind, progress.total_steps, {**shared, **values})
        run.trackers.log(kind, progress.total_steps, {**shared, **values})


def _save(run: Run, progress: Progress, name: str) -> None:
    place = run.path / "checkpoints" / name
    on_rank_0(
        run.comm,
        lambda: checkpoint.save(
            place, checkpoint.Checkpoint(run.learner.state(), progress, run.config, run.index), run.vocab_files
        ),
    )
    run.watchdog.beat()


def _out_of_patience(config: Config, progress: Progress) -> bool:
    return 0 < config.train.patience <= progress.epochs_since_best


def _write_result(run: Run, progress: Progress) -> None:
    """Score the best checkpoint on dev and test; write result.json and say where it is."""
    best = on_rank_0(run.comm, lambda: checkpoint.load(run.path / "checkpoints" / "best"))
    run.learner.set_scored(best.parameters(), best.words())
    result: dict[str, Any] = {split: _score(run, split) for split in ("dev", "test") if split in run.splits}
    if run.recorder is None:
        return
    run.recorder.close()
    shown = "  ".join(f"{split} entity F1 {100 * part['entity']['f1']:.2f}" for split, part in result.items())
    result.update(
        tokens_per_second=progress.trained_tokens / progress.trained_seconds,
        num_ranks=run.comm.num_ranks,
        steps=progress.total_steps,
        epochs=progress.epoch,
        best_epoch=best.progress.epoch,
        seed=run.config.train.seed,
        shards=run.index.fingerprint(),
        versions=run_directory.versions(),
    )
    run_directory.write_result(run.path, result)
    run.trackers.result(result, progress.total_steps)
    line = f"{shown}  run {run.path}"
    log.info(line)
    print(line, flush=True)
