"""Workers of Ray on this machine."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from ner_dist.engines.call import Call, Done, perform
from ner_dist.engines.core_share import num_cores
from ner_dist.engines.executor import EngineError

# How often a task begins anew whose worker has died.
_MAX_RETRIES = 2


class RayPool:
    """A Pool."""

    def __init__(self, ray: Any, num_workers: int) -> None:
        self._ray = ray
        self._perform = ray.remote(max_retries=_MAX_RETRIES, num_cpus=1)(perform)
        self.num_workers, self.num_cores = num_workers, max(1, num_cores() // num_workers)

    def submit(self, call: Call) -> Future[Done]:
        coming: Future[Done] = self._perform.remote(call).future()
        return coming

    def result(self, coming: Future[Done]) -> Done:
        errors = self._ray.exceptions
        try:
            return coming.result()
        except errors.RayTaskError as error:
            raise error.cause from None
        except (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError) as error:
            what = f"the workers died at a task, one after another: {str(error).splitlines()[0]}"
            raise EngineError(f"{what}. The same command goes on from the tasks that are done") from error
        except (errors.RayError, ConnectionError) as error:
            raise _lost() from error

    def check(self) -> None:
        if not self._ray.is_initialized():
            raise _lost()


def _lost() -> EngineError:
    return EngineError("Ray has ended; the same command goes on from the tasks that are done")


@contextmanager
def ray_pool(num_workers: int) -> Iterator[RayPool]:
    """So many workers are started, and ended. Raises EngineError if Ray is not installed, or does not start."""
    # Nothing is sent to Ray's makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise EngineError("--engine ray needs Ray: pip install 'ner-dist[ray]'") from error
    # The workers import what this process does.
    paths = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
    try:
        ray.init(
            "local",
            num_cpus=num_workers,
            include_dashboard=False,
            runtime_env=paths,
            logging_level=logging.CRITICAL,
            log_to_driver=False,
        )
    except (ConnectionError, RuntimeError, TimeoutError) as error:
        raise EngineError(f"Ray does not start: {error}") from error
    try:
        yield RayPool(ray, num_workers)
    finally:
        ray.shutdown()
