"""pip and npm as they are called, and what a user reads when they fail; scripts stand in for both."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_packages import stand_in

from data_prep.fetching.package_client import FetchError, Package, run_client

PIP_PACKAGE = Package("pip", "one", "1.2.3", "one-1.2.3-py3-none-any.whl", 5, "0" * 64, "MIT")
NPM_PACKAGE = Package("npm", "two", "4.5.6", "two-4.5.6.tgz", 5, "0" * 64, "MIT")


@pytest.fixture
def clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a script in place of npm and of the Python that runs pip; returns the file of their arguments."""

    def install(script: str) -> Path:
        arguments = tmp_path / "arguments"
        script = f'printf "%s\\n" "$@" > {shlex.quote(str(arguments))}\n{script}'
        stand_in(tmp_path / "bin/npm", script)
        monkeypatch.setattr(sys, "executable", str(stand_in(tmp_path / "bin/python", script)))
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        return arguments

    return install


def test_pip_downloads_one_exact_wheel_and_runs_nothing(clients: Callable[[str], Path], tmp_path: Path) -> None:
    arguments = clients("printf wheel > one-1.2.3-py3-none-any.whl")
    folder = tmp_path / "to"
    folder.mkdir()
    run_client(PIP_PACKAGE, folder)
    assert (folder / PIP_PACKAGE.file_name).read_bytes() == b"wheel"
    given = arguments.read_text().splitlines()
    assert given[:4] == ["-m", "pip", "download", "--no-deps"]
    assert given[-1] == "one==1.2.3"
    assert given[given.index("--only-binary") + 1] == ":all:"
    assert given[given.index("--dest") + 1] == str(folder)


def test_npm_packs_one_exact_version_and_keeps_no_copy(clients: Callable[[str], Path], tmp_path: Path) -> None:
    arguments = clients("printf pack > two-4.5.6.tgz")
    folder = tmp_path / "to"
    folder.mkdir()
    run_client(NPM_PACKAGE, folder)
    assert (folder / NPM_PACKAGE.file_name).read_bytes() == b"pack"
    given = arguments.read_text().splitlines()
    assert given[:2] == ["pack", "two@4.5.6"]
    assert "--ignore-scripts" in given
    assert f"--cache={folder / '.cache'}" in given


def test_a_missing_npm_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError) as raised:
        run_client(NPM_PACKAGE, tmp_path)
    assert str(raised.value) == (
        "two 4.5.6 could not be fetched: there is no npm on the PATH; install npm and run it again"
    )


PIP_UNREACHED = """WARNING: Retrying after connection broken by 'NewConnectionError("Failed to establish")'
ERROR: Could not find a version that satisfies the requirement one==1.2.3 (from versions: none)
ERROR: No matching distribution found for one==1.2.3"""


@pytest.mark.parametrize(
    ("package", "printed", "told"),
    [
        (PIP_PACKAGE, "/usr/bin/python: No module named pip", "pip is missing; install it"),
        (PIP_PACKAGE, PIP_UNREACHED, "it reached no registry; check the network, or pip's proxy"),
        (PIP_PACKAGE, PIP_UNREACHED.split("\n", 1)[1], "it found no version at all"),
        (
            PIP_PACKAGE,
            "ERROR: Could not find a version (from versions: 1.0.0)\nERROR: No matching distribution found for one",
            "its registry does not offer that version",
        ),
        (PIP_PACKAGE, "ERROR: [Errno 28] No space left on device", "the disk is full"),
        (NPM_PACKAGE, "npm error code ENOTFOUND\nnpm error network getaddrinfo", "check the network, or npm's"),
        (NPM_PACKAGE, "npm error code ECONNREFUSED", "it reached no registry"),
        (NPM_PACKAGE, "npm error code E404\nnpm error 404 Not Found", "its registry does not offer that version"),
        (NPM_PACKAGE, "npm error code ETARGET", "its registry does not offer that version"),
        (NPM_PACKAGE, "npm error code ENOSPC", "the disk is full"),
        (NPM_PACKAGE, "first\n\nsomething else", "npm failed: it said: something else"),
        (NPM_PACKAGE, "", "npm failed: it did not say why"),
    ],
)
def test_a_client_that_fails_is_one_sentence_with_its_cause(
    clients: Callable[[str], Path], tmp_path: Path, package: Package, printed: str, told: str
) -> None:
    clients(f"cat >&2 <<'TEXT'\n{printed}\nTEXT\nexit 1")
    with pytest.raises(FetchError) as raised:
        run_client(package, tmp_path)
    text = str(raised.value)
    assert text.startswith(f"{package.title} could not be fetched: {package.client} failed: ")
    assert told in text
    assert "\n" not in text
