"""One writer for a run at an address: an object there names the process that may publish.

No store lets this be decided in one step through the library that is used here, so a process that writes its name into
the object looks again a little later: of two that begin at the same moment, the one that wrote last has it, and the
other is refused. Should a store take longer than that to write, both begin, and the first finds out at its next
heartbeat, or before it publishes at the latest; a publication is one object, so none is ever half another's.
A holder counts up in the object every few seconds; one that has not counted for a minute is taken for dead.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from ner_dist.run.lock_holder import is_alive, is_of_this_job, myself, shown
from ner_dist.run.run_lock import NAME, RunLock, RunLocked
from ner_dist.stores.addresses import Address, StoreError
from ner_dist.stores.objects import delete, facts, read_bytes, write_bytes

_BEAT_S = 10.0
# Several heartbeats: a store may be away for some time.
_STALE_S = 60.0
_POLL_S = 5.0
# Longer than a store takes to write a small object.
_SETTLE_S = 2.0
# For removing the lock at the end.
_REMOVE_S = 5.0
_MOST_BYTES = 4096


class StoreLock:
    """The right to publish a run, held from `acquire` to `release`, with the lock of its folder on this machine."""

    def __init__(self, address: Address, folder: RunLock, say: Callable[[str], None] = lambda sentence: None) -> None:
        """say: called with a sentence before waiting, and when a lock of a dead process is taken over."""
        self._address, self._object, self._folder, self._say = address, address / NAME, folder, say
        self._token = uuid.uuid4().hex
        self._num_beats = 0
        self._done, self._beating = threading.Event(), threading.Lock()
        self.is_held = self._is_lost = False

    def acquire(self) -> None:
        """Raises RunLocked if another process holds the lock, and StoreError if the store cannot be written.

        Does nothing if this one holds it already.
        """
        if self.is_held:
            return
        self._folder.acquire()
        try:
            while not self._is_free() or not self._takes():
                continue
        except BaseException:
            self._folder.release()
            raise
        self.is_held = True
        threading.Thread(target=self._beat, name="store lock", daemon=True).start()

    def release(self) -> None:
        """Let others write."""
        self._done.set()
        if self.is_held:
            # A lock that cannot be removed is stale in a minute; whatever ended the run must be said instead.
            removal = threading.Thread(target=self._remove, name="store lock", daemon=True)
            removal.start()
            removal.join(_REMOVE_S)
        self._folder.release()

    def _remove(self) -> None:
        with contextlib.suppress(StoreError), self._beating:
            if self._is_mine():
                delete([self._object])

    def require(self) -> None:
        """Raises RunLocked if another process is known to have taken over since; asks the disk alone."""
        self._folder.require()
        if self._is_lost:
            raise self._lost()

    def require_now(self) -> None:
        """The same, asking the store. Raises StoreError if that does not answer."""
        self._is_lost = self._is_lost or not self._is_mine()
        self.require()

    def _lost(self) -> RunLocked:
        return RunLocked(
            f"{self._object}: another process has taken over this run while this one was stopped or cut off; nothing "
            "more is published here; let the other one go on"
        )

    def _is_free(self) -> bool:
        """Whether nobody holds it any more. Raises RunLocked if somebody does; False if that has to be asked anew."""
        holder = self._read()
        if holder is None or is_of_this_job(holder):
            return True
        alive = is_alive(holder)
        if alive is None and self._is_old():
            alive = False
        elif alive is None:
            self._say(
                f"{self._object} belongs to {shown(holder)}; waiting for up to {_STALE_S:g} s to see whether that is "
                "still alive"
            )
            following = self._next_of(holder)
            if following is None or following.get("token") != holder.get("token"):
                return False
            alive = following != holder
        if alive:
            raise RunLocked(
                f"{self._address}: {shown(holder)} is writing to this run; wait for its end, stop it, or choose "
                "another --run"
            )
        self._say(f"{self._object} is left over from {shown(holder)}, which has ended; taking over")
        return True

    def _is_old(self) -> bool:
        """Whether the last heartbeat is long past, both times by the store's clock, if it has one."""
        probe = self._object.parent / f"{NAME}.{self._token}.now"
        try:
            write_bytes(b"", probe)
            now, there = facts(probe), facts(self._object)
        finally:
            delete([probe])
        if now is None or there is None or not (now.modified_ns and there.modified_ns):
            return False
        return now.modified_ns - there.modified_ns > _STALE_S * 1e9

    def _next_of(self, holder: dict[str, Any]) -> dict[str, Any] | None:
        """What is there once it has changed, or what is still there when that would have been long ago."""
        until_s = time.monotonic() + _STALE_S
        while (found := self._read()) == holder and time.monotonic() < until_s:
            time.sleep(_POLL_S)
        return found

    def _takes(self) -> bool:
        """Write this process's name, and see whether it stays."""
        self._write()
        time.sleep(_SETTLE_S)
        return self._is_mine()

    def _beat(self) -> None:
        while not self._done.wait(_BEAT_S):
            # Without an answer, nothing is known; whether the lock was lost shows before the next publication.
            with contextlib.suppress(StoreError), self._beating:
                if self._done.is_set():
                    return
                if not self._is_mine():
                    self._is_lost = True
                    return
                self._num_beats += 1
                self._write()

    def _write(self) -> None:
        record = {**myself(), "token": self._token, "beat": self._num_beats}
        write_bytes(json.dumps(record).encode() + b"\n", self._object)

    def _is_mine(self) -> bool:
        holder = self._read()
        return holder is not None and holder.get("token") == self._token

    def _read(self) -> dict[str, Any] | None:
        """The lock's content, empty if it cannot be read as such; None if there is no lock."""
        if facts(self._object) is None:
            return None
        try:
            content = json.loads(read_bytes(self._object, _MOST_BYTES))
        except ValueError as error:
            if isinstance(error, StoreError):
                raise
            return {}
        return content if isinstance(content, dict) else {}
