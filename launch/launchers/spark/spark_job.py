"""Runs one attempt of a job in a Spark cluster: `python -m launch.launchers.spark.spark_job REQUEST COMMAND`.

A barrier stage has room for all ranks at once, and each of its tasks starts a seat. horovod.spark is not used: it
starts ranks by services of its own, and what ends one is lost in Spark's retries.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

from launch.job.seats.seat_task import seat_task
from launch.job.seats.seated_job import main
from launch.job.seats.seated_request import SeatedRequest
from launch.launch_errors import LaunchError

# Between two looks of Spark's at whether there is room.
_LOOK_S = 1
# How long a stage may take to end after its ranks.
_STAGE_S = 5.0


class SparkCluster:
    def __init__(self, request: SeatedRequest) -> None:
        self._request = request
        self._context: Any = None
        self._stage: threading.Thread | None = None
        self._problem = ""

    def connect(self) -> str:
        from pyspark import SparkContext

        try:
            self._context = SparkContext(conf=self._configuration())
        except Exception as error:
            # Also what Java throws.
            raise LaunchError(f"Spark cannot start: {_reason(error)}") from error
        return socket.gethostbyname(self._context.getConf().get("spark.driver.host"))

    def _configuration(self) -> Any:
        from pyspark import SparkConf, SparkContext

        request = self._request
        # Spark's shells show a bar, which knows nothing of the training's steps.
        given = SparkConf(loadDefaults=False).set("spark.ui.showConsoleProgress", "false")
        given.setAll(setting.split("=", 1) for setting in request.options["conf"])
        if request.options["master"]:
            given.setMaster(request.options["master"])
        # Spark reads its own files only when its virtual machine starts, which some settings are for.
        SparkContext._ensure_initialized(conf=given)
        conf = SparkConf()
        for name, value in _settings(request, conf.get("spark.master", "")).items():
            conf.setIfMissing(name, value)
        return conf

    def place(self, lines: list[str]) -> None:
        folder, python, hold_seat = os.getcwd(), sys.executable, seat_task()

        def hold(part: Iterator[str]) -> Iterator[str]:
            from pyspark import TaskContext

            task = TaskContext.get()
            own = task.resources().get("gpu") if task is not None else None
            gpus = ",".join(own.addresses) if own is not None else ""
            yield from [hold_seat(line, folder, python, gpus) for line in part]

        def collect() -> None:
            try:
                said = self._context.parallelize(lines, len(lines)).barrier().mapPartitions(hold).collect()
                self._problem = next(filter(None, said), "the tasks ended before all ranks had a place")
            except Exception as error:
                self._problem = _reason(error)

        self._stage = threading.Thread(target=collect, name="stage", daemon=True)
        self._stage.start()

    def problem(self) -> str:
        return self._problem

    def room(self) -> str:
        executors = self._context._jsc.sc().getExecutorMemoryStatus().size() - 1
        return (
            f"the application has {executors} executors so far; Spark's own page is {self._context.uiWebUrl or 'off'}"
        )

    def close(self) -> None:
        if self._stage is not None:
            # A stage that is interrupted fills the screen.
            self._stage.join(_STAGE_S)
        if self._context is not None:
            self._context.stop()


def _settings(request: SeatedRequest, master: str) -> dict[str, str]:
    """Those that the user may override."""
    cpus, num_ranks = request.cpus_per_rank, request.num_ranks
    settings = {
        "spark.app.name": f"ner-dist {request.run}",
        "spark.pyspark.python": sys.executable,
        "spark.task.cpus": str(cpus),
        # A barrier stage needs its executors at once.
        "spark.dynamicAllocation.enabled": "false",
        "spark.cores.max": str(cpus * num_ranks),
        # The supervisor starts all ranks anew.
        "spark.task.maxFailures": "1",
        "spark.stage.maxConsecutiveAttempts": "1",
        "spark.scheduler.barrier.maxConcurrentTasksCheck.interval": f"{_LOOK_S}s",
        "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": str(round(request.wait_s / _LOOK_S) + 1),
        "spark.log.level": "ERROR",
    }
    if request.gpus_per_rank:
        settings["spark.task.resource.gpu.amount"] = str(request.gpus_per_rank)
    if not master.startswith(("local", "spark:")):
        # Those managers start as many executors as they are told to, with one core each by default.
        settings["spark.executor.instances"] = str(num_ranks)
        settings["spark.executor.cores"] = str(cpus)
    return settings


def _reason(error: Exception) -> str:
    """What Java says first, without the places of its code."""
    thrown = getattr(error, "java_exception", None)
    text = str(thrown.getMessage() if thrown is not None else error)
    return " ".join(text.split("\n\tat ")[0].split()) or type(error).__name__


if __name__ == "__main__":
    main(sys.argv[1:], SparkCluster)
