"""The commit of the code: known in a clone, with changes said, and unknown anywhere else."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ner_dist.run import code_commit


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_the_commit_is_that_of_a_clone_and_says_whether_files_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    place = tmp_path / "ner_dist" / "run"
    place.mkdir(parents=True)
    file = Path(shutil.copy(code_commit.__file__, place))
    monkeypatch.setattr(code_commit, "_FILE", file)
    assert code_commit.code_commit() is None
    git(tmp_path, "init", "-q")
    # In a clone of something else, which does not track it.
    assert code_commit.code_commit() is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    found = code_commit.code_commit()
    assert re.fullmatch("[0-9a-f]{12}", found or "")
    file.write_text("# changed\n")
    assert code_commit.code_commit() == f"{found}+changes"


def test_without_git_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert code_commit.code_commit() is None
