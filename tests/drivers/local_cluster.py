"""The process of a job in a cluster that is this machine: every task is a thread here.

Its option `fault` says what is wrong with it.
"""

from __future__ import annotations

import json
import os
import sys
import threading

from launch.job.seats.seat_task import seat_task
from launch.job.seats.seated_job import main
from launch.job.seats.seated_request import SeatedRequest


class LocalCluster:
    def __init__(self, request: SeatedRequest) -> None:
        self._options = request.options
        self._said: list[str] = []

    def connect(self) -> str:
        if self._options["fault"] == "no cluster":
            raise ConnectionError("no cluster answers")
        return "127.0.0.1"

    def place(self, lines: list[str]) -> None:
        fault = self._options["fault"]
        for number, line in enumerate(lines):
            if fault == "no room" and number == 1:
                continue
            ticket = json.loads(line)
            python, folder = sys.executable, os.getcwd()
            ticket["probe"] = "/elsewhere" if fault == "own disk" else ticket["probe"]
            ticket["shards"] = "/elsewhere" if fault == "no shards" else ticket["shards"]
            if number == 1:
                ticket["key"] = "00" if fault == "wrong key" else ticket["key"]
                python = "/no/python" if fault == "no python" else python
            words = json.dumps(ticket) + "\n", folder, python
            threading.Thread(target=lambda words=words: self._said.append(seat_task()(*words)), daemon=True).start()

    def problem(self) -> str:
        return next(filter(None, self._said), "")

    def room(self) -> str:
        return "the cluster has 1 CPU"

    def close(self) -> None:
        print("left the cluster", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:], LocalCluster)
