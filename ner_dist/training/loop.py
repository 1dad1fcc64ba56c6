"""The training loop of one rank: begin or continue, epochs of steps, score dev, save checkpoints, final result."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ner_dist import config as knobs
from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, vocab_files
from ner_dist.data import used_inputs
from ner_dist.data.shard_reader import train_chapters, train_rows
from ner_dist.data.step_plan import steps_per_epoch
from ner_dist.ranks import stop_signals
from ner_dist.ranks.agreement import SAME_START, require_agreement, start_facts
from ner_dist.ranks.comm import Comm, on_rank_0
from ner_dist.ranks.rank_process import log_to
from ner_dist.ranks.slow_ranks import SlowRanks
from ner_dist.ranks.watchdog import Watchdog
from ner_dist.run import checkpoint, run_directory
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.progress import Progress
from ner_dist.run.recorder import Recorder
from ner_dist.run.run_place import RunPlace
from ner_dist.run.run_writer import RunWriter
from ner_dist.run.saver import Saver, newest_sound
from ner_dist.run.trackers.reporting import Trackers
from ner_dist.run.trackers.table import require_packages
from ner_dist.training.begin_from import read_origin, record_origin
from ner_dist.training.dev_loss import LossTally
from ner_dist.training.elastic import Kept, in_generations, require_best
from ner_dist.training.epoch_windows import epoch_windows
from ner_dist.training.objective import class_weights
from ner_dist.training.optimizer import learning_rate
from ner_dist.training.result import write_result
from ner_dist.training.startup import new_learner, new_word_dropout, open_scored_texts, open_shards, shards_here
from ner_dist.training.training_run import Run, note
from ner_dist.training.word_exchange import exchange_word_ids

log = logging.getLogger("ner_dist")


def train(config: Config, job: str, comm: Comm, show_progress: bool | None = None) -> dict[str, Any] | None:
    """Train as configured; every rank of the job calls this. Rank 0 returns what it wrote to result.json.

    job: a name for the run, if config.run gives none. Raises UserError for what the user can correct, and Stopped,
    with everything saved, if a signal asked for the end.
    """

    def train_kept(kept: Kept) -> dict[str, Any] | None:
        # From the first exchange on, because a rank may be stopped at any moment.
        with Watchdog(comm, config.train.hang_seconds) as watchdog:
            return _train(config, job, comm, kept, watchdog, show_progress)

    return in_generations(comm, config.train.grace_seconds, train_kept)


def _train(
    config: Config, job: str, comm: Comm, kept: Kept, watchdog: Watchdog, show_progress: bool | None
) -> dict[str, Any] | None:
    """The whole of it, with these ranks: from the start, the last checkpoint, or where the ranks before have stood."""
    config.run = config.run or comm.broadcast(run_directory.fresh_name(job))
    place = RunPlace(config.run)
    path = place.path
    trackers = Trackers(config.train.track, path)
    if config.train.track:
        on_rank_0(comm, lambda: require_packages(config.train.track))
    here = shards_here(config, comm, kept)
    index, readers = open_shards(here, comm)
    require_agreement(comm, start_facts(knobs.flat(config), index.fingerprint(), run_directory.versions()), SAME_START)
    texts = open_scored_texts(here, index, readers, comm)
    vocab = on_rank_0(comm, lambda: vocab_files(here.data.shards, index))
    writer = _one_writer(place, config, comm, kept)
    is_carried_on = kept.is_carried_on(comm)
    saved = None if is_carried_on else on_rank_0(comm, lambda: _saved_run(config, index, path))
    origin = None if is_carried_on or saved is not None else read_origin(here, index, comm)
    learner = new_learner(here, index, comm, kept.learner, origin)
    word_dropout = new_word_dropout(here, index, comm)
    # Everything that can be wrong with the job has been checked; from here on the run leaves files behind.
    on_rank_0(comm, lambda: run_directory.create(path, config, kept.is_changed))
    if used_inputs.uses_vectors(config.model, index):
        on_rank_0(comm, lambda: checkpoint.link_vectors(Path(here.data.shards), path / "checkpoints"))
    log_path = path / f"rank-{comm.rank}.log"
    log_to(log_path)
    if origin is not None:
        on_rank_0(comm, lambda: record_origin(path, origin))
    log.info(
        "rank %d of %d: process %d on %s, OMP_NUM_THREADS %s, device %s",
        *(comm.rank, comm.num_ranks, os.getpid(), platform.node(), os.environ["OMP_NUM_THREADS"]),
        learner.context,
    )
    if unused := used_inputs.unused_features(config.model, index):
        log.info("the shards also have the token features %s, which --model.features leaves out", ", ".join(unused))
    progress = Progress()
    if is_carried_on:
        progress = kept.share(comm, learner)
        on_rank_0(comm, lambda: require_best(path, config.train.keep, progress))
    elif saved is not None:
        checkpoint.require_continuable(saved, learner.state(), path)
        learner.set_state(saved.arrays)
        progress = dataclasses.replace(saved.progress)
        log.info("continuing after %d steps, in epoch %d", progress.total_steps, progress.epoch + 1)
    kept.begin(learner, progress)
    with _writers(config, path, vocab, writer, progress, comm, kept) as (recorder, saver):
        if config.train.track:
            on_rank_0(comm, lambda: trackers.begin(knobs.flat(config)))
        graceful = stop_signals.gracefully(config.train.grace_seconds)
        with trackers, watchdog.demanding_progress(log_path), graceful:
            parts = (config, place, comm, index, readers, texts, word_dropout, learner, recorder, saver, writer)
            run = Run(*parts, trackers, watchdog, SlowRanks(comm), kept, show_progress)
            run.require_same_state(progress, progress.total_steps)
            while progress.epoch < config.train.epochs and not _out_of_patience(config, progress):
                _train_epoch(run, progress)
                _finish_epoch(run, progress)
            return write_result(run, progress)


def _one_writer(place: RunPlace, config: Config, comm: Comm, kept: Kept) -> RunWriter:
    """The right to write the run, which rank 0 holds. Raises JobError on every rank if another job has it."""
    kept.writer = writer = kept.writer or RunWriter(place, note)
    on_rank_0(comm, lambda: writer.acquire(config.train.resume, kept.is_changed))
    return writer


@contextlib.contextmanager
def _writers(
    config: Config, path: Path, vocab: dict[str, bytes], writer: RunWriter, progress: Progress, comm: Comm, kept: Kept
) -> Iterator[tuple[Recorder | None, Saver | None]]:
    """What rank 0 writes the run's files with; None on the other ranks."""
    if comm.rank != 0:
        yield None, None
        return
    often = (config.train.earlier_checkpoints, config.train.checkpoint_steps, config.train.checkpoint_minutes)
    recorder = Recorder(path, progress.total_steps, note, progress.epoch)
    saver = Saver(path / "checkpoints", vocab, writer.lock, *often, writer.publish)
    kept.complete(recorder)
    try:
        yield recorder, saver
    except Exception:
        # What has begun is finished, before the process ends or another rank 0 writes to the same files.
        saver.settle()
        recorder.close()
        raise


def _saved_run(config: Config, index: Index, path: Path) -> Checkpoint | None:
    """The checkpoint to continue from, or None for a new run."""
    found = newest_sound(path / "checkpoints") if config.train.resume else None
    if found is None:
        return None
    saved, place, damaged = found
    for error in damaged:
        note(f"{error}; continuing from {place} instead")
    checkpoint.require_same_data(saved, index, config.data.shards, place)
    checkpoint.require_same_knobs(saved, config, place)
    return saved


def _train_epoch(run: Run, progress: Progress) -> None:
    """The remaining steps of the epoch that progress stands in."""
    config, comm, learner, epoch = run.config, run.comm, run.learner, progress.epoch
    rows_SB, chapters = train_rows(config, run.index), train_chapters(config, run.index)
    num_steps = steps_per_epoch(rows_SB, config.train.batch_sentences, chapters)
    reader = run.readers[config.data.train_on]
    with _progress_bar(run, progress, num_steps) as bar:
        run.slow_ranks.begin()
        began_s = time.perf_counter()
        for window in epoch_windows(config, run.index, reader, run.word_dropout, comm, epoch, progress.step):
            # Every rank takes part in both collectives: this one once a window, the sum of gradients in each step.
            global_steps = exchange_word_ids(comm, [batch for _, batch in window])
            for (step, batch), global_step in zip(window, global_steps):
                rate = learning_rate(config, epoch, step.step_id, num_steps, progress.reductions)
                result = learner.step(batch, global_step, epoch, step.step_id, rate, run.vote(progress))
                progress.add_step(result.loss, *global_step[1:])
                seconds = time.perf_counter() - began_s
                progress.trained_seconds += seconds
                run.slow_ranks.add(seconds)
                bar.update()
                run.watchdog.beat(progress.total_steps)
                if progress.total_steps % config.train.log_steps == 0:
                    bar.set_postfix(loss=f"{progress.mean_loss:.3f}")
                    run.record("steps", progress, {"gradient_norm": result.gradient_norm, "learning_rate": rate})
                run.kept.remember(progress)
                run.end_if_voted(result.votes, progress)
                run.compare_ranks(progress)
                # The end of the epoch saves anyway, after scoring.
                if progress.step < num_steps and run.saver is not None and run.saver.is_due(progress.total_steps):
                    run.save(progress)
                began_s = time.perf_counter()


def _progress_bar(run: Run, progress: Progress, num_steps: int) -> Any:
    shown = run.show_progress if run.comm.rank == 0 else False
    return tqdm(
        desc=f"epoch {progress.epoch + 1}/{run.config.train.epochs}",
        total=num_steps,
        initial=progress.step,
        unit="step",
        leave=False,
        disable=None if shown is None else not shown,
    )


def _finish_epoch(run: Run, progress: Progress) -> None:
    """Score dev, decide what is best, save, and move progress to the next epoch."""
    began_s = time.perf_counter()
    losses = LossTally(run.config.loss, class_weights(run.config.loss, run.index))
    dev = run.score("dev", over_characters=False, observe=losses.add)
    # Rank 0 decides, so that no rank can come to another conclusion.
    f1, loss = run.comm.broadcast((dev["entity"]["f1"], losses.mean(run.comm)))
    better = progress.add_score(f1, loss, run.config.optimizer.plateau_epochs)
    values = {
        "dev_precision": dev["entity"]["precision"],
        "dev_recall": dev["entity"]["recall"],
        "dev_f1": f1,
        # What is not finite is no number in JSON.
        **({"dev_loss": loss} if math.isfinite(loss) else {}),
        "dev_token_f1": dev["token"]["f1"],
        "scoring_seconds": time.perf_counter() - began_s,
    }
    run.record("epoch", progress, values)
    run.print(
        f"epoch {progress.epoch + 1}/{run.config.train.epochs}  loss {progress.mean_loss:.4f}"
        f"  dev F1 {100 * f1:.2f}{' *' if better else ''}  {progress.tokens_per_second:,.0f} tokens/s"
    )
    progress.begin_next_epoch()
    run.save(progress, best=better or run.config.train.keep == "last")
    run.await_saved()
    run.kept.remember(progress)


def _out_of_patience(config: Config, progress: Progress) -> bool:
    return 0 < config.train.patience <= progress.epochs_since_best
