# PYTHON_ARGCOMPLETE_OK
"""Build shards from a corpus; check, describe, convert, generate or fetch corpora; inspect shards: commands.py."""

from __future__ import annotations

import ctypes
import errno
import gc
import signal
import sys

from data_prep.commands import COMMANDS, command_line
from ner_dist.cli.options import read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.errors import UserError
from ner_dist.stores.local_copies import by_address

# Constants of malloc.h, and the size from which glibc maps a block of memory of its own.
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
MMAP_THRESHOLD_BYTES = 1 << 19


def _save_memory() -> None:
    """Have freed memory returned, so that the peak does not grow with the corpus; __init__.py does so for Arrow's."""
    # As blocks are freed, glibc raises this size up to 32 MB, and its heap becomes more and more fragmented. It also
    # keeps a heap for each thread, where one is enough. Only glibc has these habits.
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
        mallopt(M_ARENA_MAX, 1)


def _os_sentence(error: OSError, left_behind: str) -> str:
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT) or "No space left" in str(error):
        return f"the disk is full or a size limit is reached ({error}); {left_behind}"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def main(arguments: list[str] | None = None) -> int:
    parser = command_line()
    complete(parser)
    parsed = parser.parse_args(arguments)
    command = COMMANDS[parsed.command]
    try:
        return int(read_options(command.kind, parsed).run())
    except UserError as error:
        print(by_address(str(error)), file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output, for example head, has seen enough.
        sys.stderr.close()
        return 0
    except OSError as error:
        print(by_address(_os_sentence(error, command.left_behind)), file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print(f"stopped by {str(interrupt) or 'Ctrl-C'}; {command.left_behind}", file=sys.stderr)
        return 128 + (getattr(signal, str(interrupt), signal.SIGINT) if str(interrupt) else signal.SIGINT)


if __name__ == "__main__":
    # Blocks hold tens of thousands of lists and no cycles, so the collector would only walk them over and over.
    gc.disable()
    _save_memory()
    sys.exit(main())
