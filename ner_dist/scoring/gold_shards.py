"""Annotated files -> a temporary shard set that is built like a model, by the command of preparation."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ner_dist.errors import UserError
from ner_dist.ranks.child_process import END_WITH_PARENT
from ner_dist.ranks.comm import Comm, on_every_rank
from ner_dist.scoring.open_model import GOLD_SPLIT, checkpoint_place, is_export

_POLL_S = 0.05
# As many as processes may share the work of scoring.
_MOST_SHARDS = 512
# How lines of `build` begin that are about a directory that nobody knows, or about a command that nobody has typed.
_NOT_SHOWN = ("no shards were written to", "usage: ")
# Options that are not about reading.
_OURS = ("--train", "--dev", "--test", "--out", "--like", "--num-shards", "--list")


class GoldError(UserError):
    """Annotated files that cannot be scored; the message has one line per problem."""


@contextmanager
def gold_shards(
    model: Path, checkpoint: str, gold: Sequence[Path | str], reading: Sequence[str], comm: Comm
) -> Iterator[Path]:
    """The directory of the set, whose only split is test; every rank must enter it, and one per host prepares.

    gold: whatever preparation reads. reading: options of `python -m data_prep build` about reading a corpus. The set is
    removed at the end. Warnings go to stderr. Raises UserError on every rank if the files cannot be used.
    """
    local_rank = int(os.environ.get("HOROVOD_LOCAL_RANK", "0"))
    folder = Path(tempfile.mkdtemp(prefix="ner-gold-")) if local_rank == 0 else None
    try:
        places = comm.gather_objects(folder and folder / "shards")
        # Ranks are numbered host by host, and the first of each host prepares.
        mine = next(place for place in reversed(places[: comm.rank + 1]) if place is not None)
        like = model if is_export(model) else checkpoint_place(model, checkpoint)
        if not like.exists():
            # It says what a model is.
            like = model
        on_every_rank(comm, lambda: None if folder is None else _build(like, mine, gold, reading, comm))
        yield mine
        # The others may still read.
        comm.gather_objects(None)
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _build(like: Path, out: Path, gold: Sequence[Path | str], reading: Sequence[str], comm: Comm) -> None:
    own = next((word for word in reading if word.partition("=")[0] in _OURS), None)
    if own is not None:
        raise GoldError(
            f"{own} after --: only options about reading a corpus are expected there, such as --tag-column; the files "
            "to score are those of --gold"
        )
    num_shards = max(comm.num_ranks, min(os.cpu_count() or 1, _MOST_SHARDS))
    command = [sys.executable, "-m", "data_prep", "build"]
    # Prediction cuts long words in the same way. What is ours comes last, so that it holds.
    command += ["--on-long-word", "cut", *reading, "--like", str(like), "--out", str(out)]
    command += ["--num-shards", str(num_shards), f"--{GOLD_SPLIT}", *map(str, gold)]
    said = out.with_name("said")
    code = _run(command, said)
    lines = said.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line for line in lines if not line.startswith(_NOT_SHOWN)]
    if code:
        raise GoldError(_why("\n".join(lines).strip(), code))
    if lines and comm.rank == 0:
        print("\n".join(lines), file=sys.stderr)


def _why(said: str, code: int) -> str:
    if code < 0:
        killed = ", as when the memory is full" if code == -signal.SIGKILL else ""
        return f"preparing the gold was ended by {signal.Signals(-code).name}{killed}"
    return f"the gold cannot be scored:\n{said}" if "\n" in said else f"the gold cannot be scored: {said}"


def _run(command: Sequence[str], said: Path) -> int:
    """The exit status. What the command says on stderr goes to the file `said`; all that it leaves lies beside it."""
    with said.open("wb") as file:
        process = subprocess.Popen(
            command,
            env={**os.environ, "TMPDIR": str(said.parent)},
            stdout=subprocess.DEVNULL,
            stderr=file,
            # Ctrl-C reaches this process alone, which then ends the other.
            start_new_session=True,
            preexec_fn=END_WITH_PARENT,
        )
        try:
            while True:
                try:
                    return process.wait(_POLL_S)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            # What it leaves half done is thrown away, so it need not end in order.
            process.kill()
            process.wait()
