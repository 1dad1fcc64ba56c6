"""A Ray and a Spark on this machine, from the environment of make test-clusters; they end with their context."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pages import free_port
from processes import Job

# Where a token is in the user's home, Ray would want it.
RAY_VARIABLES = {"RAY_AUTH_MODE": "disabled"}
_LONG_S = 3600


@contextlib.contextmanager
def ray_head() -> Iterator[str]:
    """A Ray of two cores; its address."""
    # In /tmp, because paths of sockets are short.
    folder, port = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp")), free_port()
    ray, address = str(Path(sys.executable).parent / "ray"), f"127.0.0.1:{port}"
    words = ["--head", "--block", "--num-cpus", 2, "--port", port, "--node-ip-address", "127.0.0.1"]
    words += ["--include-dashboard=false", "--disable-usage-stats", "--object-store-memory", 100_000_000]
    with Job([ray, "start", *map(str, words), "--temp-dir", str(folder)], folder, _LONG_S, **RAY_VARIABLES) as job:
        # What a program on this machine connects to; asking Ray's own command would take seconds each time.
        job.wait_until(lambda: (folder / "session_latest" / "sockets" / "raylet").exists())
        yield address
    shutil.rmtree(folder, ignore_errors=True)


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
