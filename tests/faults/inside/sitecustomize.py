"""Comes into every Python process of a job by PYTHONPATH: writes each training step down, and makes trouble in one.

NER_FAULTS_STEPS names the file that gets a line for each step, "rank process time". NER_FAULTS_PACE_S makes steps and
saving longer, so that random moments fall into all parts of a training. NER_FAULTS_TROUBLE has KIND:RANK:STEP:FILE of
each trouble, with ; between them: in the STEP-th step (from 1) of a process of this rank, once: the file tells later
ones that it was made.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from typing import Any

_WATCHED = "ner_dist.training.step"


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the watched module as the others do, and changes it once it has been loaded."""

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if name != _WATCHED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            _watch(module.Learner)

        spec.loader.exec_module = exec_module
        return spec


def _watch(learner: type) -> None:
    step, number = learner.step, 0
    rank = os.environ.get("HOROVOD_RANK", "0")

    def watched(self: Any, *arguments: Any) -> Any:
        nonlocal number
        number += 1
        _trouble(rank, number)
        time.sleep(float(os.environ.get("NER_FAULTS_PACE_S", "0")))
        result = step(self, *arguments)
        with open(os.environ["NER_FAULTS_STEPS"], "a") as file:
            file.write(f"{rank} {os.getpid()} {time.time():.3f}\n")
        return result

    learner.step = watched


def _slow_down_saving() -> None:
    sync, pace_s = os.fsync, float(os.environ.get("NER_FAULTS_PACE_S", "0"))

    def slow(file: Any) -> None:
        time.sleep(pace_s / 2)
        sync(file)

    os.fsync = slow


def _trouble(my_rank: str, number: int) -> None:
    for trouble in filter(None, os.environ.get("NER_FAULTS_TROUBLE", "").split(";")):
        kind, rank, step, spent = trouble.split(":", 3)
        if my_rank != rank or number != int(step):
            continue
        try:
            os.close(os.open(spent, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        if kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        while kind == "hang":
            time.sleep(1)
        raise RuntimeError("made up by the fault suite")


if "NER_FAULTS_STEPS" in os.environ:
    sys.meta_path.insert(0, _Finder())
    _slow_down_saving()
