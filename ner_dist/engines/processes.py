"""Workers that are processes of this machine; one that dies is replaced, and its task begins anew."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from ner_dist.engines.call import Call, Done
from ner_dist.engines.core_share import num_cores
from ner_dist.engines.executor import EngineError
from ner_dist.engines.worker_process import read_message, write_message

# Of the workers that one task may take with it.
MAX_DEATHS = 3
# The parent's modules, wherever they lie; nothing of the current directory, which may be a stranger's.
_BEGIN = (
    "import pickle, sys; sys.path[:] = pickle.load(open(0, 'rb', buffering=0, closefd=False)); "
    "from ner_dist.engines.worker_process import main; main(int(sys.argv[1]))"
)


class _DiedError(Exception):
    """A worker that is gone; says how."""


class _Worker:
    def __init__(self, memory_bytes: int, threads: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BEGIN, str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            # Ctrl-C reaches the parent alone, which then ends its children.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._calls, self._replies = self._process.stdin, self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._calls.write(pickle.dumps(sys.path))
            self._calls.flush()

    def perform(self, call: Call) -> Done:
        """Raises as call.perform does, and _DiedError."""
        try:
            write_message(self._calls, call)
            is_done, reply = pickle.loads(read_message(self._replies))
        except (BrokenPipeError, EOFError):
            raise _DiedError(_how_ended(self._process.wait())) from None
        if is_done:
            return Done(*reply)
        raise reply

    def kill(self) -> None:
        # What it leaves half done is thrown away, so it need not end in order.
        self._process.kill()
        self._process.wait()


class Processes:
    """A Pool; `processes` opens it."""

    def __init__(self, num_workers: int, memory_bytes: int) -> None:
        self.num_workers = num_workers
        self.num_cores = max(1, num_cores() // num_workers)
        self._memory_bytes = memory_bytes
        self._threads = ThreadPoolExecutor(num_workers)
        self._lock, self._closed = threading.Lock(), False
        self._workers: set[_Worker] = set()
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for _ in range(num_workers):
            # They load their modules while the first tasks are cut.
            self._idle.put(self._start())

    def submit(self, call: Call) -> Future[Done]:
        return self._threads.submit(self._perform, call)

    def result(self, coming: Future[Done]) -> Done:
        return coming.result()

    def check(self) -> None:
        """Each call ends."""

    def close(self) -> None:
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, set()
        for worker in workers:
            worker.kill()
        self._threads.shutdown(cancel_futures=True)

    def _perform(self, call: Call) -> Done:
        """In one of as many threads as there are workers."""
        how = ""
        for _ in range(MAX_DEATHS):
            worker = self._idle.get()
            try:
                return worker.perform(call)
            except _DiedError as error:
                how = str(error)
                worker = self._replace(worker)
            finally:
                self._idle.put(worker)
        raise EngineError(
            f"stage {call.stage}: {MAX_DEATHS} workers died one after another at task {call.number}, the last one "
            f"{how}; use fewer --workers if the memory is full. The same command goes on from the tasks that are done"
        )

    def _start(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise EngineError("the workers were stopped")
            worker = _Worker(self._memory_bytes, self.num_cores)
            self._workers.add(worker)
            return worker

    def _replace(self, dead: _Worker) -> _Worker:
        with self._lock:
            self._workers.discard(dead)
        return self._start()


@contextmanager
def processes(num_workers: int, memory_bytes: int = 0) -> Iterator[Processes]:
    """memory_bytes: of each worker; 0 for no limit."""
    pool = Processes(num_workers, memory_bytes)
    try:
        yield pool
    finally:
        pool.close()


def _how_ended(code: int) -> str:
    if code < 0:
        why = ", as when the memory is full" if code == -signal.SIGKILL else ""
        return f"by {signal.Signals(-code).name}{why}"
    return f"with status {code}"
