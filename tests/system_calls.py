"""Linux's seccomp notifications: a process asks another one, before each of some system calls, what shall become of it.

Unlike patched Python functions, this also sees what C++ libraries such as MXNet and Arrow do to files.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import select
import socket
import stat
import struct
from collections.abc import Callable
from typing import NamedTuple

# Numbers of system calls that change files, by the machine. Of `openat` only those that may write.
_NUMBERS = {
    "x86_64": {
        "write": 1, "writev": 20, "pwrite64": 18, "sendfile": 40, "copy_file_range": 326, "fsync": 74, "fdatasync": 75,
        "ftruncate": 77, "truncate": 76, "fallocate": 285, "open": 2, "openat": 257, "creat": 85, "mkdir": 83,
        "mkdirat": 258, "rmdir": 84, "unlink": 87, "unlinkat": 263, "rename": 82, "renameat": 264, "renameat2": 316,
        "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266, "chmod": 90, "fchmod": 91,
    },
    "aarch64": {
        "write": 64, "writev": 66, "pwrite64": 68, "sendfile": 71, "copy_file_range": 285, "fsync": 82, "fdatasync": 83,
        "ftruncate": 46, "truncate": 45, "fallocate": 47, "openat": 56, "mkdirat": 34, "unlinkat": 35, "renameat": 38,
        "renameat2": 276, "linkat": 37, "symlinkat": 36, "fchmod": 52,
    },
}  # fmt: skip
NUMBERS = _NUMBERS.get(platform.machine(), {})
NAMES = {number: name for name, number in NUMBERS.items()}
_SECCOMP = {"x86_64": 317, "aarch64": 277}.get(platform.machine(), -1)
# Those whose first argument is an open file; what is no regular file, such as a pipe, changes nothing on disk.
_OF_DESCRIPTORS = frozenset(
    ("write", "writev", "pwrite64", "sendfile", "fsync", "fdatasync", "ftruncate", "fallocate", "fchmod")
)
_FLAGS_PLACE = {"open": 1, "openat": 2}
_PR_SET_NO_NEW_PRIVS, _SET_MODE_FILTER, _NEW_LISTENER = 38, 1, 1 << 3
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
# Of BPF: load a word of the call, compare it, return.
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NOTIFICATION, _RESPONSE = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
_RECEIVE, _SEND, _CONTINUE = 0xC0502100, 0xC0182101, 1


class SystemCall(NamedTuple):
    name: str
    # Of the process or thread.
    pid: int
    arguments: tuple[int, ...]

    @property
    def concerns_files(self) -> bool:
        if self.name not in _OF_DESCRIPTORS:
            return True
        try:
            return stat.S_ISREG(os.stat(f"/proc/{self.pid}/fd/{self.arguments[0]}").st_mode) or "sync" in self.name
        except OSError:
            return False

    @property
    def may_create(self) -> bool:
        place = _FLAGS_PLACE.get(self.name)
        return place is not None and bool(self.arguments[place] & os.O_CREAT)


# The number of the error that a call is to end with; 0: let it go on.
Judge = Callable[[SystemCall], int]


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def is_available() -> bool:
    """Whether this machine's processes may be watched so."""
    return os.name == "posix" and platform.system() == "Linux" and bool(NUMBERS)


def _program() -> bytes:
    """The filter: all calls go on, but those of NUMBERS wait for an answer."""
    code = []
    for name, number in NUMBERS.items():
        code.append((_LOAD, 0, 0, 0))
        if name in _FLAGS_PLACE:
            # To write: O_WRONLY, O_RDWR, O_CREAT or O_TRUNC among the flags.
            code.append((_EQUAL, 0, 3, number))
            code.append((_LOAD, 0, 0, 16 + 8 * _FLAGS_PLACE[name]))
            code.append((_ANY_BIT, 0, 1, os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
        else:
            code.append((_EQUAL, 0, 1, number))
        code.append((_RETURN, 0, 0, _NOTIFY))
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *line) for line in code)


def ask_before_each(channel: socket.socket) -> None:
    """From now on this process waits before each call that changes files; who has the other end answers.

    Raises OSError if the system does not allow it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    program = _program()
    buffer = ctypes.create_string_buffer(program, len(program))
    filtered = _Filter(len(program) // 8, ctypes.addressof(buffer))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener = libc.syscall(_SECCOMP, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(filtered))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp notifications are not allowed here")
    socket.send_fds(channel, [b"x"], [listener])
    os.close(listener)


def answer(channel: socket.socket, judge: Judge) -> None:
    """Answer for a process that called `ask_before_each`, until it ends; returns at once if it ended before that."""
    libc = ctypes.CDLL(None, use_errno=True)
    _, listeners, _, _ = socket.recv_fds(channel, 1, 1)
    if not listeners:
        return
    listener = listeners[0]
    try:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while not any(event & select.POLLHUP for _, event in poll.poll()):
            notification = ctypes.create_string_buffer(_NOTIFICATION.size)
            if libc.ioctl(listener, ctypes.c_ulong(_RECEIVE), notification) < 0:
                # It died, or was interrupted, while it waited.
                if ctypes.get_errno() in (errno.ENOENT, errno.EINTR):
                    continue
                raise OSError(ctypes.get_errno(), "seccomp notifications cannot be read")
            call_id, pid, _, number, _, _, *arguments = _NOTIFICATION.unpack(notification.raw)
            error = judge(SystemCall(NAMES[number], pid, tuple(arguments)))
            response = _RESPONSE.pack(call_id, 0, -error, 0 if error else _CONTINUE)
            libc.ioctl(listener, ctypes.c_ulong(_SEND), ctypes.create_string_buffer(response, len(response)))
    finally:
        os.close(listener)
