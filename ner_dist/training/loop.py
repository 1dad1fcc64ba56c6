"""The training loop of one rank: begin or continue, epochs of steps, score dev, save checkpoints, final result."""

from __future__ import annotations

import dataclasses
import logging
import os
import platform
import time
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ner_dist import config as knobs
from ner_dist.config import Config
from ner_dist.contract.shard_format import Index, vocab_files
from ner_dist.data import used_inputs
from ner_dist.data.raw_rows import SplitTexts
from ner_dist.data.shard_reader import ShardReader, train_chapters, train_rows
from ner_dist.data.step_plan import steps_per_epoch
from ner_dist.evaluation.characters import character_scores, score_with_characters
from ner_dist.evaluation.f1 import scores
from ner_dist.model.entities import DecodedBatch
from ner_dist.ranks.comm import Comm, on_rank_0
from ner_dist.ranks.rank_process import log_to
from ner_dist.ranks.watchdog import Watchdog
from ner_dist.run import checkpoint, run_directory
from ner_dist.run.progress import Progress
from ner_dist.run.trackers.reporting import Trackers
from ner_dist.run.trackers.table import require_packages
from ner_dist.training.epoch_windows import epoch_windows
from ner_dist.training.optimizer import learning_rate
from ner_dist.training.startup import new_learner, new_word_dropout, open_scored_texts, open_shards
from ner_dist.training.step import Learner
from ner_dist.training.word_dropout import WordDropout
from ner_dist.training.word_exchange import exchange_word_ids

log = logging.getLogger("ner_dist")


@dataclasses.dataclass(frozen=True)
class Run:
    """What stays the same while a run trains."""

    config: Config
    path: Path
    comm: Comm
    index: Index
    vocab_files: dict[str, bytes]
    readers: dict[str, ShardReader]
    # Of dev and test.
    texts: dict[str, SplitTexts | None]
    word_dropout: WordDropout
    learner: Learner
    # Rank 0's alone; None, and without any tracker, on the others.
    recorder: run_directory.Recorder | None
    trackers: Trackers
    watchdog: Watchdog
    # Whether to show progress bars: None, if this is a terminal.
    show_progress: bool | None


def train(config: Config, job: str, comm: Comm, show_progress: bool | None = None) -> dict[str, Any] | None:
    """Train as configured; every rank of the job calls this. Rank 0 returns what it wrote to result.json.

    job: a name for the run, if config.run gives none. Raises UserError for what the user can correct.
    """
    config.run = config.run or comm.broadcast(run_directory.fresh_name(job))
    path = Path(config.run)
    trackers = Trackers(config.train.track, path)
    if config.train.track:
        on_rank_0(comm, lambda: require_packages(config.train.track))
    index, readers = open_shards(config, comm)
    texts = open_scored_texts(config, index, readers, comm)
    vocab = on_rank_0(comm, lambda: vocab_files(config.data.shards, index))
    saved = on_rank_0(comm, lambda: _saved_run(config, index, path))
    learner = new_learner(config, index, comm)
    word_dropout = new_word_dropout(config, index, comm)
    # Everything that can be wrong with the job has been checked; from here on the run leaves files behind.
    on_rank_0(comm, lambda: run_directory.create(path, config))
    if used_inputs.uses_vectors(config.model, index):
        on_rank_0(comm, lambda: checkpoint.link_vectors(Path(config.data.shards), path / "checkpoints"))
    log_to(path / f"rank-{comm.rank}.log")
    log.info(
        "rank %d of %d: process %d on %s, OMP_NUM_THREADS %s, device %s",
        *(comm.rank, comm.num_ranks, os.getpid(), platform.node(), os.environ["OMP_NUM_THREADS"]),
        learner.context,
    )
    if unused := used_inputs.unused_features(config.model, index):
        log.info("the shards also have the token features %s, which --model.features leaves out", ", ".join(unused))
    progress = Progress()
    if saved is not None:
        learner.set_state(saved.arrays)
        progress = saved.progress
        log.info("continuing after %d steps, in epoch %d", progress.total_steps, progress.epoch + 1)
    recorder = run_directory.Recorder(path, progress.total_steps) if comm.rank == 0 else None
    if config.train.track:
        on_rank_0(comm, lambda: trackers.begin(knobs.flat(config)))
    with trackers, Watchdog(comm, config.train.hang_seconds, path / f"rank-{comm.rank}.log") as watchdog:
        parts = (config, path, comm, index, vocab, readers, texts, word_dropout, learner, recorder, trackers, watchdog)
        run = Run(*parts, show_progress)
        while progress.epoch < config.train.epochs and not _out_of_patience(config, progress):
            _train_epoch(run, progress)
            _finish_epoch(run, progress)
        return _write_result(run, progress)


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
    config, comm, learner, epoch = run.config, run.comm, run.learner, progress.epoch
    rows_SB, chapters = train_rows(config, run.index), train_chapters(config, run.index)
    num_steps = steps_per_epoch(rows_SB, config.train.batch_sentences, chapters)
    reader = run.readers[config.data.train_on]
    bar = _progress_bar(run, progress, num_steps)
    began_s = time.perf_counter()
    for window in epoch_windows(config, run.index, reader, run.word_dropout, comm, epoch, progress.step):
        # Every rank takes part in both collectives: this one once a window, the sum of gradients in each step.
        global_steps = exchange_word_ids(comm, [batch for _, batch in window])
        for (step, batch), global_step in zip(window, global_steps):
            rate = learning_rate(config, epoch, step.step_id, num_steps, progress.reductions)
            result = learner.step(batch, global_step, epoch, step.step_id, rate)
            progress.add_step(result.loss, *global_step[1:])
            progress.trained_seconds += time.perf_counter() - began_s
            bar.update()
            run.watchdog.beat()
            if progress.total_steps % config.train.log_steps == 0:
                bar.set_postfix(loss=f"{progress.mean_loss:.3f}")
                _record(run, "steps", progress, {"gradient_norm": result.gradient_norm, "learning_rate": rate})
            # The end of the epoch saves anyway, after scoring.
            if _is_checkpoint_step(config, progress) and progress.step < num_steps:
                _save(run, progress, "last")
            began_s = time.perf_counter()
    bar.close()


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


def _is_checkpoint_step(config: Config, progress: Progress) -> bool:
    return bool(config.train.checkpoint_steps) and progress.total_steps % config.train.checkpoint_steps == 0


def _finish_epoch(run: Run, progress: Progress) -> None:
    """Score dev, decide what is best, save, and move progress to the next epoch."""
    began_s = time.perf_counter()
    dev = _score(run, "dev", over_characters=False)
    # Rank 0 decides, so that no rank can come to another conclusion.
    f1 = run.comm.broadcast(dev["entity"]["f1"])
    better = progress.add_score(f1, run.config.optimizer.plateau_epochs)
    values = {
        "dev_precision": dev["entity"]["precision"],
        "dev_recall": dev["entity"]["recall"],
        "dev_f1": f1,
        "dev_token_f1": dev["token"]["f1"],
        "scoring_seconds": time.perf_counter() - began_s,
    }
    _record(run, "epoch", progress, values)
    line = (
        f"epoch {progress.epoch + 1}/{run.config.train.epochs}  loss {progress.mean_loss:.4f}"
        f"  dev F1 {100 * f1:.2f}{' *' if better else ''}  {progress.tokens_per_second:,.0f} tokens/s"
    )
    _print(run, line)
    progress.begin_next_epoch()
    if better or run.config.train.keep == "last":
        _save(run, progress, "best")
    _save(run, progress, "last")


def _score(run: Run, split: str, over_characters: bool) -> dict[str, Any]:
    """over_characters: also that score, where the shards have texts."""
    num_types, batch_sentences = len(run.index.entity_types), run.config.train.eval_batch_sentences
    texts = run.texts[split] if over_characters else None

    def beat(decoded: DecodedBatch) -> None:
        run.watchdog.beat()

    with run.learner.scored_network() as network:
        part = (run.readers[split].scoring_batches(batch_sentences), texts, num_types, batch_sentences)
        counts, characters = score_with_characters(network, *part, run.comm, beat, beat)
    found = scores(counts, run.index.entity_types)
    if characters is not None:
        found["characters"] = character_scores(characters, run.index, split)
    return found


def _record(run: Run, kind: str, progress: Progress, values: dict[str, Any]) -> None:
    if run.recorder is not None:
        shared = {
            "epoch": progress.epoch + 1,
            "loss": progress.mean_loss,
            "padding": progress.padding,
            "tokens_per_second": progress.tokens_per_second,
        }
        run.recorder.write(kind, progress.total_steps, {**shared, **values})
        run.trackers.log(kind, progress.total_steps, {**shared, **values})


def _print(run: Run, line: str) -> None:
    log.info(line)
    if run.comm.rank == 0:
        print(line, flush=True)


def _save(run: Run, progress: Progress, name: str) -> None:
    def save() -> None:
        saved = checkpoint.Checkpoint(run.learner.state(), progress, run.config, run.index)
        checkpoint.save(run.path / "checkpoints" / name, saved, run.vocab_files)

    on_rank_0(run.comm, save)
    run.watchdog.beat()


def _out_of_patience(config: Config, progress: Progress) -> bool:
    return 0 < config.train.patience <= progress.epochs_since_best


def _write_result(run: Run, progress: Progress) -> dict[str, Any] | None:
    """Score the best checkpoint on dev and test; write result.json and print where it is."""
    best = on_rank_0(run.comm, lambda: checkpoint.load(run.path / "checkpoints" / "best"))
    run.learner.set_scored(best.parameters(), best.words())
    result: dict[str, Any] = {split: _score(run, split, over_characters=True) for split in run.texts}
    if run.recorder is None:
        return None
    run.recorder.close()
    shown = "  ".join(_shown(split, part) for split, part in result.items())
    result.update(
        tokens_per_second=progress.tokens_per_second,
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
    _print(run, f"{shown}  run {run.path}")
    return result


def _shown(split: str, scores: dict[str, Any]) -> str:
    characters = scores.get("characters")
    over_characters = "" if characters is None else f" ({100 * characters['f1']:.2f} over characters)"
    return f"{split} entity F1 {100 * scores['entity']['f1']:.2f}{over_characters}"
