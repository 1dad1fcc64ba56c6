"""The course of a run as files: metrics.jsonl, and TensorBoard's events. A full disk costs lines, never the run."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist.atomic_file import whole_file

_METRICS, _EVENTS = "metrics.jsonl", "events"
# Lines that are kept for a disk that is full; older ones are lost.
_MOST_WAITING = 10_000

log = logging.getLogger("ner_dist")


class Line(NamedTuple):
    """Of metrics.jsonl."""

    # "steps" or "epoch".
    kind: str
    # How many steps were done.
    steps: int
    values: dict[str, Any]


class Recorder:
    """Writes metrics as JSON lines and TensorBoard points. Rank 0 alone has one."""

    def __init__(
        self,
        path: Path,
        total_steps: int,
        say: Callable[[str], None] = lambda sentence: None,
        num_epochs: float = math.inf,
    ) -> None:
        """total_steps, num_epochs: what is done so far; lines of later ones, which a resumed run repeats, are removed.
        An epoch whose steps are done has not ended before it is scored and saved.

        say: called with one sentence when writing fails and when it succeeds again. Raises UserError if the lines of
        before cannot be rewritten.
        """
        self._path, self._say = path / _METRICS, say
        kept = []
        if self._path.exists():
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
            kept = [line for line in lines if _steps(line) <= total_steps and _num_epochs(line) <= num_epochs]
        with whole_file(self._path) as file:
            file.writelines(line + "\n" for line in kept)
        # The last line that is there already.
        self.last_line = json.loads(kept[-1]) if kept else {}
        self._size = self._path.stat().st_size
        self._waiting: list[str] = []
        # Lines that will never be written.
        self._num_lost = 0
        self._has_failed = False
        self._events = _Events(path / _EVENTS, total_steps + 1)

    def write(self, kind: str, steps: int, values: dict[str, Any]) -> None:
        """kind: "steps" or "epoch"; steps: how many steps were done. Never fails; what the disk refuses is retried."""
        self._waiting.append(json.dumps({"kind": kind, "steps": steps, **values}) + "\n")
        self._num_lost += len(self._waiting[:-_MOST_WAITING])
        self._waiting = self._waiting[-_MOST_WAITING:]
        points = {f"{kind}/{name}": value for name, value in values.items() if isinstance(value, (int, float))}
        try:
            self._append()
            self._events.write(steps, points)
        except OSError as error:
            if not self._has_failed:
                self._tell(f"{self._path}: a line could not be written ({error.strerror or error}); training goes on")
            self._has_failed = True
        else:
            if self._has_failed:
                self._tell(f"{self._path} can be written again")
            self._has_failed = False

    def close(self) -> None:
        """Write what still waits for the disk, or say how many lines are lost. May be called again."""
        try:
            self._append()
        except OSError:
            self._num_lost += len(self._waiting)
            self._waiting = []
            with contextlib.suppress(OSError):
                os.truncate(self._path, self._size)
        if self._num_lost:
            self._tell(f"{self._path} lacks {self._num_lost:,} lines that could not be written")
            self._num_lost = 0
        self._events.close()

    def _append(self) -> None:
        if not self._waiting:
            return
        with self._path.open("ab") as file:
            if file.tell() > self._size:
                # What a failed attempt has left of a line.
                file.truncate(self._size)
            file.write("".join(self._waiting).encode())
        self._size = self._path.stat().st_size
        self._waiting = []

    def _tell(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self._say(sentence)


class _Events:
    """An event file of TensorBoard. After a failure the points go on in another one."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """first_step: TensorBoard hides the points of this step and of later ones that are there already."""
        self._folder, self._first_step, self._num_files = folder, first_step, 0
        self._writer: Any = None

    def write(self, step: int, points: dict[str, float]) -> None:
        """Raises OSError; the points are lost then."""
        # Late: predicting and exporting, which import this package, do without it.
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import scalar

        try:
            if self._writer is None:
                self._open()
            for name, value in points.items():
                self._writer.write_event(Event(wall_time=time.time(), step=step, summary=scalar(name, value)))
            self._writer.flush()
        except OSError:
            self._writer = None
            raise

    def close(self) -> None:
        """What cannot be written any more is lost."""
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                writer.close()
        except OSError as error:
            log.warning("%s: %s", self._folder, error)

    def _open(self) -> None:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        self._folder.mkdir(parents=True, exist_ok=True)
        # Its thread would die of a full disk without a word, and SummaryWriter would then wait for it for ever.
        # Its names have whole seconds, and it would empty a file that is there.
        writer = EventsWriter(str(self._folder / "events"), f".{os.getpid()}.{self._num_files}")
        self._num_files += 1
        if self._num_files == 1:
            log_start = SessionLog(status=SessionLog.START)
            writer.write_event(Event(step=self._first_step, session_log=log_start))
        self._writer = writer


def _num_epochs(line: str) -> int:
    """How many epochs had ended when a whole line of metrics was written; 0 if it does not tell."""
    values = json.loads(line)
    return int(values["epoch"]) if values.get("kind") == "epoch" and "epoch" in values else 0


def _steps(line: str) -> float:
    """The step count of a line of metrics; infinite for a line that was cut off when its writer died."""
    try:
        return int(json.loads(line)["steps"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
