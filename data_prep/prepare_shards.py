"""Preparation as one call from Python, with progress bars; the command `build` is the same from the shell."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Union

from data_prep.engines.choose_engine import EngineChoice
from data_prep.formats.find_sources import expand_splits
from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings, SettingsError
from data_prep.sources.source_files import SourceFile, Sources
from data_prep.sources.stored_files import stored_bytes
from ner_dist.contract.like_model import Like, find_like
from ner_dist.contract.shard_format import Index
from ner_dist.foreign.local_paths import local_path

# One or several.
Names = Union[str, "os.PathLike[str]", Iterable[Union[str, "os.PathLike[str]"]]]


@contextmanager
def progress_bar(
    total: int | None, unit: str, what: str, shown: bool | None = None
) -> Iterator[Callable[[int], object]]:
    """A progress bar on stderr, or a widget in a notebook; yields the function that advances it.

    shown: by default, whether stderr is a terminal.
    """
    if not (sys.stderr.isatty() if shown is None else shown):
        yield lambda advance: None
        return
    # Imported only where it is shown: it would be a fifth of the start.
    from tqdm.auto import tqdm

    with tqdm(total=total, unit=unit, unit_scale=True, desc=what, leave=False, file=sys.stderr) as bar:
        yield bar.update


def num_bytes(sources: Sources, settings: Settings) -> int:
    """Total size of the files that preparation reads with progress."""
    files = [*(file for _, file in sources), *(SourceFile(Path(name)) for name in settings.vectors)]
    return sum(map(stored_bytes, files))


def build_with_bars(
    sources: Sources,
    settings: Settings,
    out: Path,
    problems: Problems,
    shown: bool | None = None,
    like: Like | None = None,
    engine: EngineChoice | None = None,
) -> Index:
    """As passes.build.build, with progress bars."""
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
        out: the shard directory.
        progress: whether to show progress bars.
        like: the directory of a run, checkpoint, export or shard set, whose vocabularies apply; as --like of `build`.
        workers: parts of the corpus that are worked on at the same time, each by a process; as --workers of `build`.
        settings: fields of data_prep.settings.Settings by name; each is also an option of `build --help`.

    Returns:
        The index of the shard set: splits, entity types, vocabularies, statistics.

    Raises:
        ner_dist.errors.UserError: CorpusError lists what is wrong with the corpus, SettingsError names a setting that
            makes no sense, OutputError means that `out` is not a shard set that may be replaced.
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
    for path in (
        out,
        like or "",
        *(name for some in names.values() for name in some),
        *chosen.vectors,
        chosen.lexicon or "",
    ):
        local_path(path)
    engine = EngineChoice(workers=workers)
    engine.check()
    sources = expand_splits(names, chosen.read_options, problems)
    model = None if like is None else find_like(Path(like))
    index = build_with_bars(sources, chosen, Path(out), problems, progress, model, engine)
    if problems.warning_lines:
        warnings.warn("\n".join(problems.warning_lines), stacklevel=2)
    return index
