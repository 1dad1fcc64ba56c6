"""The doctor's check of secrets in the environment, and its advice."""

from __future__ import annotations

from pathlib import Path

import pytest
from ask_doctor import ask, provokes, write

from launch.doctor.checks.secrets import secrets
from launch.doctor.machine import DoctorOptions, Machine


@provokes("secrets")
def test_a_secret_that_horovodrun_would_show_is_named_and_not_shown() -> None:
    found = ask("--only", "secrets", WANDB_API_KEY="pa55")["secrets"]
    assert found.status == "warn"
    assert "WANDB_API_KEY" in found.found
    assert "pa55" not in f"{found}"
    assert "WANDB_API_KEY" not in ask("--only", "secrets", before=found.fix, WANDB_API_KEY="pa55")["secrets"].found


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        *((name, True) for name in ("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "KEY")),
        *((name, False) for name in ("PATH", "KEYBOARD", "SSH_AUTH_SOCK", "MONKEY")),
    ],
)
def test_secrets_are_known_by_their_names(tmp_path: Path, name: str, is_secret: bool) -> None:
    found = secrets(Machine(root=tmp_path, environment={name: "x"}), DoctorOptions())
    assert (found.status == "warn") == is_secret
    assert secrets(Machine(root=tmp_path, environment={name: ""}), DoctorOptions()).status == "ok"


def test_where_processes_are_hidden_nothing_is_shown(tmp_path: Path) -> None:
    write(tmp_path, "proc/mounts", "tmpfs /run tmpfs rw 0 0\nproc /proc proc rw,nosuid,hidepid=2 0 0\n")
    assert secrets(Machine(root=tmp_path, environment={"MY_TOKEN": "x"}), DoctorOptions()).status == "ok"
