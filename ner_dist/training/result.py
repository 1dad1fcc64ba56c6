"""The end of a run: the kept parameters are scored, result.json is written, and the terminal hears what came out."""

from __future__ import annotations

import dataclasses
from typing import Any

from ner_dist.ranks.comm import on_rank_0
from ner_dist.run import begun_from, checkpoint, run_directory
from ner_dist.run.begun_from import BegunFrom
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.code_commit import code_commit
from ner_dist.run.progress import Progress
from ner_dist.run.saver import BEST
from ner_dist.training.training_run import Run, note

PATIENCE, EPOCHS = "patience", "epochs"


def write_result(run: Run, progress: Progress) -> dict[str, Any] | None:
    """Score the kept checkpoint on dev and test; write result.json, and print what is in it and where it is.

    Every rank must call it; rank 0 returns the result.
    """

    def read() -> tuple[Checkpoint, BegunFrom | None]:
        if run.saver is not None:
            run.saver.wait()
        return checkpoint.load(run.path / "checkpoints" / BEST), begun_from.read(run.path)

    kept, origin = on_rank_0(run.comm, read)
    run.kept.finish()
    run.learner.set_scored(kept.parameters(), kept.words())
    scores: dict[str, Any] = {split: run.score(split, over_characters=True) for split in run.texts}
    result = _write(run, progress, kept, origin, scores) if run.recorder is not None else None
    run.publish()
    if result is not None:
        _print(run, progress, kept, result, scores)
    return result


def _write(
    run: Run, progress: Progress, kept: Checkpoint, origin: BegunFrom | None, scores: dict[str, Any]
) -> dict[str, Any]:
    assert run.recorder is not None
    run.recorder.close()
    which = run.config.train.keep
    has_stopped = progress.epoch < run.config.train.epochs
    result = {
        **scores,
        "tokens_per_second": progress.tokens_per_second,
        "num_ranks": run.comm.num_ranks,
        "steps": progress.total_steps,
        "epochs": progress.epoch,
        "best_epoch": kept.progress.epoch,
        "stopped": PATIENCE if has_stopped else EPOCHS,
        "warnings": _warnings(scores["dev"]["entity"], kept.progress.epoch, which, progress),
        "seed": run.config.train.seed,
        "shards": run.index.fingerprint(),
        "versions": {**run_directory.versions(), "commit": code_commit() or "unknown"},
    }
    if origin is not None:
        result["begun_from"] = dataclasses.asdict(origin)
    run_directory.write_result(run.path, result)
    run.trackers.result(result, progress.total_steps)
    return result


def _print(run: Run, progress: Progress, kept: Checkpoint, result: dict[str, Any], scores: dict[str, Any]) -> None:
    if result["stopped"] == PATIENCE:
        run.print(_stop(progress))
    for sentence in result["warnings"]:
        note(sentence)
    shown = "  ".join(_shown(split, part) for split, part in scores.items())
    run.print(f"{shown}  {run.config.train.keep} epoch {kept.progress.epoch}  run {run.place.named}")


def _stop(progress: Progress) -> str:
    """Why a run has ended before its last epoch."""
    epochs = progress.epochs_since_best
    were_no_better = "epoch was no better" if epochs == 1 else f"{epochs} epochs were no better"
    return (
        f"stopped after epoch {progress.epoch} by train.patience: the last {were_no_better}; the best is epoch "
        f"{progress.best_epoch + 1}, dev F1 {100 * progress.best_f1:.2f}"
    )


def _warnings(dev: dict[str, Any], epoch: int, which: str, progress: Progress) -> list[str]:
    """What is wrong with a result, as sentences. dev: the entity scores of the kept epoch, the best or last one."""
    if dev["f1"]:
        return []
    if not dev["gold"]:
        return [
            "the dev split has no entities, so its F1 is 0 and says nothing about the model; use a dev file with "
            "entities, or another --split of the corpus"
        ]
    predicted = f"{dev['predicted']:,} predicted, all wrong" if dev["predicted"] else "it predicts none"
    return [
        f"dev F1 is 0: the model of epoch {epoch}, the {which} of {progress.epoch}, finds none of the {dev['gold']:,} "
        f"entities of dev ({predicted}); train for more epochs or with another learning "
        "rate, and look at the data with `python -m data_prep inspect`"
    ]


def _shown(split: str, scores: dict[str, Any]) -> str:
    characters = scores.get("characters")
    over_characters = "" if characters is None else f" ({100 * characters['f1']:.2f} over characters)"
    return f"{split} entity F1 {100 * scores['entity']['f1']:.2f}{over_characters}"
