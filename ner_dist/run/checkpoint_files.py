"""state.json, which says what else a checkpoint consists of, and whether its files are those that were written."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

from ner_dist.contract.shard_format import VECTORS_NAME, Index, ListedFile, file_sha256
from ner_dist.foreign.errors import ForeignFileError
from ner_dist.foreign.json_files import SEAL, checked, loads, read_bytes, seal, verify_seal
from ner_dist.foreign.names import member, shortened
from ner_dist.run.progress import Progress

FORMAT, VERSION = "ner-checkpoint", 1
ARRAYS, CONFIG, INDEX, STATE = "arrays.npz", "config.yaml", "index.json", "state.json"
# Where training stands is counted; a number beyond this is damage, and no sum of such numbers overflows.
_MOST = 1 << 53


@dataclasses.dataclass
class _State:
    progress: Progress
    files: list[ListedFile]


@dataclasses.dataclass
class _OldState:
    """Before format and version were written: arrays.npz alone has a checksum."""

    progress: Progress
    arrays_sha256: str


class StoredState(NamedTuple):
    progress: Progress
    # Size and checksum by name; None for an old checkpoint, where only the checksum of the arrays is known.
    files: dict[str, ListedFile] | None
    arrays_sha256: str


def write_state(directory: Path, progress: Progress, index: Index) -> None:
    """Call it last: it describes all files that are in the directory.

    Vectors are large and the same in every checkpoint, so their checksum is that of the index.
    """
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    files = [_listed(directory, path, index) for path in paths if path.name != STATE]
    record = {"format": FORMAT, "version": VERSION, "progress": dataclasses.asdict(progress)}
    text = seal({**record, "files": [dataclasses.asdict(file) for file in files]})
    (directory / STATE).write_text(text, encoding="utf-8")


def _listed(directory: Path, path: Path, index: Index) -> ListedFile:
    name = path.relative_to(directory).as_posix()
    if name == VECTORS_NAME and index.vectors is not None:
        return ListedFile(name, index.vectors.num_bytes, index.vectors.sha256)
    return ListedFile(name, path.stat().st_size, file_sha256(path))


def read_state(directory: Path) -> StoredState:
    """Raises ForeignFileError if state.json is not one of these, or damaged."""
    path = directory / STATE
    data = read_bytes(path)
    record = loads(data, path)
    if not isinstance(record, dict) or "format" not in record:
        old = checked(record, path, _OldState)
        _check_progress(old.progress, path)
        return StoredState(old.progress, None, old.arrays_sha256)
    if (record["format"], record.get("version")) != (FORMAT, VERSION):
        found = shortened((record["format"], record.get("version")))
        raise ForeignFileError(f"{path}: format and version are {found}, this code reads {FORMAT}, version {VERSION}")
    verify_seal(data, record, path)
    state = checked({n: v for n, v in record.items() if n not in (SEAL, "format", "version")}, path, _State)
    _check_progress(state.progress, path)
    files = {file.path: file for file in state.files}
    if len(files) < len(state.files) or not {ARRAYS, CONFIG, INDEX} <= files.keys():
        raise ForeignFileError(f"{path}: files has one twice, or lacks {ARRAYS}, {CONFIG} or {INDEX}")
    return StoredState(state.progress, files, files[ARRAYS].sha256)


def require_files(directory: Path, state: StoredState) -> None:
    """Raises ForeignFileError unless every listed file has its size and, but for vectors, its checksum.

    That of the vectors is compared when they are read.
    """
    listed = state.files
    if listed is None:
        _require_sum(member(directory, ARRAYS), state.arrays_sha256)
        return
    for name, file in listed.items():
        path = member(directory, name)
        try:
            num_bytes = path.stat().st_size if path.is_file() else None
        except OSError as error:
            raise ForeignFileError(f"{path}: not readable ({error.strerror or error})") from error
        if num_bytes != file.num_bytes:
            found = "is missing" if num_bytes is None else f"has {num_bytes} bytes"
            raise ForeignFileError(f"{path}: {found}, {STATE} says {file.num_bytes} bytes")
        if name != VECTORS_NAME:
            _require_sum(path, file.sha256)


def require_known_files(directory: Path, state: StoredState, index: Index) -> None:
    """Raises ForeignFileError if files are listed that no checkpoint of this index has."""
    known = {ARRAYS, CONFIG, INDEX, *(entry.path for entry in index.vocab.values())}
    known |= {VECTORS_NAME} if index.vectors is not None else set()
    needed, listed = known - {VECTORS_NAME}, known if state.files is None else state.files.keys()
    if odd := sorted((needed - listed) | (listed - known)):
        raise ForeignFileError(f"{directory / STATE}: {shortened(odd)} should not be missing or should not be there")


def _require_sum(path: Path, expected: str) -> None:
    try:
        found = file_sha256(path)
    except OSError as error:
        raise ForeignFileError(f"{path}: not readable ({error.strerror or error})") from error
    if found != expected:
        raise ForeignFileError(f"{path}: checksum {found[:12]}..., {STATE} says {shortened(expected[:12])[1:-1]}...")


def _check_progress(progress: Progress, path: Path) -> None:
    # No dev F1 yet is -1, and so is its epoch; a loss of 0 may be a little less.
    least = {"best_f1": -1, "best_epoch": -1, "loss": -_MOST, "best_loss": -_MOST}
    for name, value in vars(progress).items():
        if value is not None and not least.get(name, 0) <= value < _MOST:
            raise ForeignFileError(f"{path}: progress.{name} is {value}, expected a count or a sum")
