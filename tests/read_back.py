"""Directories with everything that this project reads back, and what reads all of each."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from text_shards import TextRow, write_text_shards

from ner_dist.config import Config, Model
from ner_dist.contract.calibration import Calibration
from ner_dist.contract.shard_format import read_index, read_vocab, read_word_vectors, vocab_files
from ner_dist.data.raw_rows import open_texts
from ner_dist.data.shard_reader import open_split
from ner_dist.model.crf import zero_transition_scores
from ner_dist.model.parameter_shapes import parameter_shapes, word_shape
from ner_dist.prediction import export_format
from ner_dist.prediction.vocabularies import checkpoint_vocabularies
from ner_dist.run import calibration, checkpoint, run_directory, run_records
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.progress import Progress

CALIBRATION = Calibration(1.25, "dev", 0.04, 0.01, 1234)


def _read_shards(place: Path) -> Any:
    index = read_index(place)
    found: list[Any] = [index, *(read_vocab(place, index, name) for name in index.vocab)]
    if index.vectors is not None:
        found.append(read_word_vectors(place, index))
    for split in index.splits:
        reader = open_split(Config(), index, split, place, 1, 0)
        found.append([list(batch) for batch in reader.scoring_batches(500)])
        texts = open_texts(Config(), index, split, place, 1, 0, reader)
        found.append(texts and [texts.recut, *(texts.raw or ())[1:]])
    return found


def _read_checkpoint(place: Path) -> Any:
    saved = checkpoint.load(place / "checkpoints" / "best")
    index = saved.index
    found = [vars(saved), *(read_vocab(place / "checkpoints" / "best", index, name) for name in index.vocab)]
    return [*found, read_word_vectors(place / "checkpoints" / "best", index) if index.vectors else None]


READERS: dict[str, Callable[[Path], Any]] = {
    "shards": _read_shards,
    "texts": _read_shards,
    "run": lambda place: [
        _read_checkpoint(place),
        run_records.read_result(place / "result.json"),
        calibration.read(place / "checkpoints" / "best"),
    ],
    "export": export_format.read,
}


def make_run(place: Path, shards: Path) -> None:
    index = read_index(shards)
    config = Config(model=Model(char_filters=2, lstm_units=1, feature_units=1))
    shapes = parameter_shapes(config, index)
    rng = np.random.default_rng(0)
    arrays = {f"parameter/{name}": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    arrays["words"] = rng.normal(size=word_shape(config, index)).astype(np.float32)
    (place / "checkpoints").mkdir(parents=True)
    checkpoint.link_vectors(shards, place / "checkpoints")
    saved = Checkpoint(arrays, Progress(epoch=1, loss=0.5), config, index)
    checkpoint.save(place / "checkpoints" / "best", saved, vocab_files(shards, index))
    counts = dict.fromkeys(("best_epoch", "epochs", "steps", "num_ranks", "seed"), 3)
    scores = {"entity": {"f1": 0.5}, "token": {"f1": 0.25}}
    facts = {"tokens_per_second": 9.5, "shards": index.fingerprint(), "versions": {"numpy": "1"}}
    run_directory.write_result(place, {"dev": scores, **counts, **facts})
    calibration.write(place / "checkpoints" / "best", CALIBRATION)


def make_export(place: Path, run: Path) -> None:
    place.mkdir()
    saved = checkpoint.load(run / "checkpoints" / "best")
    (place / "model.onnx").write_bytes(bytes(range(256)) * 4)
    vocabularies = checkpoint_vocabularies(run / "checkpoints" / "best", saved.index, saved.config)
    scores = zero_transition_scores(saved.index.num_tags)
    origin = {"run": "a", "epoch": 3, "config": dataclasses.asdict(saved.config)}
    export_format.write(place, vocabularies, scores, origin, calibration=CALIBRATION)


def make_directories(folder: Path, rich_shards: Path) -> dict[str, Path]:
    """A directory for each of READERS."""
    shutil.copytree(rich_shards, folder / "shards")
    rows = [TextRow(i, [1, 2], [0, 4], ["ab", "c"], [0, 3], [(3, 4, 0)], recut=i == 1) for i in range(4)]
    write_text_shards(folder / "texts", rows, rows, 1)
    make_run(folder / "run", rich_shards)
    make_export(folder / "export", folder / "run")
    return {name: folder / name for name in READERS}
