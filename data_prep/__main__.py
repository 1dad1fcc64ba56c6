# PYTHON_ARGCOMPLETE_OK
"""Build shards from a corpus; check, describe, convert, generate or fetch corpora; inspect shards: commands/."""

from __future__ import annotations

import errno
import signal
import sys

from data_prep.commands.table import COMMANDS, command_line
from ner_dist.cli.options import read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.engines.process_memory import save_memory
from ner_dist.engines.work_folder import Interrupted
from ner_dist.errors import UserError
from ner_dist.stores.local_copies import by_address


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
        left_behind = Interrupted.left_behind if isinstance(interrupt, Interrupted) else command.left_behind
        print(f"stopped by {str(interrupt) or 'Ctrl-C'}; {left_behind}", file=sys.stderr)
        return 128 + (getattr(signal, str(interrupt), signal.SIGINT) if str(interrupt) else signal.SIGINT)


if __name__ == "__main__":
    save_memory()
    sys.exit(main())
