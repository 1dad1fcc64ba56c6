"""An export and a checkpoint of a real run are whole or not there when their process is killed."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.test_killed_outputs import content
from kill_at import killed_at, needs_system_calls

from ner_dist.atomic_file import latest
from ner_dist.contract.shard_format import vocab_files
from ner_dist.run import checkpoint

pytestmark = [needs_system_calls, pytest.mark.faults]


def _export(run: Path, shards: Path, place: Path) -> None:
    from ner_dist.exporting.write_export import export

    export(run, "best", place, compared=False)


def _checkpoint(run: Path, shards: Path, place: Path) -> None:
    saved = checkpoint.load(run / "checkpoints" / "best")
    checkpoint.save(place, saved, vocab_files(shards, saved.index))


@pytest.mark.parametrize("write", [_export, _checkpoint])
def test_a_kill_at_any_operation_leaves_nothing_half_written(
    write: Callable[[Path, Path, Path], None], tiny_run: Path, synth_shards: Path, tmp_path: Path
) -> None:
    place = tmp_path / "work" / "out"
    place.parent.mkdir()
    write(tiny_run, synth_shards, place)
    new = content(place)
    assert new
    for i in itertools.count():
        shutil.rmtree(place, ignore_errors=True)
        if not killed_at(i, lambda: write(tiny_run, synth_shards, place)):
            break
        assert content(latest(place)) in (None, new), f"killed at {i}"
        # Nothing needs to be removed by hand.
        write(tiny_run, synth_shards, place)
        assert content(place) == new, f"after the kill at {i}"
        assert [path.name for path in place.parent.iterdir()] == ["out"], f"after the kill at {i}"
    assert i > 5
