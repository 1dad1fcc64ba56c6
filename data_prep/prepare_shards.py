"""Preparation as one call from Python, with progress bars; the command `build` is the same from the shell."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Union

from data_prep.encoders.word_vectors import word_list_names
from data_prep.formats.find_sources import expand_splits
from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.remote.fetch_named import Wish, fetched
from data_prep.remote.outputs import published_directory
from data_prep.settings import Settings, SettingsError
from data_prep.sources.source_files import SourceFile, Sources
from data_prep.sources.stored_files import stored_bytes
from data_prep.staging import check_names
from ner_dist.cli.progress_bar import progress_bar
from ner_dist.contract.export_record import DESCRIPTION_NAME
from ner_dist.contract.like_model import Like, find_like
from ner_dist.contract.shard_format import INDEX_NAME, VECTORS_NAME, Index
from ner_dist.engines.choose_engine import EngineChoice
from ner_dist.stores.addresses import Address, path_or_address
from ner_dist.stores.local_copies import errors_by_address
from ner_dist.stores.models import local_files

# The list of its words is beside a .npy.
_OF_VECTORS = Wish(companions=lambda name: word_list_names(name) if ".npy" in name else [])

# What find_like reads of a set, an export or a checkpoint, and of a run's best one.
_OF_ONE = (INDEX_NAME, DESCRIPTION_NAME, "config.yaml", "vocab/*", VECTORS_NAME)
_OF_LIKE = (*_OF_ONE, *(f"checkpoints/best/{name}" for name in _OF_ONE))

# One or several.
Names = Union[str, "os.PathLike[str]", Iterable[Union[str, "os.PathLike[str]"]]]


def num_bytes(sources: Sources, settings: Settings) -> int:
    """Total size of the files that preparation reads with progress."""
    files = [*(file for _, file in sources), *(SourceFile(Path(name)) for name in settings.vectors)]
    return sum(map(stored_bytes, files))


def with_local_files(settings: Settings, shown: bool | None = None) -> Settings:
    """The settings with copies of the vectors and the lexicon that are in stores. Raises StoreError."""
    vectors = tuple(fetched(name, _OF_VECTORS, shown) for name in settings.vectors)
    lexicon = None if settings.lexicon is None else fetched(settings.lexicon, shown=shown)
    return dataclasses.replace(settings, vectors=vectors, lexicon=lexicon)


def like_at(model: Path | Address) -> Like:
    """What to prepare new data by, also from a store. Raises LikeError, and StoreError."""
    return find_like(local_files(model, _OF_LIKE))


def published_shards(out: Path | Address) -> AbstractContextManager[Path]:
    """The directory to build in: `out`, or one that is published there when the context ends; see published_directory.

    Raises OutputError at once if an address may not be replaced.
    """
    return published_directory(out, INDEX_NAME, check_names)


def build_with_bars(
    sources: Sources,
    settings: Settings,
    out: Path,
    problems: Problems,
    shown: bool | None = None,
    like: Like | None = None,
    engine: EngineChoice | None = None,
) -> Index:
    """As passes.build.build, with progress bars, and with vectors and a lexicon also from stores."""
    settings = with_local_files(settings, shown)
    with (
        progress_bar(num_bytes(sources, settings), "B", "read", shown) as reading,
        progress_bar(None, " tokens", "write", shown) as writing,
    ):
        return build(sources, settings, out, problems, reading, writing, like, engine)


def _listed(names: Names) -> list[str | os.PathLike[str]]:
    return [names] if isinstance(names, (str, os.PathLike)) else list(names)


def prepare_shards(
    train: Names | None,
    out: str | os.PathLike[str],
    dev: Names | None = None,
    test: Names | None = None,
    progress: bool = True,
    like: str | os.PathLike[str] | None = None,
    workers: int = 1,
    **settings: Any,
) -> Index:
    """Build the shard set `out` from a tagged corpus, as `python -m data_prep build` does.

    An older shard set at `out` is replaced once the new one is complete. Without `dev` and `test`, `train` is split.

        index = prepare_shards("corpus.conll", "shards/mine", num_shards=16, min_count=3)
        index.num_tokens("train"), index.entity_types, index.warnings

    Args:
        train, dev, test: the name of a corpus file, folder, pattern or archive, or several; as --train of `build`. With
            `like`, train may be None.
        out: the shard directory. This, the files and the model may also be in an object store, by addresses such as
            s3://bucket/shards; they are text then.
        progress: whether to show progress bars.
        like: the directory of a run, checkpoint, export or shard set, whose vocabularies apply; as --like of `build`.
        workers: parts of the corpus that are worked on at the same time, each by a process; as --workers of `build`.
        settings: fields of data_prep.settings.Settings by name; each is also an option of `build --help`.

    Returns:
        The index of the shard set: splits, entity types, vocabularies, statistics.

    Raises:
        ner_dist.errors.UserError: CorpusError lists what is wrong with the corpus, SettingsError names a setting that
            makes no sense, OutputError means that `out` is not a shard set that may be replaced, StoreError names an
            object in a store that cannot be read or written.
        TypeError: there is no setting of that name.

    What is unusual in the corpus but does not prevent a build is issued as one UserWarning, and counted in
    index.warnings.
    """
    # index.json and the command line have text.
    if "vectors" in settings:
        settings["vectors"] = tuple(map(os.fspath, _listed(settings["vectors"])))
    if settings.get("lexicon") is not None:
        settings["lexicon"] = os.fspath(settings["lexicon"])
    chosen, problems = Settings(**settings), Problems()
    given = {"train": train, "dev": dev, "test": test}
    names = {split: _listed(some) for split, some in given.items() if some is not None}
    if not names or (train is None and like is None):
        raise SettingsError("train is None: name a corpus; only with like=MODEL, dev or test may be alone")
    place, engine = path_or_address(out), EngineChoice(workers=workers)
    engine.check()
    with errors_by_address(), published_shards(place) as directory:
        model = None if like is None else like_at(path_or_address(like))
        sources = expand_splits(names, chosen.read_options, problems, progress)
        index = build_with_bars(sources, chosen, directory, problems, progress, model, engine)
    if problems.warning_lines:
        warnings.warn("\n".join(problems.warning_lines), stacklevel=2)
    return index
