"""Workers of Ray: on this machine, started here, or those of a cluster of the user's."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import Any

from ner_dist.engines.call import Call, Done, perform
from ner_dist.engines.core_share import num_cores
from ner_dist.engines.executor import EngineError

# How often a task begins anew whose worker has died.
_MAX_RETRIES = 2
# Of a Ray that is started here, as Ray itself calls it; and of a cluster's head for programs from elsewhere.
_HERE, _SCHEME = "local", "ray://"
# For a cluster to answer; Ray itself tries for minutes.
_CONNECT_S = 30
# Its client server forks a process for each program, beside threads; now and then, such a process hangs.
_MOST_CONNECTIONS = 3


class RayPool:
    """A Pool."""

    def __init__(self, ray: Any, num_workers: int, cores: int, where: str) -> None:
        self._ray, self._where = ray, where
        self._perform = ray.remote(max_retries=_MAX_RETRIES, num_cpus=1)(perform)
        self.num_workers, self.num_cores = num_workers, cores

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
            raise self._lost() from error

    def check(self) -> None:
        if not self._ray.is_initialized():
            raise self._lost()

    def _lost(self) -> EngineError:
        what = f"Ray's cluster {self._where} is lost; once it is there again" if self._where else "Ray has ended"
        return EngineError(f"{what}, the same command goes on from the tasks that are done")


@contextmanager
def ray_pool(address: str | None, num_workers: int) -> Iterator[RayPool]:
    """address: ray://HOST:PORT of a cluster; None: of that in RAY_ADDRESS or, without one, of a Ray of so many workers
    that is started here, and ended.

    Raises EngineError if Ray is not installed, does not start, or is not there.
    """
    # Nothing is sent to Ray's makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise EngineError("--engine ray needs Ray: pip install 'ner-dist[ray]'") from error
    address = address or os.environ.get("RAY_ADDRESS") or _HERE
    with ExitStack() as stack:
        # Failures are reported by this program, and once.
        stack.callback(logging.getLogger("ray").setLevel, logging.getLogger("ray").level)
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        if address == _HERE:
            _start(ray, num_workers)
        else:
            _join(ray, address)
        stack.callback(ray.shutdown)
        if address == _HERE:
            yield RayPool(ray, num_workers, max(1, num_cores() // num_workers), "")
        else:
            yield RayPool(ray, _num_workers_of(ray, address), 1, address)


def _start(ray: Any, num_workers: int) -> None:
    # The workers import what this process does.
    paths = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
    try:
        ray.init(
            _HERE,
            num_cpus=num_workers,
            include_dashboard=False,
            runtime_env=paths,
            logging_level=logging.CRITICAL,
            log_to_driver=False,
        )
    except (ConnectionError, RuntimeError, TimeoutError) as error:
        raise EngineError(f"Ray does not start: {error}") from error


def _join(ray: Any, address: str) -> None:
    host, _, port = address.removeprefix(_SCHEME).rpartition(":")
    try:
        if port.isdecimal():
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
        for number in range(1, _MOST_CONNECTIONS + 1):
            try:
                ray.init(address, logging_level=logging.CRITICAL, log_to_driver=False)
                return
            except ConnectionAbortedError:
                if number == _MOST_CONNECTIONS:
                    raise
                ray.shutdown()
    except (OSError, ImportError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        said = " ".join(str(error).split())
        advice = "start one there: ray start --head, or set RAY_AUTH_MODE=token if it asks for one"
        raise EngineError(f"no cluster of Ray answers at {address} ({said}); {advice}") from error


def _num_workers_of(ray: Any, address: str) -> int:
    """As many as the cluster has cores, and says so."""
    found = int(ray.cluster_resources().get("CPU", 0))
    if not found:
        raise EngineError(f"Ray's cluster {address} has no cores; start its nodes with --num-cpus")
    print(f"Ray's cluster {address} has room for {found} tasks at a time", file=sys.stderr)
    return found
