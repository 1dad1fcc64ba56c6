"""metrics.jsonl and TensorBoard's events: on disk at once, without the steps that are repeated, on a full disk too."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from ner_dist.run import recorder as recorder_module
from ner_dist.run.recorder import Recorder


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_metrics_are_a_line_each(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0)
    recorder.write("steps", 10, {"loss": 0.5, "epoch": 1})
    # On disk at once: who watches a run, or finds a dead one, sees all of it.
    assert lines(tmp_path) == [{"kind": "steps", "steps": 10, "loss": 0.5, "epoch": 1}]
    recorder.write("epoch", 12, {"dev_f1": 0.25})
    recorder.close()
    assert lines(tmp_path)[1:] == [{"kind": "epoch", "steps": 12, "dev_f1": 0.25}]
    assert len(list((tmp_path / "events").iterdir())) == 1


def test_a_resumed_run_drops_the_lines_of_the_steps_it_repeats(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0)
    for steps in (10, 20, 30):
        recorder.write("steps", steps, {"loss": 1.0})
    recorder.write("epoch", 30, {"dev_f1": 0.5})
    recorder.close()
    # The checkpoint is of step 20.
    resumed = Recorder(tmp_path, 20)
    assert [line["steps"] for line in lines(tmp_path)] == [10, 20]
    resumed.write("steps", 30, {"loss": 2.0})
    resumed.close()
    assert [(line["steps"], line["loss"]) for line in lines(tmp_path)] == [(10, 1.0), (20, 1.0), (30, 2.0)]


def test_an_epoch_that_was_not_saved_writes_its_line_again(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0)
    for epoch in (1, 2):
        recorder.write("steps", 10 * epoch, {"epoch": epoch})
        recorder.write("epoch", 10 * epoch, {"epoch": epoch})
    recorder.close()
    # All steps of the second epoch are done, but it has not ended.
    Recorder(tmp_path, 20, num_epochs=1).close()
    assert [(line["kind"], line["epoch"]) for line in lines(tmp_path)] == [("steps", 1), ("epoch", 1), ("steps", 2)]


def test_a_run_begun_anew_drops_all_lines_and_one_that_is_complete_keeps_them(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0)
    recorder.write("epoch", 30, {"dev_f1": 0.5})
    recorder.close()
    Recorder(tmp_path, 30).close()
    assert len(lines(tmp_path)) == 1
    Recorder(tmp_path, 0).close()
    assert lines(tmp_path) == []


def test_a_line_cut_off_by_the_end_of_its_writer_is_dropped(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0)
    recorder.write("steps", 10, {"loss": 1.0})
    recorder.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "steps", "ste')
    Recorder(tmp_path, 20).close()
    assert [line["steps"] for line in lines(tmp_path)] == [10]


def points(run: Path) -> list[tuple[str, int, float]]:
    """What TensorBoard would show: name, step and value of each point, in all files."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted((run / "events").iterdir()):
        content, at = path.read_bytes(), 0
        while at < len(content):
            size = int.from_bytes(content[at : at + 8], "little")
            event = Event.FromString(content[at + 12 : at + 12 + size])
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
            at += size + 16
    return found


class FullDisk:
    """Refuses to write, after half of what was to be written, while `is_full`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        usual = Path.open

        def open_file(path: Path, mode: str = "r", *arguments: Any, **more: Any) -> Any:
            file = usual(path, mode, *arguments, **more)
            if self.is_full and "a" in mode:
                write = file.write

                class Half:
                    def __enter__(self) -> Half:
                        return self

                    def __exit__(self, *exception: object) -> None:
                        file.close()

                    def __getattr__(self, name: str) -> Any:
                        return getattr(file, name)

                    def write(self, content: bytes) -> None:
                        write(content[: len(content) // 2])
                        raise OSError(errno.ENOSPC, "No space left on device")

                return Half()
            return file

        monkeypatch.setattr(Path, "open", open_file)


def test_a_full_disk_is_said_once_and_costs_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, said = FullDisk(monkeypatch), list[str]()
    recorder = Recorder(tmp_path, 0, said.append)
    recorder.write("steps", 1, {"loss": 1.0})
    disk.is_full = True
    recorder.write("steps", 2, {"loss": 2.0})
    recorder.write("steps", 3, {"loss": 3.0})
    assert said == [
        f"{tmp_path}/metrics.jsonl: a line could not be written (No space left on device); training goes on"
    ]
    disk.is_full = False
    recorder.write("steps", 4, {"loss": 4.0})
    recorder.close()
    assert said[1:] == [f"{tmp_path}/metrics.jsonl can be written again"]
    assert [line["steps"] for line in lines(tmp_path)] == [1, 2, 3, 4]


def test_lines_that_wait_until_the_end_are_written_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, said = FullDisk(monkeypatch), list[str]()
    recorder = Recorder(tmp_path, 0, said.append)
    disk.is_full = True
    recorder.write("steps", 1, {})
    disk.is_full = False
    recorder.close()
    assert [line["steps"] for line in lines(tmp_path)] == [1]
    assert len(said) == 1


def test_lines_that_are_lost_are_counted_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "_MOST_WAITING", 2)
    disk, said = FullDisk(monkeypatch), list[str]()
    recorder = Recorder(tmp_path, 0, said.append)
    recorder.write("steps", 1, {})
    disk.is_full = True
    for step in (2, 3, 4):
        recorder.write("steps", step, {})
    recorder.close()
    recorder.close()
    assert said[1:] == [f"{tmp_path}/metrics.jsonl lacks 3 lines that could not be written"]
    assert [line["steps"] for line in lines(tmp_path)] == [1]


def test_events_that_cannot_be_written_are_lost_and_go_on_in_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path, 0)
    recorder.write("steps", 1, {"loss": 1.0})
    with monkeypatch.context() as patch:
        refusal = OSError(errno.ENOSPC, "No space left on device")
        patch.setattr(recorder._events._writer, "write_event", lambda event: (_ for _ in ()).throw(refusal))
        recorder.write("steps", 2, {"loss": 2.0})
    recorder.write("steps", 3, {"loss": 3.0})
    recorder.close()
    assert points(tmp_path) == [("steps/loss", 1, 1.0), ("steps/loss", 3, 3.0)]
    assert [line["steps"] for line in lines(tmp_path)] == [1, 2, 3]


def test_no_more_lines_wait_for_the_disk_than_fit_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "_MOST_WAITING", 3)
    disk = FullDisk(monkeypatch)
    recorder = Recorder(tmp_path, 0)
    disk.is_full = True
    for step in range(1, 10):
        recorder.write("steps", step, {})
    disk.is_full = False
    recorder.write("steps", 10, {})
    assert [line["steps"] for line in lines(tmp_path)] == [8, 9, 10]
