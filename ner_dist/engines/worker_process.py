"""A process that runs one call after another for processes.py, which writes them to its standard input."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import threading
from typing import IO, Any

# Before each pickle: how many bytes it has.
_LENGTH = struct.Struct("<Q")


def write_message(file: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message)
    file.write(_LENGTH.pack(len(data)))
    file.write(data)
    file.flush()


def read_message(file: IO[bytes]) -> bytes:
    """Still pickled. Raises EOFError if the other side is gone."""
    header = file.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError
    data = file.read(_LENGTH.unpack(header)[0])
    if len(data) < _LENGTH.unpack(header)[0]:
        raise EOFError
    return data


def _read_all(source: IO[bytes], waiting: queue.SimpleQueue[bytes]) -> None:
    """Ends this process in the middle of a call if the parent is gone, even if that was killed."""
    try:
        while True:
            waiting.put(read_message(source))
    except EOFError:
        os._exit(1)


def main(memory_bytes: int) -> None:
    """memory_bytes: 0 for no limit."""
    # Ctrl-C is for the parent, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the replies.
    os.dup2(2, 1)
    from ner_dist.engines.call import perform
    from ner_dist.engines.process_memory import limit_memory, save_memory

    save_memory()
    if memory_bytes:
        limit_memory(memory_bytes)
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_all, args=(source, waiting), daemon=True).start()
    while True:
        data = waiting.get()
        try:
            reply: tuple[bool, Any] = (True, perform(pickle.loads(data)))
            write_message(replies, reply)
        except Exception as error:
            write_message(replies, (False, error))
