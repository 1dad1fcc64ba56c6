"""The course of training on one rank: open, continue or begin, epochs of steps, score, save, and the final result."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from launch.environment import choose_device
from ner_dist import checkpoint, model, run_directory
from ner_dist.checkpoint import Progress
from ner_dist.comm import Horovod, Solo, on_every_rank, on_rank_0
from ner_dist.config import Config
from ner_dist.entry import log_to
from ner_dist.errors import UserError
from ner_dist.loss_weights import class_weights
from ner_dist.plan import Step, epoch_steps, owned_shards, steps_per_epoch
from ner_dist.reader import Batch, Sentences
from ner_dist.score import scores
from ner_dist.scoring import score_split
from ner_dist.shard_format import Index, read_index
from ner_dist.step import Learner, Shared, StepResult
from ner_dist.watchdog import Watchdog
from ner_dist.word_table import initial_words

# Steps whose words the ranks announce to each other in one exchange.
_STEPS_AHEAD = 16

log = logging.getLogger("ner_dist")


@dataclasses.dataclass(frozen=True)
class Run:
    """What stays the same while a run trains."""

    config: Config
    path: Path
    comm: Solo | Horovod
    index: Index
    splits: dict[str, Sentences]
    learner: Learner
    recorder: run_directory.Recorder | None
    watchdog: Watchdog


def train(config: Config, job: str, comm: Solo | Horovod) -> None:
    """Train as configured; every rank of the job calls this. Raises UserError for what the user can mend."""
    config.run = config.run or comm.broadcast(run_directory.fresh_name(job))
    path = Path(config.run)
    index, splits = on_every_rank(comm, lambda: _open_shards(config, comm))
    saved = on_rank_0(comm, lambda: _saved_run(config, index, path))
    on_rank_0(comm, lambda: run_directory.create(path, config))
    log_to(path / f"rank-{comm.rank}.log")

    tagger = on_every_rank(comm, lambda: model.build(config.model, index, choose_device(config.train.device)))
    model.set_parameters(tagger, model.initial_parameters(tagger, config.model, config.train.seed))
    words_VD = initial_words(index.vocab["word"].num_values, config.model.word_units, config.train.seed)
    learner = Learner(tagger, words_VD, config, class_weights(config.loss, index), comm)
    progress = Progress()
    if saved is not None:
        learner.set_state(saved.arrays)
        progress = saved.progress
        log.info("continuing after %d steps, in epoch %d", progress.total_steps, progress.epoch + 1)
    recorder = run_directory.Recorder(path, progress.total_steps) if comm.rank == 0 else None
    with Watchdog(comm, config.train.hang_seconds, path / f"rank-{comm.rank}.log") as watchdog:
        run = Run(config, path, comm, index, splits, learner, recorder, watchdog)
        while progress.epoch < config.train.epochs and not _out_of_patience(config, progress):
            _train_epoch(run, progress)
            _finish_epoch(run, progress)
        _write_result(run, progress)


def _open_shards(config: Config, comm: Solo | Horovod) -> tuple[Index, dict[str, Sentences]]:
    index = read_index(config.data.shards)
    for split in ("train", "dev"):
        if split not in index.splits:
            raise UserError(f"{config.data.shards}: has no {split} split, which training needs; rebuild the shards")
    padding = config.model.char_width // 2
    splits = {}
    for split, shards in index.splits.items():
        owned = owned_shards(len(shards), comm.num_ranks, comm.rank)
        splits[split] = Sentences(config.data.shards, index, split, owned, padding)
    return index, splits


def _saved_run(config: Config, index: Index, path: Path) -> checkpoint.Checkpoint | None:
    """The checkpoint to continue from, or None for a new run."""
    place = path / "checkpoints" / "last"
    if not config.train.resume or not checkpoint.exists(place):
        return None
    saved = checkpoint.load(place)
    checkpoint.require_same_data(saved, index, Path(config.data.shards), place)
    checkpoint.require_same_knobs(saved, config, place)
    return saved


def _rows(run: Run) -> np.ndarray:
    return np.array([shard.rows for shard in run.index.splits["train"]], np.int64)


def _train_epoch(run: Run, progress: Progress) -> None:
    """The remaining steps of the epoch that progress stands in."""
    train, rows_SB = run.config.train, _rows(run)
    steps = epoch_steps(
        rows_SB, train.batch_sentences, train.seed, progress.epoch, run.comm.num_ranks, run.comm.rank, progress.step
    )
    num_steps = steps_per_epoch(rows_SB, train.batch_sentences)
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
    for step, batch, shared in _announced(run, steps):
        result = run.learner.step(batch, shared, progress.epoch, step.step_id)
        _add(progress, result, time.perf_counter() - began_s)
        bar.update()
        run.watchdog.beat()
        if progress.total_steps % train.log_steps == 0:
            bar.set_postfix(loss=f"{progress.loss / progress.num_sentences:.3f}")
            _record(run, "steps", progress, {"gradient_norm": result.gradient_norm})
        # The end of the epoch saves one anyway, after scoring.
        if train.checkpoint_steps and progress.total_steps % train.checkpoint_steps == 0 and progress.step < num_steps:
            _save(run, progress, "last")
        began_s = time.perf_counter()
    bar.close()


def _announced(run: Run, steps: Iterator[Step]) -> Iterator[tuple[Step, Batch | None, Shared]]:
    """Steps with this rank's batch and what the ranks have told each other of it, some steps ahead."""
    while ahead := list(itertools.islice(steps, _STEPS_AHEAD)):
        batches = [run.splits["train"].step_batch(step) for step in ahead]
        yield from zip(ahead, batches, run.learner.announce(batches))


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
    if better:
        progress.best_f1, progress.best_epoch, progress.epochs_since_best = f1, progress.epoch, 0
    else:
        progress.epochs_since_best += 1
    values = {
        "dev_precision": dev["entity"]["precision"],
        "dev_recall": dev["entity"]["recall"],
        "dev_f1": f1,
        "dev_token_f1": dev["token"]["f1"],
        "scoring_seconds": time.perf_counter() - began_s,
    }
    _record(run, "epoch", progress, values)
    if run.comm.rank == 0:
        mean = progress.loss / progress.num_sentences
        print(
            f"epoch {progress.epoch + 1}/{run.config.train.epochs}  loss {mean:.4f}  dev F1 {100 * f1:.2f}"
            f"{' *' if better else ''}  {progress.trained_tokens / progress.trained_seconds:,.0f} tokens/s",
            flush=True,
        )
    progress.epoch += 1
    progress.step = progress.num_sentences = progress.num_tokens = progress.num_slots = 0
    progress.loss = 0.0
    if better:
        _save(run, progress, "best")
    _save(run, progress, "last")


def _score(run: Run, split: str) -> dict[str, Any]:
    counts = score_split(
        run.learner.tagger,
        run.learner.words.weight_VD,
        run.splits[split],
        run.config,
        len(run.index.entity_types),
        run.comm,
        lambda batch, predicted_TB: run.watchdog.beat(),
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


def _save(run: Run, progress: Progress, name: str) -> None:
    place = run.path / "checkpoints" / name
    shards = Path(run.config.data.shards)
    on_rank_0(run.comm, lambda: checkpoint.save(place, run.learner.state(), progress, run.config, shards))
    run.watchdog.beat()


def _out_of_patience(config: Config, progress: Progress) -> bool:
    return 0 < config.train.patience <= progress.epochs_since_best


def _write_result(run: Run, progress: Progress) -> None:
    """Score the best checkpoint on dev and test; write result.json and say where it is."""
    best = on_rank_0(run.comm, lambda: checkpoint.load(run.path / "checkpoints" / "best"))
    model.set_parameters(run.learner.tagger, best.parameters())
    run.learner.words.weight_VD[:] = best.arrays["words"]
    result: dict[str, Any] = {split: _score(run, split) for split in ("dev", "test") if split in run.splits}
    if run.recorder is None:
        return
    run.recorder.close()
    run_directory.write_result(
        run.path,
        {
            **result,
            "tokens_per_second": progress.trained_tokens / progress.trained_seconds,
            "num_ranks": run.comm.num_ranks,
            "steps": progress.total_steps,
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch + 1,
            "seed": run.config.train.seed,
            "shards": run.index.fingerprint(),
            "versions": run_directory.versions(),
        },
    )
    shown = "  ".join(f"{split} entity F1 {100 * part['entity']['f1']:.2f}" for split, part in result.items())
    print(f"{shown}  run {run.path}", flush=True)
