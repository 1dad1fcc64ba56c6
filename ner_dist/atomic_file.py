"""Files and directories that appear whole or not at all: written beside their place, then renamed into it.

What is unfinished has a name of its process's own, .NAME-HOST-PROCESS-xxxxxxxx.partial, and is on disk before it gets
the final name, so that neither a kill nor a power cut leaves a part of it there. What killed processes have left is
removed by the next that writes to the same place.

A directory takes the place of another one in a single step on Linux. Elsewhere, and on network file systems, the old
one is at .NAME.previous for the moment between two renames; `latest` finds it there.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import io
import os
import re
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from ner_dist.errors import UserError

# What another host has left beside a place is removed after a day without a change.
_OLD_S = 24 * 3600
# Of a name, so that what is added to it still fits.
_NAME_BYTES = 100
# Of Linux's renameat2.
_FROM_HERE, _EXCHANGE = -100, 2
# What this process is writing.
_in_use: set[Path] = set()
# How a rename onto a directory that is not empty ends, by the system.
_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES, errno.EPERM)


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A text file, UTF-8 with line ends as written, that takes its place when the context ends without an error.

    Raises UserError if it cannot be written.
    """
    with whole_binary_file(path) as binary:
        file = io.TextIOWrapper(binary, encoding="utf-8", newline="")
        yield file
        # Not closed here: the file itself has still to be written to disk.
        file.detach()


@contextmanager
def whole_binary_file(path: Path) -> Iterator[BinaryIO]:
    """The same for a file of bytes."""
    # Renaming onto /dev/null would replace the device itself.
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path} is not a regular file, so it cannot be replaced; choose another name")
    with temporary_beside(path) as partial:
        with _failures_named(path):
            raw = _NamedFile(partial, path)
        with io.BufferedWriter(raw) as file:
            yield file
            file.flush()
            with _failures_named(path):
                os.fsync(raw.fileno())
        with _failures_named(path):
            os.replace(partial, path)


class _NamedFile(io.FileIO):
    """A new file to write to, whose failures are reported as those of the file that it becomes."""

    def __init__(self, partial: Path, path: Path) -> None:
        super().__init__(partial, "x")
        self._path = path

    def write(self, data: Any) -> int:
        with _failures_named(self._path):
            return super().write(data)


@contextmanager
def _failures_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} could not be written ({error.strerror or error})") from error


@contextmanager
def whole_directory(place: Path, in_own_folder: bool = False) -> Iterator[Path]:
    """An empty directory to fill that takes the place of whatever directory is at `place`.

    in_own_folder: that the folder around is of this project alone, so that NAME.partial and NAME.previous beside the
    place are what older versions have left. Nothing changes if the context ends with an error. Raises OSError if it
    cannot be written.
    """
    with temporary_beside(place) as partial:
        if in_own_folder:
            _restore(place, _old_previous(place))
            shutil.rmtree(place.with_name(f"{place.name}.partial"), ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        replace(partial, place)


@contextmanager
def temporary_beside(place: Path) -> Iterator[Path]:
    """A free path beside a place, for what is to replace it; whatever is there afterwards is removed.

    What was left there for the same place by processes that are gone is removed first.
    """
    remove_abandoned(place)
    path = place.with_name(f"{_prefix(place)}{_host()}-{_process(os.getpid())}-{secrets.token_hex(4)}.partial")
    _in_use.add(path)
    try:
        yield path
    finally:
        _in_use.discard(path)
        _remove(path)


def replace(built: Path, place: Path) -> None:
    """Put a finished file or directory into its place, where an old one of the same kind stays until then.

    It outlasts a power cut. Raises OSError if it cannot be put there.
    """
    sync_tree(built)
    try:
        os.replace(built, place)
    except OSError as error:
        if error.errno not in _OCCUPIED or not place.is_dir():
            raise
        if not _exchange(built, place):
            _replace_in_two_steps(built, place)
    with contextlib.suppress(OSError):
        _sync(place.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Each gets the other's place at the same moment; False if the system or the file system cannot do so."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    return bool(rename(_FROM_HERE, os.fsencode(one), _FROM_HERE, os.fsencode(other), _EXCHANGE) == 0)


def _replace_in_two_steps(built: Path, place: Path) -> None:
    """An interrupt in between puts the old one back."""
    previous = _previous(place)
    try:
        shutil.rmtree(previous, ignore_errors=True)
        os.replace(place, previous)
        os.replace(built, place)
    except BaseException:
        _restore(place, previous)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def latest(place: Path) -> Path:
    """Where the directory lies that was last completed at `place`; `place` itself if there is none."""
    found = (place, _previous(place), _old_previous(place))
    return next((path for path in found if path.is_dir()), place)


def _previous(place: Path) -> Path:
    return place.with_name(f".{place.name}.previous")


def _old_previous(place: Path) -> Path:
    """Where older versions had the old directory for a moment."""
    return place.with_name(f"{place.name}.previous")


def _restore(place: Path, previous: Path) -> None:
    """Undo the first of two renames if the second was never done; else remove what the first has moved away."""
    if previous.is_dir() and not os.path.lexists(place):
        os.replace(previous, place)
    shutil.rmtree(previous, ignore_errors=True)


def remove_abandoned(place: Path) -> None:
    """Remove what processes that are gone have left beside a place; a directory they had moved away goes back."""
    shape = re.compile(re.escape(_prefix(place)) + r"(?P<host>[^-]+)-(?P<process>[0-9.]+)-[0-9a-f]{8}\.partial")
    with contextlib.suppress(OSError):
        names = [entry.name for entry in os.scandir(place.parent)]
        left = {place.with_name(name): found for name in names if (found := shape.fullmatch(name))}
        in_use = [path for path, found in left.items() if not _is_abandoned(path, found["host"], found["process"])]
        for path in left.keys() - in_use:
            _remove(path)
        # Another process may be between the two renames.
        if not in_use and _previous(place).name in names:
            _restore(place, _previous(place))


def _is_abandoned(path: Path, host: str, process: str) -> bool:
    """Whether the process that made a file or directory is gone; of another host's nothing is known but its age."""
    if host != _host():
        return is_old(path)
    pid = int(process.partition(".")[0])
    if pid == os.getpid():
        return path not in _in_use
    return not _runs(pid) or _process(pid) != process


def is_old(path: Path) -> bool:
    """Whether nothing has changed for a day in what another host's process may still write to."""
    try:
        return max(os.lstat(part).st_mtime for part in (path, *path.rglob("*"))) < time.time() - _OLD_S
    except OSError:
        # It has just been removed, or is none of ours.
        return False


def _runs(pid: int) -> bool:
    if os.name == "nt":
        # There, signal 0 is Ctrl-C.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True


def _process(pid: int) -> str:
    """A process of this host: its number and, as numbers are used again, when it began, in ticks since the boot."""
    try:
        # The program's name before it, in brackets, may hold anything.
        return f"{pid}.{Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return str(pid)


def _prefix(place: Path) -> str:
    return f".{os.fsencode(place.name)[:_NAME_BYTES].decode('utf-8', 'ignore')}-"


def _host() -> str:
    """This host; containers that share its name have process numbers of their own."""
    name = re.sub(r"[^A-Za-z0-9_.]", "_", socket.gethostname())[:64]
    with contextlib.suppress(OSError):
        name += f".{os.stat('/proc/self/ns/pid').st_ino}"
    return name


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def sync_tree(path: Path) -> None:
    """Make a file, or a directory and all that is in it, outlast a power cut."""
    for part in [*path.rglob("*"), path]:
        if not part.is_symlink():
            _sync(part)


def _sync(path: Path) -> None:
    is_directory = path.is_dir()
    if os.name == "nt" and is_directory:
        # Windows opens no directories.
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not know it of directories.
        if not is_directory or error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
