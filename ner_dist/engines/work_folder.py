"""The folder of a build with several workers: it stays when the build is interrupted, and the same command goes on.

It lies beside the place of what is built.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ner_dist import __version__
from ner_dist.atomic_file import replace
from ner_dist.cli.interrupts import terminate_like_interrupt
from ner_dist.engines.executor import EngineError

_NAME_CHARS = 16
# Linux has another one after each start.
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Interrupted(KeyboardInterrupt):
    """An interrupt after which the same command can go on."""

    left_behind = "what is finished is kept for the same command, older files are untouched"


def fingerprint(settings: Mapping[str, Any], files: Iterable[Path], outlasts_restart: bool = False) -> str:
    """Of a command: what it would build, from which files, by which version of the program.

    And since which start of this machine: a power cut may have taken parts of what finished tasks have left, unless it
    is said that they outlast one.
    """
    seen = [(str(path.resolve()), (stat := path.stat()).st_size, stat.st_mtime_ns) for path in files]
    start = _BOOT_ID.read_text() if _BOOT_ID.is_file() and not outlasts_restart else ""
    text = json.dumps([__version__, settings, seen, start], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def resumable(out: Path, command: str) -> Iterator[tuple[Path, Path]]:
    """(directory to build in, folder for finished tasks and intermediate files); on success the first becomes `out`.

    command: its fingerprint. After Ctrl-C, SIGTERM, a kill or an EngineError both stay for the same command; they are
    removed after success and any other error, and by another command with the same `out`. Raises EngineError if the
    same command is at work already.
    """
    out = out.resolve()
    taken = f"another process builds {out} by the same command; wait for it, or end it"
    with terminate_like_interrupt(), work_folder(out, command, taken) as work:
        built = work / "built"
        built.mkdir(exist_ok=True)
        try:
            yield built, work
            replace(built, out)
        except KeyboardInterrupt as interrupt:
            raise Interrupted(*interrupt.args) from None
        except EngineError:
            raise
        except BaseException:
            remove(work)
            raise
        remove(work)


@contextmanager
def work_folder(out: Path, command: str, taken: str) -> Iterator[Path]:
    """The folder beside `out` that the same command finds again unless it removes it; this process has it alone.

    Those of other commands with the same `out` are removed. Raises EngineError(taken) if the same command is at work.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    work = out.parent / f".{out.name}-{command[:_NAME_CHARS]}.work"
    _remove_others(out, work)
    lock = _take(work, taken)
    assert lock is not None
    with lock:
        yield work


def _take(work: Path, otherwise: str | None) -> IO[bytes] | None:
    """The lock of a folder, which is made if it is absent. If another process has it: None, or EngineError(otherwise).

    Raises EngineError for a folder of another user's, who could have put anything there.
    """
    # Not on Windows.
    import fcntl

    while True:
        work.mkdir(mode=0o700, exist_ok=True)
        stat = work.lstat()
        if stat.st_uid != os.geteuid() or stat.st_mode & 0o022 or work.is_symlink():
            raise EngineError(f"{work}: others than this user can write to it; remove it")
        lock = open(work / "lock", "ab")  # noqa: SIM115, closed by the caller
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Otherwise it has been removed since it was opened.
            if os.path.exists(work / "lock") and os.path.samestat(os.stat(work / "lock"), os.fstat(lock.fileno())):
                return lock
        except OSError:
            lock.close()
            if otherwise is None:
                return None
            raise EngineError(otherwise) from None
        lock.close()


def _remove_others(out: Path, work: Path) -> None:
    """Remove what other commands for the same place have left."""
    for path in out.parent.glob(f".{glob.escape(out.name)}-{'[0-9a-f]' * _NAME_CHARS}.work"):
        if path != work and path.is_dir() and path.owner() == out.parent.owner():
            lock = _take(path, None)
            if lock is not None:
                with lock:
                    remove(path)


def remove(work: Path) -> None:
    """In one step for those who look for it; the caller has the lock."""
    gone = work.with_suffix(f".{os.getpid()}.removed")
    os.replace(work, gone)
    shutil.rmtree(gone, ignore_errors=True)
