"""Runs that reports are made of, and what a reader sees of a page."""

from __future__ import annotations

import html
import logging
import re
from pathlib import Path
from typing import Any, NamedTuple

from corpus_sources import sources_of

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist import config
from ner_dist.ranks.comm import Solo
from ner_dist.reporting.report_options import ReportOptions

SCRIPT = "<script>alert(1)</script>"


class Runs(NamedTuple):
    shards: Path
    # CoNLL files: split -> path.
    corpus: dict[str, Path]
    # Of two seeds.
    one: Path
    two: Path


def two_runs(corpus_of: dict[str, Path], knobs: list[str], folder: Path) -> Runs:
    """Of a corpus in which a name is a script."""
    corpus = {}
    for split, path in corpus_of.items():
        corpus[split] = folder / path.name
        text = path.read_text(encoding="utf-8")
        corpus[split].write_text(re.sub(r"^\S+(.* B-PER)$", rf"{SCRIPT}\1", text, flags=re.M), encoding="utf-8")
    build(sources_of(corpus), Settings(num_shards=3, num_buckets=4), folder / "shards", Problems())
    for seed, name in enumerate(("one", "two"), 1):
        # Without the column of the corpus, which texts lack.
        own = ["--model.features", "[caps]", "--train.seed", str(seed)]
        train(folder / name, folder / "shards", [*knobs, *own])
    return Runs(folder / "shards", corpus, folder / "one", folder / "two")


def train(path: Path, shards: Path, knobs: list[str]) -> None:
    from ner_dist.training.loop import train

    handlers = [*logging.getLogger("ner_dist").handlers]
    knobs = [*knobs, "--optimizer.learning_rate", "0.02", "--train.epochs", "8", "--train.log_steps", "4"]
    settings, job = config.parse(["--data.shards", str(shards), "--run", str(path), *knobs])
    train(settings, job, Solo())
    for handler in {*logging.getLogger("ner_dist").handlers} - {*handlers}:
        logging.getLogger("ner_dist").removeHandler(handler)
        handler.close()


def options(*models: Path, **others: Any) -> ReportOptions:
    return ReportOptions([*models], device="cpu", samples=50, **others)


def words(page: str) -> str:
    """What is to be read, without tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


def curve_record(**changes: Any) -> dict[str, Any]:
    """A curve.json of three parts and two seeds."""
    points = [
        {
            "fraction": fraction,
            "sentences": int(1000 * fraction),
            "tokens": int(9000 * fraction),
            "entities": int(2000 * fraction),
            "seed": seed,
            "run": f"runs/curves/small/{fraction}-{seed}",
            "dev_f1": 0.9 - 0.1 / fraction / 10,
            "test_f1": 0.88 - 0.1 / fraction / 10 + seed / 1000,
        }
        for fraction in (0.25, 0.5, 1.0)
        for seed in (1, 2)
    ]
    twice = {"sentences": 2000, "gain": 0.006, "low": -0.001, "high": 0.013}
    fit = {"a": 0.9, "b": 1.0, "c": 0.5, "twice": twice}
    of_curve = {"job": "small", "split": "test", "fractions": [0.25, 0.5, 1.0], "points": points, "fit": fit}
    origin = {"command": "python -m bench.learning_curve small.yaml", "date": "", "commit": "", "hardware": "a <CPU>"}
    return {**of_curve, **origin, **changes}
