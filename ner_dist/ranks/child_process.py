"""Children that do not outlive their parent."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable

# Loaded here, because between fork and exec it could wait for a lock of another thread.
_LIBC, _PR_SET_PDEATHSIG = ctypes.CDLL(None), 1


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


# For Popen(preexec_fn=...): Linux kills the child when the parent is gone, even if that was killed.
END_WITH_PARENT: Callable[[], None] | None = _end_with_parent if sys.platform == "linux" else None
