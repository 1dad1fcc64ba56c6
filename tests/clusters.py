"""A Ray and a Spark on this machine, from the environment of make test-clusters; they end with their context."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pages import free_port
from processes import Job

# Where a token is in the user's home, Ray would want it.
RAY_VARIABLES = {"RAY_AUTH_MODE": "disabled"}
_LONG_S = 3600


class RayHead(NamedTuple):
    # For programs on its hosts, and for those from elsewhere.
    address: str
    client_address: str


@contextlib.contextmanager
def ray_head(**variables: str) -> Iterator[RayHead]:
    """A Ray of two cores. variables: more of its environment."""
    # In /tmp, because paths of sockets are short.
    folder, port, client = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp")), free_port(), free_port()
    ray, address = str(Path(sys.executable).parent / "ray"), f"127.0.0.1:{port}"
    words = ["--head", "--block", "--num-cpus", 2, "--port", port, "--node-ip-address", "127.0.0.1"]
    words += ["--include-dashboard=false", "--disable-usage-stats", "--object-store-memory", 100_000_000]
    words += ["--ray-client-server-port", client, "--temp-dir", folder]
    with Job([ray, "start", *map(str, words)], folder, _LONG_S, **{**RAY_VARIABLES, **variables}) as job:
        # What a program on this machine connects to; asking Ray's own command would take seconds each time.
        job.wait_until(lambda: (folder / "session_latest" / "sockets" / "raylet").exists() and _answers(client))
        yield RayHead(address, f"ray://127.0.0.1:{client}")
    shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def spark_master(folder: Path) -> Iterator[str]:
    """A Spark of one worker with two cores; its address. folder: for its files."""
    import pyspark

    port = free_port()
    command, address = [str(Path(pyspark.__file__).parent / "bin" / "spark-class")], f"spark://127.0.0.1:{port}"
    here = ["--host", "127.0.0.1", "--webui-port", "0"]
    master = ["org.apache.spark.deploy.master.Master", *here, "--port", str(port)]
    worker = ["org.apache.spark.deploy.worker.Worker", *here, "--cores", "2", "--memory", "2g", address]
    variables = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_WORKER_DIR": str(folder)}
    with Job([*command, *master], folder, _LONG_S, **variables), Job([*command, *worker], folder, _LONG_S, **variables):
        yield address
