"""Jobs as child processes: order, failure in one sentence, and nothing left behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from data_prep.suspects.child_commands import ChildError, Job, run_jobs


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


def job(folder: Path, *codes: str) -> Job:
    return Job(f"training on {folder.name}", [python(code) for code in codes], folder.with_suffix(".log"))


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "-S" in child.cmdline()]


def test_the_commands_of_a_job_follow_one_another_and_share_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    out = tmp_path / "out"
    write = f"import os; open({str(out)!r}, 'a').write(os.environ['OMP_NUM_THREADS'] + '%s')"
    done = list(run_jobs(iter([job(tmp_path / "a", write % "a", write % "b")]), 2, 3))
    assert [ended.what for ended in done] == ["training on a"]
    assert out.read_text() == "3a3b"


def test_jobs_are_made_as_late_as_they_can_start(tmp_path: Path) -> None:
    made = []

    def jobs() -> Iterator[Job]:
        for name in "abc":
            made.append(name)
            yield job(tmp_path / name, "")

    running = run_jobs(jobs(), 2, 1)
    next(running)
    assert made == ["a", "b"]
    assert len(list(running)) == 2


def test_progress_is_what_the_jobs_have_done(tmp_path: Path) -> None:
    seen: list[int] = []
    counted = job(tmp_path / "a", "")._replace(done=lambda: 3)
    list(run_jobs(iter([counted]), 1, 1, seen.append))
    assert seen == [3]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; print('error: no memory is left'); print('so it ends'); sys.exit(1)",
         "training on a failed: no memory is left (ended with status 1)"),
        ("import os; print('epoch 1', flush=True); os.kill(os.getpid(), 9)",
         "training on a failed: ended by SIGKILL, as when the memory is full"),
    ],
)  # fmt: skip
def test_a_child_that_fails_is_one_sentence_and_ends_the_others(code: str, said: str, tmp_path: Path) -> None:
    jobs = [job(tmp_path / "long", "import time; time.sleep(60)"), job(tmp_path / "a", code, "")]
    with pytest.raises(ChildError) as error:
        list(run_jobs(iter(jobs), 2, 1))
    assert str(error.value) == said
    assert children() == []


def test_an_interrupt_ends_all_children(tmp_path: Path) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    jobs = [job(tmp_path / name, "import time; time.sleep(60)") for name in "ab"]
    with pytest.raises(KeyboardInterrupt):
        list(run_jobs(iter([jobs[0], jobs[1]._replace(done=interrupted)]), 2, 1))
    assert children() == []
