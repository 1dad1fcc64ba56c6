"""A process that dies, or finds the disk full, at any one of the operations on files that it does.

    for i in range(operations(action)):
        killed_at(i, action)
        ...  # is what it left the old whole or the new whole? does it succeed when it is done again?

The action runs in a fork of the test's process, so that it may be any function; what it changes other than files is
lost. Its threads and child processes are counted as well. Numbers may vary by some if threads write.
"""

from __future__ import annotations

import errno
import os
import pickle
import signal
import socket
import warnings
from collections.abc import Callable
from typing import NamedTuple

import pytest
from system_calls import SystemCall, answer, ask_before_each, is_available

Action = Callable[[], object]

# What still works on a full disk.
_FREE = frozenset(("rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "fsync", "fdatasync", "fchmod"))

needs_system_calls = pytest.mark.skipif(not is_available(), reason="seccomp notifications need Linux on x86_64 or ARM")


class Ended(NamedTuple):
    """How the action ended: killed, with an exception, or well."""

    was_killed: bool
    # The exception's class, and its text; None if there was none.
    error: type[BaseException] | None = None
    message: str = ""
    # Those that were watched, by name: "openat", "write", "renameat2" and the like.
    operations: tuple[str, ...] = ()


def operations(action: Action) -> int:
    """How many operations that change files the action does, which must end well."""
    ended = watched(action)
    assert ended.error is None, f"{ended.error}: {ended.message}"
    return len(ended.operations)


def killed_at(i: int, action: Action) -> bool:
    """Run the action and kill it with SIGKILL right before its operation i, from 0; False if it has fewer."""
    return watched(action, kill_at=i).was_killed


def full_disk_at(i: int, action: Action, error: int = errno.ENOSPC) -> Ended:
    """Run the action with a disk on which, from operation i on, nothing can be written or made; or EROFS, say."""
    return watched(action, full_at=i, error=error)


def watched(action: Action, kill_at: int | None = None, full_at: int | None = None, error: int = errno.ENOSPC) -> Ended:
    """Run the action in a fork, with what `killed_at` and `full_disk_at` say; its output goes nowhere."""
    questions, answers = socket.socketpair()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Threads of Arrow and MXNet cope with forks.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _act(action, questions, writing)
    questions.close()
    os.close(writing)
    done: list[str] = []

    def judge(call: SystemCall) -> int:
        if not call.concerns_files:
            return 0
        if len(done) == kill_at:
            os.kill(pid, signal.SIGKILL)
            return 0
        done.append(call.name)
        is_full = full_at is not None and len(done) > full_at
        writes = call.name not in _FREE and (not call.name.startswith("open") or call.may_create)
        return error if is_full and writes else 0

    try:
        with answers:
            answer(answers, judge)
    finally:
        with open(reading, "rb") as file:
            said = file.read()
        _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        expected = 0 if kill_at is None else signal.SIGKILL
        assert os.WTERMSIG(status) == expected, f"died of signal {os.WTERMSIG(status)}"
        return Ended(True, operations=tuple(done))
    assert said, "the action ended its process"
    kind, message = pickle.loads(said)
    if kind is OSError and "seccomp notifications" in message:
        pytest.skip(message)
    return Ended(False, kind, message, tuple(done))


def _act(action: Action, questions: socket.socket, writing: int) -> None:
    """In the fork, which never returns."""
    error: BaseException | None = None
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        try:
            ask_before_each(questions)
        except OSError as unavailable:
            raise OSError(f"seccomp notifications: {unavailable.strerror}") from unavailable
        # The answering process sees the end of this one by it.
        questions.close()
        action()
    except BaseException as raised:
        error = raised
    finally:
        try:
            said = pickle.dumps((None, "") if error is None else (type(error), str(error)))
        except Exception:
            said = pickle.dumps((BaseException, repr(error)))
        os.write(writing, said)
        os._exit(0)
