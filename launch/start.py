"""Does what a command line of `python -m launch` asks for, and tells in one sentence why if it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from launch import command_line
from launch.command_line import Call
from launch.errors import LaunchError, UsageError
from launch.training import check_training
from ner_dist.config import ConfigError
from ner_dist.errors import UserError
from ner_dist.whole_file import whole_file


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0, 2 for a wrong command line, 130 for Ctrl-C, what the job ended with, or 1."""
    try:
        return run(command_line.parse(sys.argv[1:] if argv is None else argv))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, (UsageError, ConfigError)) else 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of the output, such as head, has seen enough.
        os._exit(0)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def run(call: Call) -> int:
    """Do what the command line asks for."""
    command: Any = call.module
    if call.command == "doctor":
        return command.run(call.options)
    if call.command in ("local", "ssh"):
        return command.run(call.options, check_training(call.training))
    command.check(call.options)
    training = check_training(call.training)
    write: Any = command.script if call.command == "slurm" else command.manifest
    text: str = write(call.options, training.arguments)
    if call.submit and shutil.which("sbatch") is None:
        raise LaunchError(
            "sbatch was not found, so this is no host of a SLURM cluster; write the script with --out FILE and submit "
            "it on a login node"
        )
    if call.out is not None:
        with whole_file(Path(call.out)) as file:
            file.write(text)
    if call.command == "slurm" and (call.submit or call.out is not None):
        command.prepare(call.options, training.arguments)
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
