"""The commit of this code, if it runs from a clone."""

from __future__ import annotations

import subprocess
from pathlib import Path

_FILE = Path(__file__)


def code_commit() -> str | None:
    """The commit, and "+changes" if tracked files differ from it; None outside a clone, or without git."""
    # An installed package may lie in the clone of something else, which does not track it.
    if _git("ls-files", "--error-unmatch", _FILE.name) is None:
        return None
    commit = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", str(_FILE.parents[1]))
    return commit and commit + ("+changes" if changed else "")


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(_FILE.parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
