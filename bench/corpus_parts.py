"""A shard set -> its corpus again -> parts of it, by whole documents -> a shard set of each, with its own vocabulary.

A vocabulary that is fitted to all of train knows the words of what a part leaves out, so parts are built anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np

from data_prep.passes.convert import Target, convert
from data_prep.passes.splits import MIN_DOCUMENTS
from data_prep.prepare_shards import prepare_shards
from data_prep.problems import Problems
from data_prep.settings import DIRT, READING_SETTINGS, Settings
from ner_dist.atomic_file import whole_file
from ner_dist.cli.options import option
from ner_dist.contract.shard_format import INDEX_NAME, Index
from ner_dist.contract.spelling import TOKEN_FEATURES
from ner_dist.errors import UserError

# How texts are cut, which the shards of a part repeat; they are written as texts.
_CUTTING = ("tokenizer", "language", "on_misaligned")
_CHOSEN = {"on_unseen_type": "keep", "on_long_word": "cut", "on_long_sentence": "split", "scheme": "bio"}
# What a line of JSON has besides token features.
_OF_RECORDS = {"id", "document", "text", "tokens", "tags", "entities"}


@dataclasses.dataclass(frozen=True)
class PartsOptions:
    """What shard sets do not have within them, and their parts need."""

    vectors: tuple[str, ...] = option((), metavar="FILE")
    """pretrained word vectors of the job's shards, if they have some"""
    lexicon: Optional[str] = option(None, metavar="DIR")
    """folder of entity lists of the job's shards, if they have a lexicon"""


class Corpus(NamedTuple):
    """The corpus of a shard set, as JSON lines."""

    # By split.
    files: dict[str, Path]
    # Of data_prep, by name.
    settings: dict[str, Any]
    # Token features that come with the tokens.
    features: list[str]


class Lines(NamedTuple):
    """The lines of a file; those of a unit stay together. Axes: L lines, U units."""

    unit_L: np.ndarray
    # A hash, by which units are chosen.
    hash_U: np.ndarray
    by_document: bool

    @property
    def size_U(self) -> np.ndarray:
        return np.bincount(self.unit_L, minlength=len(self.hash_U))


def unpack(shards: Path, index: Index, folder: Path, options: PartsOptions) -> Corpus:
    """The corpus of a shard set, written to a folder unless it is there.

    Raises UserError if its vectors or lexicon are not named, or are named although it has none.
    """
    for name, has in (("vectors", index.vectors is not None), ("lexicon", _has_lexicon(index))):
        given = getattr(options, name)
        if has and not given:
            raise UserError(f"{shards} was built with {name}, which its parts need, too; name them: --{name} PATH")
        if given and not has:
            raise UserError(f"{shards} was built without {name}; leave --{name} out")
    files = {}
    folder.mkdir(parents=True, exist_ok=True)
    for split in index.splits:
        files[split] = folder / f"{split}.jsonl"
        if not files[split].is_file():
            target = Target(str(files[split]), "jsonl", None if index.has_text else "bio", as_text=index.has_text)
            convert(shards, target, Settings(), split, Problems())
    given = [f.name for f in index.features if f.name not in TOKEN_FEATURES and not f.name.startswith("lexicon_")]
    there = [_first_record(path) for path in files.values()]
    # A split with values that train lacks does not have the feature any more.
    features = [name for name in given if all(name in record for record in there)]
    return Corpus(files, _settings(index, options, features), features)


def _has_lexicon(index: Index) -> bool:
    return any(feature.name.startswith("lexicon_") for feature in index.features)


def _settings(index: Index, options: PartsOptions, features: Sequence[str]) -> dict[str, Any]:
    fields = dataclasses.fields(Settings)
    # Texts have the dirt of their source.
    names = [f.name for f in fields if f.name not in READING_SETTINGS or f.metadata["group"] == DIRT]
    names += _CUTTING if index.has_text else ()
    chosen = {name: index.settings[name] for name in names if name in index.settings}
    chosen = {name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()}
    chosen.update(_CHOSEN, format="jsonl", pos_column=None, feature=tuple((name, name) for name in features))
    chosen.update(vectors=options.vectors, lexicon=options.lexicon)
    return chosen


def _first_record(path: Path) -> dict[str, Any]:
    return next(_records(path), {})


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def lines_of(paths: Sequence[Path]) -> Lines:
    """The lines of several files: those of a document together or, with too few documents, equal ones."""
    documents, contents = [], []
    for path in paths:
        for record in _records(path):
            name = record.get("document")
            documents.append(None if name is None else f"{path.name} {name}" if name.isdecimal() else str(name))
            contents.append(json.dumps(record.get("tokens", record.get("text"))))
    by_document = len(set(documents) - {None}) >= MIN_DOCUMENTS
    keys = [document if by_document and document else content for document, content in zip(documents, contents)]
    names, unit_L = np.unique(keys, return_inverse=True)
    hash_U = np.array([int(hashlib.sha256(name.encode()).hexdigest()[:15], 16) for name in names.tolist()])
    return Lines(unit_L.ravel(), hash_U, by_document)


def part_of(lines: Lines, fraction: float) -> np.ndarray:
    """Which lines belong to a fraction of them, bool (L,): that of a smaller fraction is part of it."""
    order_U = np.argsort(lines.hash_U, kind="stable")
    ends_U = np.cumsum(lines.size_U[order_U])
    num_units = 1 + int(np.argmin(np.abs(ends_U - fraction * len(lines.unit_L))))
    return np.isin(lines.unit_L, order_U[:num_units])


def write_part(paths: Sequence[Path], kept_L: np.ndarray, features: Sequence[str], out: Path) -> None:
    """Write the chosen lines of the files, one after another, to one."""
    kept = iter(kept_L.tolist())
    with whole_file(out) as file:
        for record in (record for path in paths for record in _records(path)):
            if next(kept):
                names = _OF_RECORDS | set(features)
                text = json.dumps({name: value for name, value in record.items() if name in names}, ensure_ascii=False)
                file.write(text + "\n")


def build_part(files: dict[str, Path], settings: dict[str, Any], out: Path) -> None:
    """The shard set of a part, unless it is there. Raises UserError for what is wrong with it."""
    if (out / INDEX_NAME).is_file():
        return
    with warnings.catch_warnings():
        # What is unusual was said when the shards were built.
        warnings.simplefilter("ignore", UserWarning)
        prepare_shards(out=out, progress=False, **{**files, **settings})
