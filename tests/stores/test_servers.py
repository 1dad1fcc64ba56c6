"""Three real servers of object stores, and everything that may happen to them."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import store_servers
from processes import ROOT
from store_proxy import Proxy, proxy_to, refusing
from store_servers import Server

from ner_dist.stores.addresses import Address, StoreError, parse_address
from ner_dist.stores.facts import delete_folder, list_folders
from ner_dist.stores.mirror import mirror, require
from ner_dist.stores.objects import delete, download, list_objects, read_bytes, size, upload, write_bytes
from ner_dist.stores.published import publish, published

pytestmark = pytest.mark.stores

DATA = os.urandom(1 << 20) * 12
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module", params=store_servers.SCHEMES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with store_servers.running(request.param, tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture
def proxy(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Before the server; the environment names it."""
    monkeypatch.setenv("NER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NER_STORE_RETRIES", "2")
    monkeypatch.setenv("NER_STORE_TIMEOUT", "3")
    monkeypatch.delenv("NER_STORE_FOLDER", raising=False)
    with proxy_to(server.port) as proxy:
        for name, value in server.variables(proxy.port).items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def store(server: Server, proxy: Proxy, request: pytest.FixtureRequest) -> Address:
    """A folder of the test's own."""
    digest = hashlib.sha256(request.node.name.encode()).hexdigest()[:8]
    return parse_address(f"{server.scheme}://{store_servers.BUCKET}/{digest}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


def test_objects_are_written_read_listed_and_deleted(
    store: Address, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PyArrow has Azurite wait for seconds after an object was deleted.
    monkeypatch.setenv("NER_STORE_TIMEOUT", "60")
    assert upload(file, store / "a/b.gz") == SHA256
    assert download(store / "a/b.gz", tmp_path / "back", len(DATA), SHA256) == SHA256
    for data in (b"", b"text", b"other text"):
        write_bytes(data, store / "ä ö+%?.txt")
        assert read_bytes(store / "ä ö+%?.txt", 100) == data
    assert list(list_objects(store)) == [("a/b.gz", len(DATA)), ("ä ö+%?.txt", 10)]
    assert (size(store / "a/b.gz"), size(store / "none"), list_folders(store)) == (len(DATA), None, ["a"])
    delete([store / "ä ö+%?.txt", store / "none"])
    delete_folder(store / "a")
    delete_folder(store / "a")
    assert list(list_objects(store)) == []


def test_folders_are_published_and_mirrored(store: Address, tmp_path: Path) -> None:
    for text in ("one", "two", "three"):
        (tmp_path / text / "vocab").mkdir(parents=True)
        for name in ("index.json", "vocab/word.json", "train-0.parquet"):
            (tmp_path / text / name).write_text(f"{name} {text}")
        publish(tmp_path / text, store, "index.json")
        time.sleep(1)
    copy = mirror(store, ["index.json"])
    assert require(copy / "train-0.parquet").read_text() == "train-0.parquet three"
    assert len(list_folders(store)) == 2


def test_a_cut_connection_is_made_again(store: Address, file: Path, tmp_path: Path, proxy: Proxy) -> None:
    proxy.cut_after = 5_000_000
    assert upload(file, store / "a") == SHA256
    proxy.cut_after = 5_000_000
    assert download(store / "a", tmp_path / "back") == SHA256


def test_a_server_that_is_killed_in_the_midst_of_reading_is_named(
    store: Address, file: Path, tmp_path: Path, proxy: Proxy
) -> None:
    upload(file, store / "a")
    proxy.on_cut(lambda: setattr(proxy, "is_down", True))
    proxy.cut_after = 5_000_000
    with pytest.raises(StoreError, match=f"^{store / 'a'} could not be read: 2 retries in vain"):
        download(store / "a", tmp_path / "back")
    assert [path.name for path in tmp_path.iterdir() if "back" in path.name] == []


def test_a_server_that_is_killed_in_the_midst_of_writing_keeps_what_it_had(
    store: Address, file: Path, proxy: Proxy
) -> None:
    write_bytes(b"old", store / "a")
    for name in ("a", "b"):
        proxy.on_cut(lambda: setattr(proxy, "is_down", True))
        proxy.cut_after = 5_000_000
        with pytest.raises(StoreError, match=f"^{store / name} could not be written: 2 retries in vain"):
            upload(file, store / name)
        proxy.is_down = False
    assert list(list_objects(store)) == [("a", 3)]


def test_a_server_that_hangs_is_waited_for_and_named_in_the_end(
    store: Address, file: Path, tmp_path: Path, proxy: Proxy
) -> None:
    write_bytes(b"old", store / "a")
    proxy.hangs = True
    for action in (
        lambda: size(store / "a"),
        lambda: upload(file, store / "a"),
        lambda: download(store / "a", tmp_path / "back"),
    ):
        with pytest.raises(StoreError, match=f"^{store / 'a'} could not .* is the store to be reached"):
            action()
    proxy.hangs = False
    assert read_bytes(store / "a", 10) == b"old"


def test_a_slow_server_is_waited_for(store: Address, tmp_path: Path, proxy: Proxy) -> None:
    write_bytes(DATA[: 1 << 21], store / "a")
    proxy.bytes_per_s = 500_000
    download(store / "a", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA[: 1 << 21]


def test_wrong_credentials_are_said_at_once(
    server: Server, store: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(403) as port:
        for name, value in server.variables(port).items():
            monkeypatch.setenv(name, value)
        for action in (
            lambda: size(store / "a"),
            lambda: read_bytes(store / "a", 10),
            lambda: download(store / "a", tmp_path / "back"),
            lambda: write_bytes(b"", store / "a"),
            lambda: list(list_objects(store / "a")),
            lambda: delete([store / "a"]),
            lambda: published(store / "a"),
        ):
            with pytest.raises(StoreError, match=f"^{store / 'a'}.* the store refuses it .* credentials"):
                action()


def test_a_missing_bucket_is_named(server: Server, store: Address, tmp_path: Path) -> None:
    place = parse_address(f"{server.scheme}://nobodys/a")
    for action in (
        lambda: read_bytes(place, 10),
        lambda: download(place, tmp_path / "back"),
        lambda: write_bytes(b"text", place),
        lambda: mirror(place, []),
    ):
        with pytest.raises(StoreError, match=f"^{place}.*there is no (such )?bucket"):
            action()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_an_upload_whose_process_ends_publishes_nothing(
    store: Address, file: Path, proxy: Proxy, end: signal.Signals
) -> None:
    write_bytes(b"old", store / "a")
    code = (
        "from pathlib import Path; from ner_dist.stores.objects import *; from ner_dist.stores.addresses import *\n"
        f"upload(Path({str(file)!r}), parse_address('{store / 'a'}'))"
    )
    proxy.bytes_per_s, before = 4_000_000, proxy.num_bytes
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        while proxy.num_bytes < before + 6_000_000:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(end)
        assert process.wait(60) != 0
    proxy.bytes_per_s = None
    assert list(list_objects(store)) == [("a", 3)]


# Google's own emulator reads each file that it lists; Azurite's database takes a minute to fill. Moto comes through all
# objects of a bucket for each page of a thousand, unless it is made to remember the last time.
KEYS = """
import functools, sys, moto.server, moto.s3.models as models
from moto.core import DEFAULT_ACCOUNT_ID
models.S3Backend.list_objects = functools.lru_cache(4)(models.S3Backend.list_objects)
backend = models.s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
backend.create_bucket("many", "us-east-1")
for number in range(100_000):
    backend.put_object("many", f"texts/{number:06}.txt", b"x")
moto.server.main(["-H", "127.0.0.1", "-p", sys.argv[1]])
"""


def test_a_hundred_thousand_objects_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = store_servers.free_port()
    command = [str(store_servers.ENVIRONMENT / "bin" / "python"), "-c", KEYS, str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            store_servers.wait_for(port)
            for name, value in store_servers.variables("s3", port).items():
                monkeypatch.setenv(name, value)
            names = [name for name, _ in list_objects(parse_address("s3://many/texts"))]
            assert names == [f"{number:06}.txt" for number in range(100_000)]
        finally:
            process.kill()
