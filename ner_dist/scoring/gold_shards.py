"""Annotated files -> a temporary shard set that is built like a model, by the command of preparation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ner_dist.ranks.comm import Comm


@contextmanager
def gold_shards(
    model: Path, checkpoint: str, gold: Sequence[Path | str], reading: Sequence[str], comm: Comm
) -> Iterator[Path]:
    """The directory of the set, whose only split is test; every rank must enter it, and one per host prepares.

    gold: whatever preparation reads. reading: options of `python -m data_prep build` about reading a corpus. The set is
    removed at the end. Raises UserError on every rank if the files cannot be used; what is wrong with them has been
    printed.
    """
    raise NotImplementedError
    yield
