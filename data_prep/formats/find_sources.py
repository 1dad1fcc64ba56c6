"""What the user names -> the files to read: files, folders, patterns, archives and their members, standard input."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Union

from data_prep.formats.corpus_format import ReadOptions
from data_prep.formats.read_corpus import recognise
from data_prep.problems import CorpusError, Problems
from data_prep.remote.fetch_named import Wish, fetched
from data_prep.sources.archives import archive_at
from data_prep.sources.folder_files import files_below
from data_prep.sources.source_files import SourceFile, Sources, printable
from data_prep.sources.split_names import choose_split, is_no_corpus, splits_of
from data_prep.sources.spooled_streams import spooled, spooled_stdin
from data_prep.sources.stored_files import companion_names
from data_prep.sources.text_source import own_names
from ner_dist.contract.shard_format import INDEX_NAME
from ner_dist.stores.addresses import StoreError
from ner_dist.stores.published import POINTER

Name = Union[str, "os.PathLike[str]"]

STDIN = "-"
# A scheme of two letters or more, of which pathlib has made one slash of two; C:/ is a drive.
_SPOILT_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/(?!/)", re.IGNORECASE)
WILD = re.compile(r"[*?[]")
# Such as train-00001-of-00004 and part_2.
_PART = re.compile(r"\d[-_.]of[-_.]\d|(?:^|[-_.])(?:part|shard|chunk|train|dev|valid|validation|test)[-_.]?\d+$", re.I)
# Of a folder's files, those whose format is compared.
MAX_COMPARED = 50
MAX_LISTED = 10


class _Wish(NamedTuple):
    """What decides which files are taken."""

    options: ReadOptions
    problems: Problems
    # Of a folder that holds several splits, the one that is wanted; "" if all are.
    split: str
    # Whether to show how far files are fetched; None: if stderr is a terminal.
    shown: bool | None


def _refuse_shards(folder: str, names: Collection[str]) -> None:
    """names: of files below a folder."""
    if not {INDEX_NAME, POINTER}.isdisjoint(names) and any(name.endswith(".parquet") for name in names):
        raise CorpusError(f"{folder}: a shard set, expected a corpus; `convert` writes one from shards")


# Of a folder in a store, files that are no corpus are named, but not read.
_OF_CORPORA = Wish(lambda name: not is_no_corpus(name), companion_names, _refuse_shards)


def expand_splits(
    names: Mapping[str, Sequence[Name]],
    options: ReadOptions | None = None,
    problems: Problems | None = None,
    shown: bool | None = None,
) -> Sources:
    """The files of each split, in the order in which they are named, and those of a folder or pattern by their names.

    shown: whether to show how far files are fetched from stores, by default if stderr is a terminal. What a folder
    holds beside them is said as a warning. Raises CorpusError if there is no such file, if it cannot be fetched, if one
    is named twice, or if it is not clear which files are meant.
    """
    sources: Sources = []
    splits_by_place: dict[tuple[str, str | None], str] = {}
    for split, given in names.items():
        for file in expand(given, options, problems, split, shown):
            place = (os.path.realpath(file.path), file.member)
            if place in splits_by_place:
                other = splits_by_place[place]
                where = f"twice in {split}" if other == split else f"in {other} and in {split}"
                raise CorpusError(f"{file}: the same file is {where}; each file may be read once")
            splits_by_place[place] = split
            sources.append((split, file))
    return sources


def expand(
    names: Sequence[Name],
    options: ReadOptions | None = None,
    problems: Problems | None = None,
    split: str = "",
    shown: bool | None = None,
) -> list[SourceFile]:
    """The files that these names mean. split: of a folder that holds several splits, the one that is wanted.

    Raises CorpusError as `expand_splits` does.
    """
    wish = _Wish(options or ReadOptions(), problems or Problems(), split, shown)
    files = [file for name in names for file in _named(os.fspath(name), wish)]
    return _without_texts_of_annotations(files)


def _named(name: str, wish: _Wish) -> list[SourceFile]:
    if name == STDIN:
        return _archived(SourceFile(Path(spooled_stdin().name), shown="stdin", caps=wish.options.caps), wish)
    if _SPOILT_ADDRESS.match(name):
        raise CorpusError(f"{name}: an address has two slashes after its scheme; it is text, never a Path")
    try:
        name = fetched(name, _OF_CORPORA, wish.shown)
    except StoreError as error:
        raise CorpusError(str(error)) from error
    path = Path(name)
    if path.is_dir():
        return _of_folder(path, wish)
    if path.exists():
        return _of_file(path, wish)
    archive = next((parent for parent in path.parents if parent.is_file()), None)
    if archive is not None:
        return _members(SourceFile(archive, caps=wish.options.caps), path.relative_to(archive).as_posix(), wish)
    if WILD.search(name):
        return _matching(name, wish)
    raise CorpusError(f"{name}: no such file")


def _of_file(path: Path, wish: _Wish) -> list[SourceFile]:
    if stat.S_ISFIFO(path.stat().st_mode):
        # Sources are read several times.
        with open(path, "rb") as pipe:
            return _archived(SourceFile(Path(spooled(pipe).name), shown=str(path), caps=wish.options.caps), wish)
    return _archived(SourceFile(path, caps=wish.options.caps), wish)


def _of_folder(folder: Path, wish: _Wish) -> list[SourceFile]:
    _refuse_shards(str(folder), {path.name for path in folder.iterdir()})
    files = [SourceFile(path, folder=folder, caps=wish.options.caps) for path in sorted(files_below(folder))]
    return _of_many(str(folder), files, wish)


def _matching(pattern: str, wish: _Wish) -> list[SourceFile]:
    found = [Path(path) for path in sorted(glob.glob(pattern, recursive=True))]
    files = [SourceFile(path, caps=wish.options.caps) for path in found if path.is_file()]
    if not files:
        folders = ", only folders" if found else ""
        raise CorpusError(f"{pattern}: no file has a name like this{folders}")
    return _of_many(pattern, files, wish)


def _of_many(shown: str, files: list[SourceFile], wish: _Wish) -> list[SourceFile]:
    """Of the files in one place those that are a corpus. Raises CorpusError if that is not clear."""
    other = {file for file in files if is_no_corpus(file.name)}
    files = _without_texts_of_annotations([file for file in files if file not in other])
    if other:
        what = f"left out, because by {'its name' if len(other) == 1 else 'their names'} no corpus: "
        wish.problems.warn("other_files_left_out", shown, what + _listed(sorted(other)), len(other))
    if files and files[0].member is None:
        files = choose_split(shown, files, wish.split, wish.problems)
    if not files:
        raise CorpusError(f"{shown}: no corpus file there")
    files = [part for file in files for part in _archived(file, wish)]
    _check_alike(shown, files, wish.options)
    return _as_documents(files)


def _as_documents(files: list[SourceFile]) -> list[SourceFile]:
    """The files with the names of the documents that they are, unless they are parts of one file by their names."""
    if len(files) < 2 or any(map(_PART.search, (file.stem for file in files))):
        return files
    stems = {file.stem for file in files}
    names = [file.stem if len(stems) == len(files) else printable(file.member or file.name) for file in files]
    return [file._replace(document=name) for file, name in zip(files, names)]


def _without_texts_of_annotations(files: list[SourceFile]) -> list[SourceFile]:
    """Without the texts that are read through the annotations beside them, as brat has them: a.txt and a.ann."""
    present = {(file.path, file.member) for file in files}
    return [file for file in files if not _is_text(file) or _annotation(file) not in present]


def _is_text(file: SourceFile) -> bool:
    return (file.member or file.path.name).lower().endswith(".txt")


def _annotation(file: SourceFile) -> tuple[Path, str | None]:
    if file.member is None:
        return file.path.with_suffix(".ann"), None
    return file.path, str(PurePosixPath(file.member).with_suffix(".ann"))


def _archived(file: SourceFile, wish: _Wish) -> list[SourceFile]:
    """The file itself, or all files of an archive of several."""
    archive = archive_at(file.path, file.caps) if file.member is None and file.path.is_file() else None
    return [file] if archive is None or len(own_names(archive)) == 1 else _members(file, "*", wish)


def _members(file: SourceFile, pattern: str, wish: _Wish) -> list[SourceFile]:
    """The files of an archive: one by its name, or all in a folder or like a pattern."""
    archive = archive_at(file.path, file.caps)
    if archive is None:
        raise CorpusError(f"{file}/{pattern}: {file} is neither a folder nor an archive")
    if pattern in archive.names:
        return [file._replace(member=pattern)]
    names = [
        name
        for name in own_names(archive)
        if (fnmatchcase(name, pattern) or name.startswith(f"{pattern}/"))
        and not any(part.startswith(".") for part in PurePosixPath(name).parts)
    ]
    files = [file._replace(member=name) for name in sorted(names)]
    if not files:
        listed = _listed([file._replace(member=name) for name in own_names(archive)])
        raise CorpusError(f"{file}: no file {pattern} in the archive; it holds {listed or 'none'}")
    splits = splits_of(files)
    if len(splits) > 1:
        split = min((split for split in splits if split), key=["train", "dev", "test"].index)
        raise CorpusError(
            f"{file}: the archive holds files of several splits: {_listed(files)}; name one for each split, "
            f"for example --{split} {splits[split][0]}"
        )
    return _of_many(str(file), files, wish) if len(files) > 1 else files


def _listed(files: Sequence[SourceFile]) -> str:
    names = [printable(file.member or file.name) for file in files[:MAX_LISTED]]
    more = f" and {len(files) - MAX_LISTED} more" if len(files) > MAX_LISTED else ""
    return ", ".join(names) + more


def _check_alike(shown: str, files: list[SourceFile], options: ReadOptions) -> None:
    """Raise CorpusError unless the files have a format, and the same one: a corpus may lie there in two."""
    if len(files) == 1 or options.format != "auto":
        return
    by_format: dict[str, list[SourceFile]] = {}
    for file in files[:MAX_COMPARED]:
        try:
            by_format.setdefault(recognise(file, options).format.name, []).append(file)
        except CorpusError:
            by_format.setdefault("", []).append(file)
    advice = "name the files of the corpus, or a pattern such as 'FOLDER/*.conll'"
    unknown = by_format.pop("", None)
    if unknown and by_format:
        raise CorpusError(f"{shown}: the format of some files cannot be recognised: {_listed(unknown)}; {advice}")
    if len(by_format) > 1:
        found = "; ".join(f"{name}: {_listed(some)}" for name, some in by_format.items())
        raise CorpusError(f"{shown}: files of several formats ({found}); {advice}, or pass --format")
