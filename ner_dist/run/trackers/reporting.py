"""Reports a run's knobs, metrics and result to its trackers, from rank 0.

A tracker that fails during training is reported once in the log; it never stops or delays training.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ner_dist.atomic_file import whole_file
from ner_dist.errors import UserError
from ner_dist.foreign.errors import ForeignFileError, advising
from ner_dist.foreign.json_files import loads, read_bytes
from ner_dist.ranks.comm import RankLost, Regroup
from ner_dist.run.trackers.table import TRACKERS, Tracker

log = logging.getLogger("ner_dist")

# How long the end of a run waits for what has not been sent; less than rank_process gives an interrupted rank.
_FLUSH_S, _FLUSH_INTERRUPTED_S = 60.0, 2.0


class _Sender:
    """Feeds one tracker from a thread of its own, so that a slow or dead network delays nothing."""

    def __init__(self, name: str, tracker: Tracker) -> None:
        self._name, self._tracker = name, tracker
        # None ends the thread.
        self.waiting: SimpleQueue[Callable[[Tracker], None] | None] = SimpleQueue()
        self._failed = False
        self._thread = threading.Thread(target=self._send, name=name, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        while (action := self.waiting.get()) is not None:
            try:
                action(self._tracker)
            except Exception as error:
                if not self._failed:
                    log.warning("%s failed (%s: %s); training goes on", self._name, type(error).__name__, error)
                self._failed = True

    def end(self, seconds: float) -> None:
        self.waiting.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            log.warning("%s did not take all within %.0f s; the run ends without it", self._name, seconds)


class Trackers:
    """The trackers of a run; when used as a context, they are told how it ended. Does nothing before begin()."""

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._names, self._folder = list(dict.fromkeys(names)), folder
        self._senders: list[_Sender] = []

    def begin(self, knobs: dict[str, Any]) -> None:
        """Begin a run at each tracker, or continue the one whose id is in the run's directory.

        Raises UserError if a new one cannot be begun; failing to continue one is only logged.
        """
        # The ids that the trackers gave the run, by which it is continued there.
        path = self._folder / "trackers.json"
        ids = _read_ids(path) if path.exists() else {}
        for name in self._names:
            try:
                tracker = TRACKERS[name](self._folder.name, ids.get(name), knobs, self._folder)
            except Exception as error:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                if name not in ids:
                    raise UserError(
                        f"--train.track {name}: no run could be begun there ({reason}); correct it, or leave {name} out"
                    ) from error
                log.warning("%s: its run %s could not be continued (%s); training goes on", name, ids[name], reason)
                continue
            ids[name] = tracker.id
            with whole_file(path) as file:
                file.write(json.dumps(ids) + "\n")
            self._senders.append(_Sender(name, tracker))

    def log(self, kind: str, steps: int, values: dict[str, Any]) -> None:
        """The values of a line of metrics.jsonl, named as in TensorBoard's events."""
        numbers = {f"{kind}/{name}": value for name, value in values.items() if isinstance(value, (int, float))}
        self._tell(lambda tracker: tracker.log(numbers, steps))

    def result(self, result: dict[str, Any], steps: int) -> None:
        """The values of result.json, without the confusion of types."""
        leaves = dict(_leaves(result, "result"))
        texts = {name: value for name, value in leaves.items() if isinstance(value, str)}
        numbers = {name: value for name, value in leaves.items() if isinstance(value, (int, float))}
        self._tell(lambda tracker: tracker.result(numbers, texts, steps))

    def _tell(self, action: Callable[[Tracker], None]) -> None:
        for sender in self._senders:
            sender.waiting.put(action)

    def __enter__(self) -> Trackers:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._tell(lambda tracker: tracker.finish(error is None))
        in_haste = isinstance(error, (KeyboardInterrupt, RankLost, Regroup))
        for sender in self._senders:
            sender.end(_FLUSH_INTERRUPTED_S if in_haste else _FLUSH_S)


def _read_ids(path: Path) -> dict[str, str]:
    """Raises UserError if they are not ids by the names of trackers."""
    with advising(UserError, "remove it to begin new runs at the trackers"):
        found = loads(read_bytes(path), path)
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise ForeignFileError(f"{path}: not the ids of runs by tracker")
    return found


def _leaves(tree: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if not isinstance(value, dict):
            yield f"{path}/{name}", value
        elif name != "confusion":
            yield from _leaves(value, f"{path}/{name}")
