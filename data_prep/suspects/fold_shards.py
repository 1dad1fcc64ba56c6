"""The sentences of the folds -> for each fold a shard set whose dev is the fold and whose train are the others."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import READING_SETTINGS, Settings
from data_prep.sources.source_files import SourceFile
from data_prep.suspects.pool import Pool
from ner_dist.contract import tag_schemes

# Types go by their numbers: no name of a type can be misread.
_TYPE = "t"


def write_folds(folder: Path, pool: Pool, numbers: Sequence[int], fold_N: np.ndarray) -> list[Path]:
    """A JSON-lines file of the sentences of each fold, in their order; the id of a record is a sentence's number."""
    type_ids = {name: type_id for type_id, name in enumerate(pool.entity_types)}
    names = tag_schemes.bilou_tags([f"{_TYPE}{type_id}" for type_id in type_ids.values()])
    paths = [folder / f"fold-{fold}.jsonl" for fold in range(int(fold_N.max()) + 1)]
    for fold, path in enumerate(paths):
        with path.open("w", encoding="utf-8") as file:
            for number in (numbers[n] for n in np.flatnonzero(fold_N == fold)):
                sentence = pool.sentences[number]
                spans = np.array([(start, end, type_ids[kind]) for start, end, kind in sentence.gold], np.int64)
                found = tag_schemes.Spans(*spans.reshape(-1, 3).T)
                tags = [names[tag] for tag in tag_schemes.spans_to_bilou(found, len(sentence.tokens))]
                file.write(json.dumps({"id": str(number), "tokens": sentence.tokens, "tags": tags}) + "\n")
    return paths


def type_of(name: str, pool: Pool) -> str:
    """The entity type that a type of the shards stands for."""
    return pool.entity_types[int(name[len(_TYPE) :])]


def build_fold(paths: Sequence[Path], fold: int, settings: Settings, out: Path) -> None:
    """Write the shard set of a fold with the user's vocabulary, vectors and lexicon."""
    chosen = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if field.name not in READING_SETTINGS
    }
    chosen.update(format="jsonl", scheme="bilou", num_shards=1, vector_words="corpus")
    chosen.update(on_unseen_type="keep", on_long_word="cut")
    sources = [("train", SourceFile(path)) for other, path in enumerate(paths) if other != fold]
    build([*sources, ("dev", SourceFile(paths[fold]))], Settings(**chosen), out, Problems())
