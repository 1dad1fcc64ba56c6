"""Runs one attempt of a job in a Ray cluster: `python -m launch.launchers.ray.ray_job REQUEST COMMAND`.

A placement group holds room for all ranks at once, and a task in each of its bundles starts a seat. horovod.ray is not
used: its ranks live inside Ray's workers, where neither our watchdog could end one nor a signal let it save.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from launch.job.seats.seat_task import seat_task
from launch.job.seats.seated_job import main
from launch.job.seats.seated_request import SeatedRequest
from launch.launch_errors import LaunchError


class RayCluster:
    def __init__(self, request: SeatedRequest) -> None:
        self._request = request
        self._ray: Any = None
        self._group: Any = None
        # Of the tasks that have not ended.
        self._tasks: list[Any] = []

    def connect(self) -> str:
        import ray

        # Ray tells whoever waits, and whom it has told nothing, which address it has found.
        logging.getLogger("ray").setLevel(logging.ERROR)
        address = self._request.options["address"]
        try:
            ray.init(address=address or "auto", log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            where = address or os.environ.get("RAY_ADDRESS", "")
            found = f"no Ray cluster answers at {where}" if where else "no Ray cluster was found from this machine"
            reason = " ".join(str(error).split())
            advice = "start one with `ray start --head`, or name it with --address; RAY_AUTH_MODE=token if it wants one"
            raise LaunchError(f"{found}; {advice}. Ray says: {reason}") from error
        self._ray = ray
        return str(ray.util.get_node_ip_address())

    def place(self, lines: list[str]) -> None:
        from ray.util.placement_group import placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        request = self._request
        needs = {"CPU": request.cpus_per_rank, **({"GPU": request.gpus_per_rank} if request.gpus_per_rank else {})}
        # Few hosts, because ranks of one host exchange fastest.
        self._group = placement_group([needs] * len(lines), strategy="PACK")
        task = self._ray.remote(
            num_cpus=request.cpus_per_rank,
            num_gpus=request.gpus_per_rank,
            # The supervisor starts all ranks anew.
            max_retries=0,
        )(seat_task())
        self._tasks = [
            task.options(scheduling_strategy=PlacementGroupSchedulingStrategy(self._group, number)).remote(
                line, os.getcwd(), sys.executable
            )
            for number, line in enumerate(lines)
        ]

    def problem(self) -> str:
        if not self._tasks:
            return ""
        ended, self._tasks = self._ray.wait(self._tasks, timeout=0)
        for task in ended:
            try:
                return self._ray.get(task) or "a task of the cluster ended before all ranks had a place"
            except self._ray.exceptions.RayError as error:
                return " ".join(str(error).split())
        return ""

    def room(self) -> str:
        if self._group is not None and self._group.wait(0):
            return "the cluster has set it aside, and starts its tasks"
        all_of_it, free = self._ray.cluster_resources(), self._ray.available_resources()
        kinds = ["CPU", *(["GPU"] if self._request.gpus_per_rank else [])]
        return "the cluster has " + " and ".join(
            f"{all_of_it.get(kind, 0):g} {kind}s, {free.get(kind, 0):g} free" for kind in kinds
        )

    def close(self) -> None:
        if self._ray is None:
            return
        if self._group is not None:
            self._ray.util.remove_placement_group(self._group)
        self._ray.shutdown()


if __name__ == "__main__":
    main(sys.argv[1:], RayCluster)
