"""Tasks that workers of the tests run; in a file of its own, so that they can import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from data_prep.problems import CorpusError
from ner_dist.engines.executor import Advance


def double(task: int, advance: Advance) -> int:
    advance(task)
    return 2 * task


def late_first(task: int, advance: Advance) -> int:
    """The later a task comes, the earlier it ends."""
    time.sleep(0.05 * (3 - task))
    return task


def note(task: tuple[str, int], advance: Advance) -> int:
    """Leaves a line for each time that it is run."""
    with open(task[0], "a") as file:
        file.write(f"{task[1]}\n")
    return task[1]


def die_first(task: tuple[str, int], advance: Advance) -> int:
    """The first worker that gets a task is killed."""
    mark = Path(task[0]) / str(task[1])
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task[1]


def die(task: int, advance: Advance) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return task


def refuse(task: int, advance: Advance) -> int:
    """Tasks 1 and 3 fail, 3 at once."""
    if task == 1:
        time.sleep(0.3)
    if task in (1, 3):
        raise CorpusError(f"line {task} is wrong")
    return task


def divide(task: int, advance: Advance) -> int:
    return 1 // task


def fill(task: int, advance: Advance) -> int:
    """Takes so many MB."""
    return int(np.ones(task << 20, np.uint8)[-1])


def wait_long(task: str, advance: Advance) -> None:
    Path(task).write_text(str(os.getpid()))
    time.sleep(600)


def go_on_slowly(task: int, advance: Advance) -> int:
    for _ in range(12):
        time.sleep(0.1)
        advance(1)
    return task


def speak(task: int, advance: Advance) -> int:
    print("a library prints this", flush=True)
    return task


class OddError(CorpusError):
    """Cannot be unpickled."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def fail_oddly(task: int, advance: Advance) -> int:
    raise OddError("an", "error")


def return_a_function(task: int, advance: Advance) -> object:
    return lambda: task


def read(task: str, advance: Advance) -> str:
    return Path(task).read_text()
