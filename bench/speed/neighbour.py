"""A busy neighbour: what it costs training and tagging on this machine, with the default threads and with others.

Neighbours are processes that compute all the time, one for each core. Whatever is compared is loaded at the same time
and takes turns of a fraction of a second; those whose turn it is not are stopped, so that their threads do not wait
actively. In each round everything has a turn on the quiet machine and one beside the neighbours.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bench.speed.measurement import BenchOptions, Measurement
from bench.speed.neighbour_child import SOCKET, SPINNING
from bench.speed.prediction import trained_model

# Steps, or calls for 64 sentences each, of a turn.
_AMOUNT = {"training": 6, "2 ranks": 6, "tagging": 12}
_DEFAULT = "default"
_ACTIVE = {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "infinite"}
# What else one could set, by environment variables.
_SETTINGS: dict[str, dict[str, dict[str, str]]] = {
    "training": {
        _DEFAULT: {},
        "one thread": {"OMP_NUM_THREADS": "1"},
        "passive waits": {"OMP_WAIT_POLICY": "PASSIVE"},
        "active waits": _ACTIVE,
    },
    # Ranks that notice a neighbour stay unbound for a minute: here, the default is so in most turns.
    "2 ranks": {_DEFAULT: {}, "bound to cores": {"NER_BIND_CORES": "1"}, "not bound": {"NER_BIND_CORES": "0"}},
    "tagging": {_DEFAULT: {}, "one thread": {"OMP_NUM_THREADS": "1"}, "threads that spin": {SPINNING: "1"}},
}
# Rounds for each repeat that was asked for.
_ROUNDS = 4
# How long a child may take until it is ready, and for a turn.
_PATIENCE_S = 300.0
# Before a turn: the scheduler spreads the neighbours over the cores, and forgets what it knew of who was there before.
_SETTLE_S = 0.05


class Child(NamedTuple):
    """What takes turns: a process, or all ranks of a job."""

    kind: str
    setting: str
    connections: list[socket.socket]
    pids: list[int]
    process: subprocess.Popen[bytes]

    def turn(self) -> float:
        """Tokens/s of one turn."""
        self._signal(signal.SIGCONT)
        for connection in self.connections:
            connection.sendall(b"%d\n" % _AMOUNT[self.kind])
        # All have counted the tokens of all.
        tokens_per_second = min(float(_line(connection)) for connection in self.connections)
        self.stop()
        return tokens_per_second

    def stop(self) -> None:
        self._signal(signal.SIGSTOP)

    def end(self) -> None:
        """Let it go on without work, so that it ends by itself."""
        self._signal(signal.SIGCONT)
        for connection in self.connections:
            connection.close()
        try:
            self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        for pid in self.pids:
            # Those of a job that has failed are gone.
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def neighbour(options: BenchOptions) -> Iterator[Measurement]:
    """The best setting against the default, quiet and busy; then each setting against the default."""
    cores = len(os.sched_getaffinity(0))
    found: dict[tuple[str, str, str], list[float]] = {}
    with ExitStack() as stack:
        _, exported = stack.enter_context(trained_model(options.shards))
        children = list(_started(stack, options.shards, exported))
        for number in range(_ROUNDS * options.repeats):
            for state, num_neighbours in (("quiet", 0), ("busy", cores)):
                with _neighbours(num_neighbours):
                    # Each is first, second and so on in turn.
                    first = number % len(children)
                    for child in (*children[first:], *children[:first]):
                        found.setdefault((child.kind, state, child.setting), []).append(child.turn())
    medians = {key: statistics.median(speeds) for key, speeds in found.items()}
    for kind, settings in _SETTINGS.items():
        for state in ("quiet", "busy"):
            speeds = {setting: medians[kind, state, setting] for setting in settings}
            best, default = max(speeds, key=lambda setting: speeds[setting]), speeds[_DEFAULT]
            name = f"neighbour, {kind}, {state}"
            yield Measurement(f"{name}: best ({best}) / default", speeds[best], default, "tokens/s")
            for setting in list(settings)[1:]:
                yield Measurement(f"{name}: {setting} / default", speeds[setting], default, "tokens/s")
        quiet, busy = (medians[kind, state, _DEFAULT] for state in ("quiet", "busy"))
        yield Measurement(f"neighbour, {kind}, default: quiet / busy", quiet, busy, "tokens/s")


def _started(stack: ExitStack, shards: str, exported: str) -> Iterator[Child]:
    """All children, ready and stopped; they end with the stack."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    child = [sys.executable, "-m", "bench.speed.neighbour_child"]
    # Stopped ranks do not answer each other for long.
    ranks = ["horovodrun", "-np", "2", "--gloo-timeout-seconds", str(int(_PATIENCE_S))]
    train = [*child, "--config", "job/default.yaml", "--data.shards", shards, "--train.batch_sentences"]
    commands = {
        "training": [*train, "32"],
        "2 ranks": [*ranks, *train, "64"],
        "tagging": [*child, "tag", exported, shards],
    }
    for kind, settings in _SETTINGS.items():
        for number, (setting, variables) in enumerate(settings.items()):
            path = folder / f"{kind.replace(' ', '-')}-{number}"
            started = _start(commands[kind], variables, path, 2 if kind == "2 ranks" else 1)
            one = Child(kind, setting, *started)
            stack.callback(one.end)
            one.stop()
            yield one


def _start(
    command: list[str], variables: dict[str, str], path: Path, num_processes: int
) -> tuple[list[socket.socket], list[int], subprocess.Popen[bytes]]:
    """Start a job whose processes connect to a socket at path; returns their connections, their ids, and the job."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(_PATIENCE_S)
        environment = {**_without_threads(), **variables, SOCKET: str(path)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            connections = [listener.accept()[0] for _ in range(num_processes)]
        except TimeoutError:
            process.terminate()
            raise
    for connection in connections:
        connection.settimeout(_PATIENCE_S)
    return connections, [int(_line(connection)) for connection in connections], process


def _without_threads() -> dict[str, str]:
    """This environment without what users set about threads."""
    about_threads = ("OMP_", "GOMP_", "KMP_", "NER_BIND_CORES")
    return {name: value for name, value in os.environ.items() if not name.startswith(about_threads)}


@contextmanager
def _neighbours(number: int) -> Iterator[None]:
    """Processes that compute all the time."""
    command = [sys.executable, "-S", "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(number)]
    try:
        time.sleep(_SETTLE_S)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _line(connection: socket.socket) -> str:
    """The next line. Raises RuntimeError if the child has ended instead."""
    line = b""
    while not line.endswith(b"\n"):
        part = connection.recv(1)
        if not part:
            raise RuntimeError("a process that was measured has ended; what it wrote is above")
        line += part
    return line.decode()
