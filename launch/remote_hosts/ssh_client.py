"""Runs commands on other hosts with the ssh client of this machine, which never asks a question."""

from __future__ import annotations

import shlex
import socket
import subprocess

CONNECT_TIMEOUT_S = 10
# ssh's own exit code if it does not reach the host.
NO_CONNECTION = 255


def batch_options() -> list[str]:
    """Options of ssh so that it asks nothing, and gives up soon.

    The key of a new host is accepted and stored, as horovodrun does; a changed key is refused.
    """
    options = ["BatchMode=yes", f"ConnectTimeout={CONNECT_TIMEOUT_S}", "StrictHostKeyChecking=accept-new"]
    return [f"-o{option}" for option in (*options, "LogLevel=ERROR")]


def on_host(host: str, command: list[str], timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command on a host; code 255 and a reason on stderr if it cannot be reached or does not end in time."""
    words = ["ssh", *batch_options(), host, shlex.join(command)]
    try:
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, NO_CONNECTION, "", f"no answer within {timeout_s:g} s")
    except FileNotFoundError:
        return subprocess.CompletedProcess(words, NO_CONNECTION, "", "this machine has no ssh (package openssh-client)")


def is_here(name: str) -> bool:
    """Whether a host's name or address belongs to this machine; False if it does not resolve."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
            # Only an address of this machine can be bound.
            trial.bind((name, 0))
    except OSError:
        return False
    return True
