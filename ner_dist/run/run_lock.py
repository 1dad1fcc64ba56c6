"""One writer for a run's directory: a file names the process that may write there, on whatever host.

A lock is stale if its process has ended, which this machine knows of its own processes. Of a process elsewhere, its
heartbeat tells: the holder touches the file every few seconds, and a lock whose time of change, by the clock of the
file system, is long past is stale. So it works on network file systems too, whose locks cannot be relied on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ner_dist.errors import UserError
from ner_dist.run.lock_holder import is_alive, is_of_this_job, myself, shown

NAME = "run.lock"
_BEAT_S = 10.0
# Several heartbeats: a file system may hang for some time.
_STALE_S = 60.0
_POLL_S = 1.0


class RunLocked(UserError):
    """Another process writes to the run's directory."""


class RunLock:
    """The right to write to a run's directory, held from `acquire` to `release`. Rank 0 alone has it."""

    def __init__(self, run: Path, say: Callable[[str], None] = lambda sentence: None) -> None:
        """say: called with a sentence before waiting, and when a lock of a dead process is taken over."""
        self._run, self._path, self._say = run, run / NAME, say
        self._token = uuid.uuid4().hex
        self._done = threading.Event()
        # Directories that were made for the lock, innermost first.
        self._made: list[Path] = []
        self.is_held = False

    def acquire(self) -> None:
        """Raises RunLocked if another process holds the lock, and UserError if the directory cannot be written.

        Does nothing if this one holds it already.
        """
        if self.is_held:
            return
        try:
            self._made = [path for path in (self._run, *self._run.parents) if not path.exists()]
            self._run.mkdir(parents=True, exist_ok=True)
            while not self._create(self._path):
                self._take_over()
        except OSError as error:
            raise UserError(
                f"{self._run}: the run's directory cannot be written ({error.strerror}); choose another --run"
            ) from error
        self.is_held = True
        threading.Thread(target=self._beat, name="run lock", daemon=True).start()

    def release(self) -> None:
        """Let others write. Directories that were made for the lock alone are removed."""
        self._done.set()
        # A lock that cannot be removed is stale once this process has ended; whatever ended it must be said instead.
        with contextlib.suppress(OSError):
            if _token(self._path) == self._token:
                self._path.unlink(missing_ok=True)
        # Until one has something in it, which is what they were made for.
        with contextlib.suppress(OSError):
            for path in self._made:
                path.rmdir()

    def require(self) -> None:
        """Raises RunLocked if another process has taken over since, for example while this one was stopped."""
        if _token(self._path) != self._token:
            raise RunLocked(
                f"{self._path}: another process has taken over this run while this one was stopped or cut off; nothing "
                "more is saved here; let the other one go on"
            )

    def _create(self, path: Path) -> bool:
        """Make the lock's file, with its content, unless it exists."""
        partial = path.with_name(f"{path.name}.{self._token}")
        partial.write_text(json.dumps({**myself(), "token": self._token}) + "\n", encoding="utf-8")
        try:
            os.link(partial, path)
            return True
        except FileExistsError:
            return False
        except OSError:
            # A file system without hard links.
            return self._create_exclusively(path, partial.read_bytes())
        finally:
            partial.unlink(missing_ok=True)

    def _create_exclusively(self, path: Path, content: bytes) -> bool:
        try:
            with open(path, "xb") as file:
                file.write(content)
            return True
        except FileExistsError:
            return False

    def _take_over(self) -> None:
        """Put this lock in the place of a stale one, or make it free. Raises RunLocked if it is not stale."""
        stale = self._await_verdict()
        if stale is None:
            return
        # One process at a time may replace this very lock; who comes later finds another one there.
        right = self._path.with_name(f"{NAME}.{hashlib.sha256(stale.encode()).hexdigest()[:16]}.ending")
        if not self._create_exclusively(right, b""):
            self._forget(right)
            time.sleep(0.05)
            return
        try:
            if _token(self._path) == stale:
                self._path.unlink(missing_ok=True)
        finally:
            right.unlink(missing_ok=True)

    def _await_verdict(self) -> str | None:
        """The token of the lock that is there, once it is known to be stale; None if it is gone.

        Raises RunLocked if its process lives.
        """
        before_s = None
        while True:
            holder, age_s = _read(self._path), self._age()
            if holder is None or age_s is None:
                return None
            if is_of_this_job(holder):
                return str(holder.get("token", ""))
            alive = is_alive(holder)
            if alive is None and age_s > _STALE_S:
                alive = False
            elif alive is None and before_s is not None and age_s < before_s:
                # It has been touched meanwhile.
                alive = True
            if alive:
                raise RunLocked(
                    f"{self._run}: {shown(holder)} is writing to this run; wait for its end, stop it, or choose "
                    "another --run"
                )
            if alive is False:
                self._say(f"{self._path} is left over from {shown(holder)}, which has ended; taking over")
                return str(holder.get("token", ""))
            if before_s is None:
                self._say(f"{self._path} belongs to {shown(holder)}; waiting to see whether that is still alive")
            before_s = age_s
            time.sleep(_POLL_S)

    def _age(self) -> float | None:
        """Seconds since the lock's last heartbeat, both times by the file system's clock; None if it is gone."""
        probe = self._path.with_name(f"{NAME}.{self._token}.now")
        try:
            probe.write_bytes(b"")
            return probe.stat().st_mtime - self._path.stat().st_mtime
        except FileNotFoundError:
            return None
        finally:
            probe.unlink(missing_ok=True)

    def _forget(self, right: Path) -> None:
        """Remove the right to take over of a process that has died with it."""
        try:
            if time.time() - right.stat().st_mtime > _STALE_S:
                right.unlink(missing_ok=True)
        except FileNotFoundError:
            return

    def _beat(self) -> None:
        while not self._done.wait(_BEAT_S):
            try:
                if _token(self._path) == self._token:
                    os.utime(self._path)
            except OSError:
                # Whether the lock was lost shows before the next checkpoint.
                continue


def _read(path: Path) -> dict[str, Any] | None:
    """The lock's content, empty if it cannot be read as such; None if there is no lock."""
    try:
        content = json.loads(path.read_bytes()[:4096])
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _token(path: Path) -> str | None:
    holder = _read(path)
    return None if holder is None else str(holder.get("token", ""))
