"""Runs beside each rank, on the rank's host: starts it, passes signals on to it, and ends it if the launcher is gone.

`python -m launch.job.rank_starter` reads what to start as a line of JSON from its standard input, and then orders, a
line each, until that ends. So the variables of the rank are on no command line, where every user of the host could read
them, and a signal arrives as what it was, which ssh does not do. It exits with the rank's code, or 128 + its signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import IO, NamedTuple

# Orders besides the numbers of signals: other ranks have failed, so leave; end at once; and the same if it is stopped.
LEAVE, KILL, KILL_STOPPED = "leave", "kill", "kill stopped"
# Exit code of a rank that was found stopped, as by SIGSTOP, and had to be killed.
STOPPED = 128 + signal.SIGSTOP
_NO_COMMAND, _NO_INTERFACE = 127, 1
# Looks at whether the rank is stopped, until it is ended for that.
_LOOKS = 20
# From prctl.h: a signal for this process when its parent dies.
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


class RankOrder(NamedTuple):
    """What to start."""

    command: list[str]
    # Added to the variables of this process.
    environment: dict[str, str]
    # Seconds between the end of the launcher and that of the rank.
    grace_s: float
    # Seconds after which a rank that is stopped alone is ended, if no other rank does it first; 0: never.
    stopped_s: float = 0.0
    # An address of the launcher's host. Gloo uses the network interface that leads there; empty: one is set already.
    launcher: str = ""

    def as_line(self) -> bytes:
        return json.dumps(self._asdict()).encode() + b"\n"


def source_address(target: str) -> str:
    """This host's address on the way to another one. Raises OSError if no way leads there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket sends nothing; the port does not matter.
        probe.connect((target, 9))
        return str(probe.getsockname()[0])


def interface_of(address: str) -> str | None:
    """The name of the network interface that has this address."""
    # Late, because only ranks on other hosts need it.
    import psutil  # type: ignore[import-untyped]

    for name, entries in psutil.net_if_addrs().items():
        if any(entry.family == socket.AF_INET and entry.address == address for entry in entries):
            return str(name)
    return None


def interface_variables(interface: str) -> dict[str, str]:
    return {"HOROVOD_GLOO_IFACE": interface, "NCCL_SOCKET_IFNAME": interface}


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped, as by SIGSTOP."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in parentheses, may contain anything.
            return file.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    except (OSError, IndexError):
        return False


class _Rank:
    def __init__(self, order: RankOrder, environment: dict[str, str]) -> None:
        self._grace_s = order.grace_s
        self._was_stopped = False
        self.process = subprocess.Popen(
            order.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            # Ctrl-C in a terminal reaches only the launcher, and what the rank starts ends with it.
            start_new_session=True,
            preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM),
        )

    def obey(self, orders: IO[bytes]) -> None:
        """Until the launcher is gone, and then end the rank; the thread ends with this process."""
        for line in orders:
            word = line.decode().strip()
            if word == KILL or (word in (LEAVE, KILL_STOPPED) and is_stopped(self.process.pid)):
                self._kill()
            elif word != KILL_STOPPED:
                self._ask(signal.SIGTERM if word == LEAVE else int(word))
        self._ask(signal.SIGTERM)
        threading.Timer(self._grace_s, self._kill).start()

    def watch(self, stopped_s: float) -> None:
        """End the rank once it has been stopped, as by SIGSTOP, for so long; the thread ends with this process.

        Looks are counted, so that no time passes while this process is stopped as well.
        """
        num_stopped = 0
        while num_stopped < _LOOKS:
            time.sleep(stopped_s / _LOOKS)
            num_stopped = num_stopped + 1 if is_stopped(self.process.pid) else 0
        self._kill()

    def exit_code(self) -> int:
        code = self.process.wait()
        if self._was_stopped:
            return STOPPED
        return code if code >= 0 else 128 - code

    def _ask(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def _kill(self) -> None:
        self._was_stopped = is_stopped(self.process.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def main() -> int:
    # Only the launcher's orders count, wherever a signal for all processes of a job comes from: the rank gets it, too,
    # and its end must be waited for.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    line = sys.stdin.buffer.readline()
    if not line:
        # The launcher has ended already.
        return STOPPED - signal.SIGSTOP + signal.SIGTERM
    order = RankOrder(**json.loads(line))
    environment = {**os.environ, **order.environment}
    if order.launcher:
        interface = interface_of(source_address(order.launcher))
        if interface is None:
            print(f"error: no network interface of {socket.gethostname()} leads to {order.launcher}", file=sys.stderr)
            return _NO_INTERFACE
        environment.update(interface_variables(interface))
    try:
        rank = _Rank(order, environment)
    except OSError as error:
        print(f"error: {order.command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return _NO_COMMAND
    threading.Thread(target=rank.obey, args=(sys.stdin.buffer,), daemon=True).start()
    if order.stopped_s:
        threading.Thread(target=rank.watch, args=(order.stopped_s,), daemon=True).start()
    return rank.exit_code()


if __name__ == "__main__":
    _code = main()
    # At once: a thread may be waiting for standard input, which would not let the interpreter end.
    sys.stderr.flush()
    os._exit(_code)
