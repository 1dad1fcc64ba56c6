"""Horovod's own launcher, as .venv/bin/horovodrun runs it: without a traceback when its ranks have ended.

What Horovod raises then says less than the ranks, which have told why in one sentence.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from typing import Any

_EXIT_CODE = re.compile(r"Exit code: (-?\d+)")
# What ranks end with that were asked to, with all of their work saved.
_ASKED = {128 + signal.SIGINT, 128 + signal.SIGTERM}


def main(run: Callable[[], Any] | None = None) -> int:
    """Returns the exit code: 143 or 130 if a signal has ended the ranks, 130 after Ctrl-C at the start, otherwise 1.

    run: what starts the ranks, that of Horovod by default.
    """
    try:
        if run is None:
            # Late: Ctrl-C may come while it is loaded, which takes a second.
            from horovod.runner.launch import run_commandline

            run = run_commandline
        return run() or 0
    except KeyboardInterrupt:
        print("horovodrun: interrupted before the ranks had started; repeat the command", file=sys.stderr)
        return 128 + signal.SIGINT
    except RuntimeError as error:
        found = _EXIT_CODE.search(str(error))
        if not found:
            raise
        code = int(found[1])
        return code if code in _ASKED else 1
