"""Does what a command line of `python -m launch` asks for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from launch import commands
from launch.commands import Call
from launch.errors import LaunchError, UsageError
from launch.training import check_training
from ner_dist.atomic_file import whole_file
from ner_dist.config import ConfigError


def start(argv: list[str]) -> int:
    """Returns the exit code of what was started, or 0. Raises UserError, UsageError if the command line is wrong."""
    try:
        call = commands.parse(argv)
        return _train(call) if call.command in ("local", "ssh") else _write(call)
    except ConfigError as error:
        raise UsageError(str(error)) from error


def _train(call: Call) -> int:
    command: Any = call.module
    code: int = command.run(call.options, check_training(call.training))
    return code


def _write(call: Call) -> int:
    command: Any = call.module
    training = check_training(call.training)
    write: Any = command.script if call.command == "slurm" else command.manifest
    text: str = write(call.options, training)
    if call.submit and shutil.which("sbatch") is None:
        raise LaunchError(
            "sbatch was not found, so this is no host of a SLURM cluster; write the script with --out FILE and submit "
            "it on a login node"
        )
    if call.out is not None:
        with whole_file(Path(call.out)) as file:
            file.write(text)
    if call.command == "slurm" and (call.submit or call.out is not None):
        command.prepare(call.options, training)
    if call.submit:
        return submit(text, call.out)
    if call.out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        print(f"{call.out} is written", file=sys.stderr)
    return 0


def submit(text: str, path: str | None) -> int:
    """Give a batch script to sbatch, whose answer is shown; returns its exit code.

    path: the script's file; without one sbatch reads it from its standard input.
    """
    given = None if path else text
    return subprocess.run(["sbatch", *([path] if path else [])], input=given, text=True, check=False).returncode
