"""Commands of ner_dist in this process, which has loaded already what one of their own would need a second for.

Codes, "error: " before a sentence and the end of a process are the business of ner_dist/ranks/rank_process.py.
"""

from __future__ import annotations

import contextlib
import io
from types import ModuleType
from typing import NamedTuple, NoReturn

import pytest

from ner_dist.errors import UserError
from ner_dist.ranks.comm import Solo


class Here(NamedTuple):
    out: str
    err: str
    # What the process would have ended with.
    error: UserError | None


def run_here(command: ModuleType, *arguments: object) -> Here:
    """What a command prints when it is given these arguments, and the error that ends it, if any."""
    out, err, error = io.StringIO(), io.StringIO(), None
    with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patched.setattr(command, "run_rank", lambda action, *others: action(Solo()))
        patched.setattr(command, "refuse", _refuse, raising=False)
        try:
            command.main([str(argument) for argument in arguments])
        except UserError as raised:
            error = raised
    return Here(out.getvalue(), err.getvalue(), error)


def _refuse(message: str) -> NoReturn:
    raise UserError(message)
