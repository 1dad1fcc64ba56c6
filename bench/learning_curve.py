"""Train a job on growing parts of its data, and say what more would bring: python -m bench.learning_curve FILE."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench import command_line, corpus_parts, curve_page, record, seed_sets
from bench.corpus_parts import Corpus, PartsOptions
from bench.power_law import forecast
from bench.seed_sets import SeedSet, SeedsOptions
from ner_dist import config as knobs_of
from ner_dist.atomic_file import whole_file
from ner_dist.cli.options import nested, option
from ner_dist.cli.text_table import text_table
from ner_dist.contract.shard_format import read_index
from ner_dist.errors import UserError
from ner_dist.reporting.learning_curve import HEADER, read_curve, rows, sentence

_EXAMPLE = "job/conll2003.yaml --fractions 0.25,0.5,0.75,1 --seeds 3 -- --train.epochs 20"
_FIRST = ("job", "fractions", "seeds.seeds", "seeds.np", "seeds.parallel", "name")
CURVE, PAGE = "curve.json", "curve.html"


def _fractions(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


# What argparse calls it in "invalid ... value".
_fractions.__name__ = "list of fractions"


@dataclasses.dataclass(frozen=True)
class CurveOptions:
    """Train a job on parts of its train split and score all of dev and test, to see what more data would bring.

    Parts consist of whole documents (of sentences, if there are hardly any documents), and each part is in the next.
    Each is built anew with a vocabulary of its own. Complete runs are not trained again, and interrupted ones continue:
    repeat the command. Everything is in runs/curves/NAME: the runs, curve.json, and curve.html with the picture.
    """

    job: Path = option(positional=True, metavar="FILE")
    """the job file, whose data.shards are taken apart; knobs after -- are added to its own"""
    fractions: tuple[float, ...] = option(
        (0.25, 0.5, 0.75, 1.0), type=_fractions, nargs=None, metavar="FRACTIONS", names=("--fractions",)
    )
    """parts of train, separated by commas"""
    name: str = ""
    """name of the folder in runs/curves (default the job's)"""
    parts: PartsOptions = nested(PartsOptions)
    seeds: SeedsOptions = nested(SeedsOptions, only=("np", "hostfile", "parallel", "seeds", "first", "command"))


class Part(NamedTuple):
    """A part of train, and the runs on it."""

    fraction: float
    seeds: SeedSet


def parts(options: CurveOptions, knobs: list[str]) -> list[Part]:
    """The parts, with their shards. Raises UserError for what cannot be taken apart."""
    fractions = sorted(set(options.fractions))
    if not fractions or not 0 < fractions[0] <= fractions[-1] <= 1:
        raise UserError(f"--fractions must lie above 0 and be at most 1, not {','.join(map(str, options.fractions))}")
    config, job = knobs_of.parse(["--config", str(options.job), *knobs])
    if config.data.train_on != "train":
        raise UserError("a learning curve needs dev beside what is trained on; use --data.train_on train")
    shards, folder = Path(config.data.shards), Path("runs/curves") / (options.name or job)
    index = read_index(shards)
    # Other shards are another corpus.
    work = folder / f"corpus-{index.fingerprint()[:8]}"
    corpus = corpus_parts.unpack(shards, index, work, options.parts)
    found = []
    for fraction in fractions:
        name = f"part-{100 * fraction:g}"
        place = work / name
        _build(corpus, fraction, place)
        arguments = [*knobs, "--data.shards", str(place)]
        found.append(Part(fraction, seed_sets.seed_set(options.job, arguments, options.seeds.seed_range, folder, name)))
    return found


def _build(corpus: Corpus, fraction: float, out: Path) -> None:
    train, part = corpus.files["train"], out.with_name(f"{out.name}.jsonl")
    if not part.is_file():
        lines = corpus_parts.lines_of([train])
        corpus_parts.write_part([train], corpus_parts.part_of(lines, fraction), corpus.features, part)
    corpus_parts.build_part({**corpus.files, "train": part}, corpus.settings, out)


def curve(found: list[Part], command: str) -> dict[str, Any]:
    """What curve.json says; docs/reference/result-format.md describes it."""
    points = [_point(part, seed) for part in found for seed in part.seeds.seeds]
    split = "test" if all(point["test_f1"] is not None for point in points) else "dev"
    sizes_P = np.array([point["sentences"] for point in points], float)
    law = forecast(sizes_P, np.array([point[f"{split}_f1"] for point in points]))
    fit = None
    if law is not None:
        twice = {"sentences": int(2 * sizes_P.max()), "gain": law.gain, "low": law.low, "high": law.high}
        fit = {"a": law.a, "b": law.b, "c": law.c, "twice": twice}
    return {
        "job": found[0].seeds.job,
        **record.origin([part.seeds for part in found], command),
        "split": split,
        "fractions": [part.fraction for part in found],
        "points": points,
        "fit": fit,
    }


def _point(part: Part, seed: int) -> dict[str, Any]:
    index, run = part.seeds.shards, part.seeds.run(seed)
    result = seed_sets.read_result(run)
    return {
        "fraction": part.fraction,
        "sentences": index.num_sentences("train"),
        "tokens": index.num_tokens("train"),
        "entities": sum(index.stats["train"]["entities"].values()),
        "seed": seed,
        "run": str(run),
        "dev_f1": result["dev"]["entity"]["f1"],
        "test_f1": result["test"]["entity"]["f1"] if part.seeds.scores_test else None,
    }


def main(argv: list[str] | None = None) -> None:
    options, knobs, command = command_line.parse(CurveOptions, "bench.learning_curve", argv, _EXAMPLE, _FIRST)
    with command_line.one_sentence():
        found = parts(options, knobs)
        seed_sets.train([part.seeds for part in found], options.seeds)
        folder = found[0].seeds.folder
        made = curve(found, options.seeds.command or command)
        _write(folder / CURVE, json.dumps(made, indent=1, ensure_ascii=False) + "\n")
        shown = read_curve(folder / CURVE)
        _write(folder / PAGE, curve_page.page(shown))
        lines = [*text_table(HEADER, rows(shown)), "", sentence(shown), f"written to {folder}/{CURVE} and {PAGE}"]
        print("\n" + "\n".join(lines), flush=True)


def _write(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text)


if __name__ == "__main__":
    main()
