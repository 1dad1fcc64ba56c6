"""Workers of Dask: a cluster on this machine, or the one whose scheduler the user names."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ner_dist.engines.call import Call, Done, perform
from ner_dist.engines.core_share import num_cores
from ner_dist.engines.executor import EngineError

# For the scheduler to answer, and for a first worker to be there.
_CONNECT_S = 30
_CLOSE_S = 3
_DASHBOARD = "127.0.0.1:8787"
_SETTINGS = {
    "distributed.comm.timeouts.connect": f"{_CONNECT_S}s",
    # After 15 seconds, Dask would give up a worker for good that has died a second time just then.
    "distributed.deploy.lost-worker-timeout": "365d",
}


class DaskPool:
    """A Pool."""

    def __init__(self, client: Any, cores: int, where: str) -> None:
        self._client, self._where = client, where
        self.num_workers = max(1, sum(client.nthreads().values()))
        self.num_cores = cores

    def submit(self, call: Call) -> Any:
        # Each call has a key of its own: what Dask remembers of another one must not be taken for it.
        return self._client.submit(perform, call, pure=False, key=f"{call.stage}-{call.number}-{id(call)}")

    def result(self, coming: Any) -> Done:
        from distributed import CancelledError
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker

        try:
            done: Done = coming.result()
        except KilledWorker as error:
            what = f"the workers died at {error.task}, one after another; see the logs of Dask's workers"
            raise EngineError(f"{what}. The same command goes on from the tasks that are done") from error
        except (CancelledError, CommClosedError, TimeoutError) as error:
            raise self._lost() from error
        return done

    def check(self) -> None:
        if self._client.status != "running":
            raise self._lost()

    def _lost(self) -> EngineError:
        what = f"Dask's scheduler {self._where} is lost"
        return EngineError(f"{what}; once it is there again, the same command goes on from the tasks that are done")


@contextmanager
def dask_pool(address: str | None, num_workers: int, memory_bytes: int, work: Path) -> Iterator[DaskPool]:
    """address: HOST:PORT of a scheduler; None: of a cluster of so many workers that is started here, and ended.

    memory_bytes: of each worker here; 0 for no limit. Raises EngineError if Dask is not installed, or not there.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise EngineError("--engine dask needs Dask: pip install 'ner-dist[dask]'") from error
    with ExitStack() as stack:
        # Failures are reported by this program, and once.
        stack.callback(logging.getLogger("distributed").setLevel, logging.getLogger("distributed").level)
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        stack.enter_context(dask.config.set(_SETTINGS))
        if address is None:
            cluster = stack.enter_context(_local(distributed, num_workers, memory_bytes, work))
            where, cores = cluster.scheduler_address, max(1, num_cores() // num_workers)
        else:
            secure = dask.config.get("distributed.comm.require-encryption", default=False)
            cluster = where = f"{'tls' if secure else 'tcp'}://{address}"
            cores = 1
        client = stack.enter_context(_client(distributed, cluster, where))
        print(f"Dask's dashboard: {client.dashboard_link}", file=sys.stderr)
        yield DaskPool(client, cores, where)


@contextmanager
def _local(distributed: Any, num_workers: int, memory_bytes: int, work: Path) -> Iterator[Any]:
    cluster = distributed.LocalCluster(
        n_workers=num_workers,
        threads_per_worker=1,
        memory_limit=memory_bytes or None,
        local_directory=str(work / "dask"),
        # For this machine only.
        dashboard_address=_DASHBOARD,
        silence_logs=logging.CRITICAL,
    )
    try:
        yield cluster
    finally:
        cluster.close()


@contextmanager
def _client(distributed: Any, cluster: Any, where: str) -> Iterator[Any]:
    try:
        client = distributed.Client(cluster, timeout=_CONNECT_S)
    except (OSError, TimeoutError) as error:
        raise EngineError(f"no scheduler of Dask answers at {where}; start one there: dask scheduler") from error
    try:
        try:
            client.wait_for_workers(1, timeout=_CONNECT_S)
        except TimeoutError as error:
            what = f"Dask's scheduler {where} has no workers; start one for each core: dask worker {where} --nthreads 1"
            raise EngineError(what) from error
        yield client
    finally:
        # A scheduler that is lost does not answer.
        with suppress(TimeoutError):
            client.close(timeout=_CLOSE_S)
