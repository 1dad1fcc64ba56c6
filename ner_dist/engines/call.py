"""One task of a stage, as a worker of any engine runs it."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ner_dist import __version__
from ner_dist.engines.core_share import use_cores
from ner_dist.engines.executor import Advance, EngineError
from ner_dist.engines.progress_files import progress_file
from ner_dist.errors import UserError


class Call(NamedTuple):
    stage: str
    number: int
    function: Callable[[Any, Advance], Any]
    task: Any
    # The folder that all workers see, and the one that paths in the task are relative to.
    work: str
    current: str
    # How much of the machine is for this task.
    num_cores: int
    # Whether somebody looks at the progress.
    is_watched: bool
    version: str = __version__


class Done(NamedTuple):
    result: Any
    # What the task has told `advance` in all.
    advanced: int


# What is in object stores is read from copies there, and what is to be sent is written there.
_SHARED = "input and output, and NER_CACHE if one of them has an address, must lie on disks that all workers share"


class WorkerError(Exception):
    """What went wrong in a worker that the user cannot mend; the text is the worker's traceback."""


def perform(call: Call) -> Done:
    """In the worker. Raises EngineError if it cannot work for this command, UserError as the task does, WorkerError."""
    if call.version != __version__:
        what = f"the worker has version {__version__} of this program, the command {call.version}; install the same one"
        raise EngineError(what)
    for folder in (call.work, call.current):
        if not Path(folder).is_dir():
            raise EngineError(f"a worker does not see {folder}; {_SHARED}")
    use_cores(call.num_cores)
    # A worker elsewhere was started in another folder.
    os.chdir(call.current)
    place = Path(call.work) / "progress" / f"{call.stage}-{call.number}" if call.is_watched else None
    with progress_file(place) as counted:
        try:
            return Done(call.function(call.task, counted.advance), counted.total)
        except Exception as error:
            raise _to_send(error, call) from None


def _to_send(error: Exception, call: Call) -> Exception:
    """An error that can be pickled, and is reported as in the process of the build."""
    if isinstance(error, MemoryError):
        what = f"stage {call.stage}: the memory of a worker does not suffice ({error or 'none is left'}); "
        return EngineError(f"{what}allow more with --worker-memory-gb, or use fewer --workers")
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return EngineError(f"a worker does not find {error.filename}; unless it was removed just now: {_SHARED}")
    if isinstance(error, (UserError, OSError)) and _can_be_sent(error):
        return error
    # Once pickled, an exception has no traceback.
    return WorkerError(f"stage {call.stage}, task {call.number}:\n{traceback.format_exc()}")


def _can_be_sent(error: Exception) -> bool:
    try:
        return str(pickle.loads(pickle.dumps(error))) == str(error)
    except Exception:
        return False
