"""Train a job on all but one part of its corpus, for each part in turn: python -m bench.cross_validation FILE."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench import command_line, corpus_parts, record, seed_sets
from bench.corpus_parts import Corpus, PartsOptions
from bench.seed_sets import SeedSet, SeedsOptions
from data_prep.suspects.folds import assign_folds
from ner_dist import config as knobs_of
from ner_dist.atomic_file import whole_file
from ner_dist.cli.options import nested, option
from ner_dist.cli.text_table import text_table
from ner_dist.contract.shard_format import read_index
from ner_dist.errors import UserError
from ner_dist.evaluation.f1 import with_counts

_EXAMPLE = "job/default.yaml --folds 5 --parallel 2 -- --data.shards data/mine --train.epochs 20"
_FIRST = ("job", "folds", "seeds.seeds", "seeds.np", "seeds.parallel", "name")
FOLDS = "folds.json"


@dataclasses.dataclass(frozen=True)
class FoldSeeds(SeedsOptions):
    """The folds already are several runs."""

    seeds: int = option(1, least=1)
    """seeds of each fold"""


@dataclasses.dataclass(frozen=True)
class FoldsOptions:
    """Cross-validation: train a job once for each fold of its corpus, and score every sentence by a model without it.

    All splits of the job's shards are dealt to folds anew, by whole documents (by sentences, if there are hardly any
    documents). One fold is test, the next one is dev, which chooses the best epoch, and the others are train, with a
    vocabulary of their own. Complete runs are not trained again, and interrupted ones continue: repeat the command.
    Everything is in runs/folds/NAME: the runs, and folds.json.
    """

    job: Path = option(positional=True, metavar="FILE")
    """the job file, whose data.shards are dealt anew; knobs after -- are added to its own"""
    folds: int = option(5, least=3, most=100)
    """number of folds"""
    name: str = ""
    """name of the folder in runs/folds (default the job's)"""
    parts: PartsOptions = nested(PartsOptions)
    seeds: FoldSeeds = nested(FoldSeeds, only=("np", "hostfile", "parallel", "seeds", "first", "command"))


class Folds(NamedTuple):
    """What is trained, fold by fold."""

    by_document: bool
    sets: list[SeedSet]


def folds(options: FoldsOptions, knobs: list[str]) -> Folds:
    """The folds, with their shards. Raises UserError for a corpus with too little for each."""
    config, job = knobs_of.parse(["--config", str(options.job), *knobs])
    shards, folder = Path(config.data.shards), Path("runs/folds") / (options.name or job)
    index = read_index(shards)
    # Other shards are another corpus, and another number of folds makes others.
    work = folder / f"corpus-{index.fingerprint()[:8]}"
    corpus = corpus_parts.unpack(shards, index, work, options.parts)
    lines = corpus_parts.lines_of(list(corpus.files.values()))
    if len(lines.hash_U) < options.folds:
        units = "documents" if lines.by_document else "sentences"
        raise UserError(f"{shards} has {len(lines.hash_U)} {units}, too few for {options.folds} folds; use fewer")
    fold_L = assign_folds(_ranks(lines.hash_U)[lines.unit_L], options.folds, (0,))
    sets = []
    for fold in range(options.folds):
        name = f"fold-{fold + 1}-of-{options.folds}"
        _build(corpus, fold_L, fold, work / name)
        arguments = [*knobs, "--data.shards", str(work / name)]
        sets.append(seed_sets.seed_set(options.job, arguments, options.seeds.seed_range, folder, name))
    return Folds(lines.by_document, sets)


def _ranks(hash_U: np.ndarray) -> np.ndarray:
    """The place of each unit in the order of the hashes, so that which folds it is in does not depend on the files."""
    return np.argsort(np.argsort(hash_U, kind="stable"), kind="stable")


def _build(corpus: Corpus, fold_L: np.ndarray, fold: int, out: Path) -> None:
    num_folds = int(fold_L.max()) + 1
    is_dev_L, is_test_L = fold_L == (fold + 1) % num_folds, fold_L == fold
    parts = {"train": ~is_dev_L & ~is_test_L, "dev": is_dev_L, "test": is_test_L}
    files = {split: out.with_name(f"{out.name}-{split}.jsonl") for split in parts}
    for split, path in files.items():
        if not path.is_file():
            corpus_parts.write_part(list(corpus.files.values()), parts[split], corpus.features, path)
    corpus_parts.build_part(files, corpus.settings, out)


def summary(found: Folds, command: str) -> dict[str, Any]:
    """What folds.json says; docs/reference/result-format.md describes it."""
    runs = [_run(number, seeds, seed) for number, seeds in enumerate(found.sets, 1) for seed in seeds.seeds]
    pooled = [_pooled([run for run in runs if run["seed"] == seed]) for seed in found.sets[0].seeds]
    scores = [run["test"]["f1"] for run in runs]
    return {
        "job": found.sets[0].job,
        **record.origin(found.sets, command),
        "folds": len(found.sets),
        "by": "document" if found.by_document else "sentence",
        # The knobs of all of them, but for the shards.
        "knobs": seed_sets.without_defaults(found.sets[0].identity),
        "runs": runs,
        "pooled": pooled,
        "mean_f1": statistics.mean(scores),
        "sd_f1": statistics.stdev(scores),
    }


def _run(number: int, seeds: SeedSet, seed: int) -> dict[str, Any]:
    result = seed_sets.read_result(seeds.run(seed))
    entity = result["test"]["entity"]
    counts = ("precision", "recall", "f1", "right", "predicted", "gold")
    return {
        "fold": number,
        "seed": seed,
        "run": str(seeds.run(seed)),
        "sentences": seeds.shards.num_sentences("test"),
        "dev_f1": result["dev"]["entity"]["f1"],
        "test": {
            **{name: entity[name] for name in counts},
            "per_type": {kind: {name: part[name] for name in counts} for kind, part in entity["per_type"].items()},
        },
    }


def _pooled(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The scores of all sentences together, each of them tagged by the model that has not seen it."""
    by_type: dict[str, Counter[str]] = {}
    for run in runs:
        for kind, part in run["test"]["per_type"].items():
            by_type.setdefault(kind, Counter()).update({name: part[name] for name in ("right", "predicted", "gold")})
    totals = [sum(counts[name] for counts in by_type.values()) for name in ("right", "predicted", "gold")]
    per_type = {kind: with_counts(c["right"], c["predicted"], c["gold"]) for kind, c in sorted(by_type.items())}
    return {"seed": runs[0]["seed"], **with_counts(*totals), "per_type": per_type}


def table(found: dict[str, Any]) -> str:
    """For the terminal: each run, all folds together, and each type."""
    rows = [_row(f"fold {run['fold']}, seed {run['seed']}", run["test"], run["dev_f1"]) for run in found["runs"]]
    for part in found["pooled"]:
        rows.append(_row(f"all folds, seed {part['seed']}", part))
        rows += [_row(f"  {kind}", of_type) for kind, of_type in part["per_type"].items()]
    lines = text_table(("", "dev F1", "precision", "recall", "test F1", "gold"), rows)
    return "\n".join([*lines, f"mean of the runs {100 * found['mean_f1']:.2f} ± {100 * found['sd_f1']:.2f}"])


def _row(name: str, scores: dict[str, Any], dev_f1: float | None = None) -> list[str]:
    shown = [f"{100 * scores[score]:.2f}" for score in ("precision", "recall", "f1")]
    return [name, "" if dev_f1 is None else f"{100 * dev_f1:.2f}", *shown, f"{scores['gold']:,}"]


def main(argv: list[str] | None = None) -> None:
    options, knobs, command = command_line.parse(FoldsOptions, "bench.cross_validation", argv, _EXAMPLE, _FIRST)
    with command_line.one_sentence():
        found = folds(options, knobs)
        seed_sets.train(found.sets, options.seeds)
        made = summary(found, options.seeds.command or command)
        path = found.sets[0].folder / FOLDS
        with whole_file(path) as file:
            file.write(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
        print(f"\n{table(made)}\nwritten to {path}", flush=True)


if __name__ == "__main__":
    main()
