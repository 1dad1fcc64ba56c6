"""Preparation as one call from Python, with progress bars; the command `build` is the same from the shell."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from ner_dist.contract.shard_format import Index


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


def num_bytes(sources: dict[str, Path], settings: Settings) -> int:
    """Total size of the files that preparation reads with progress."""
    paths = [*sources.values(), *map(Path, settings.vectors)]
    return sum(path.stat().st_size for path in paths if path.is_file())


def build_with_bars(
    sources: dict[str, Path], settings: Settings, out: Path, problems: Problems, shown: bool | None = None
) -> Index:
    """As passes.build.build, with progress bars."""
    with (
        progress_bar(num_bytes(sources, settings), "B", "read", shown) as reading,
        progress_bar(None, " tokens", "write", shown) as writing,
    ):
        return build(sources, settings, out, problems, reading, writing)


def prepare_shards(
    train: str | os.PathLike[str],
    out: str | os.PathLike[str],
    dev: str | os.PathLike[str] | None = None,
    test: str | os.PathLike[str] | None = None,
    progress: bool = True,
    **settings: Any,
) -> Index:
    """Build the shard set `out` from a tagged corpus, as `python -m data_prep build` does.

    An older shard set at `out` is replaced once the new one is complete. Without `dev` and `test`, `train` is split.

        index = prepare_shards("corpus.conll", "shards/mine", num_shards=16, min_count=3)
        index.num_tokens("train"), index.entity_types, index.warnings

    Args:
        train, dev, test: corpus files; plain text, .gz or .zip.
        out: the shard directory.
        progress: whether to show progress bars.
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
    given = {"train": train, "dev": dev, "test": test}
    sources = {split: Path(path) for split, path in given.items() if path is not None}
    # index.json and the command line have text.
    if "vectors" in settings:
        given_vectors = settings["vectors"]
        one = isinstance(given_vectors, (str, os.PathLike))
        settings["vectors"] = tuple(map(os.fspath, [given_vectors] if one else given_vectors))
    if settings.get("lexicon") is not None:
        settings["lexicon"] = os.fspath(settings["lexicon"])
    problems = Problems()
    index = build_with_bars(sources, Settings(**settings), Path(out), problems, progress)
    if problems.warning_lines:
        warnings.warn("\n".join(problems.warning_lines), stacklevel=2)
    return index
