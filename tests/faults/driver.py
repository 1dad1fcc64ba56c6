"""Performs a schedule: starts the training, makes the faults, continues until it has finished, and notes deviations."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults import judge, processes_of_job
from faults.faulty_disk import Disk
from faults.schedules import HARMLESS, INSIDE, Fault, Schedule
from processes import ROOT, Job, alone, on_ranks

# Steps take at least this long.
PACE_S = 0.015
# A rank without progress for so long is ended. Other jobs may be on the machine.
HANG_S = 10
MOST_ATTEMPTS = 8
_ATTEMPT_S = 300
_POLL_S = 0.004
# From the command to the first step, about.
_START_S = {1: 3.0, 2: 7.0, 4: 9.0}
# A moment that has not come after this is taken for come.
_OVERDUE_S = 60
_INSIDE_KINDS = {"exception": "raise", "hang": "hang", "killed in a step": "kill"}


@dataclass(frozen=True)
class Training:
    """What is trained, and how it comes out undisturbed."""

    knobs: list[str]
    checkpoint_steps: int
    # Uninterrupted runs by number of ranks; 1 is a plain process.
    references: dict[int, Path]
    total_steps: int


@dataclass
class Outcome:
    """What came of a schedule; it is as promised if there are no deviations."""

    schedule: Schedule
    deviations: list[str] = field(default_factory=list)
    # Of each attempt: its faults, exit code, and the lines that say why it ended.
    attempts: list[dict[str, Any]] = field(default_factory=list)
    # Seconds to the next step after a fault that a supervisor recovered from.
    recoveries_s: list[float] = field(default_factory=list)
    equal: str = ""
    seconds: float = 0.0


class Performance:
    """A schedule that is being performed: its files in a folder, its run on a disk."""

    def __init__(
        self,
        schedule: Schedule,
        training: Training,
        folder: Path,
        disk: Disk,
        start: Callable[[list[str]], list[str]] | None = None,
        more: Mapping[str, Callable[[Fault], bool]] | None = None,
    ) -> None:
        """start: the command that trains with these arguments, of modes unknown here; more: further kinds of faults."""
        self.schedule, self.training, self.folder, self.disk = schedule, training, folder, disk
        self._start, self._more = start, more or {}
        self.run, self.outcome, self._steps = disk.folder / "run", Outcome(schedule), folder / "steps"
        self._pending = [fault for fault in schedule.faults if fault.kind not in INSIDE]
        # Steps between two faults.
        self._share = training.total_steps / len(schedule.faults)
        self._fired: list[tuple[Fault, float]] = []
        self._lines_may_lack = False

    def perform(self) -> Outcome:
        began_s = time.monotonic()
        for number in range(MOST_ATTEMPTS):
            code = self._attempt(number)
            if code == 0 and (self.run / "result.json").exists():
                self._judge_result()
                break
            if code == 124:
                self.outcome.deviations.append(f"attempt {number} hung for {_ATTEMPT_S} s")
                break
            if sum(not attempt["faults"] for attempt in self.outcome.attempts) > 1:
                # It fails by itself.
                break
        else:
            self.outcome.deviations.append(f"not finished after {MOST_ATTEMPTS} attempts")
        self.outcome.seconds = time.monotonic() - began_s
        return self.outcome

    def _attempt(self, number: int) -> int:
        command, spent = self._command(resume=number > 0), self._spent()
        with self._job(command, self.folder, trouble=True) as job:
            faults = self._watch(job)
            finished = job.wait()
        self.disk.heal()
        faults += [self.schedule.faults[i] for i in sorted(self._spent() - spent)]
        shown = f"{' '.join(command)}\n{finished.out}\n--- stderr\n{finished.err}"
        (self.folder / f"attempt-{number}.txt").write_text(shown)
        self._lines_may_lack |= judge.tells_of_lacking_lines(finished.out + finished.err)
        self._judge_attempt([fault.kind for fault in faults], finished.code, finished.out + finished.err)
        if finished.left:
            self.outcome.deviations.append(f"{len(finished.left)} processes were left: {finished.left[0][:80]}")
        if self.schedule.mode != "plain" and finished.code == 0:
            times = (processes_of_job.recovery_s(self._steps, at_s) for fault, at_s in self._fired)
            self.outcome.recoveries_s += [round(time_s, 2) for time_s in times if time_s is not None]
        self._fired = []
        return finished.code

    def _job(self, command: list[str], folder: Path, trouble: bool) -> Job:
        variables = {
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'faults' / 'inside'}",
            "NER_FAULTS_STEPS": str(folder / "steps"),
            "NER_FAULTS_PACE_S": str(PACE_S),
            "NER_FAULTS_TROUBLE": ";".join(self._troubles()) if trouble else "",
            "OMP_NUM_THREADS": "1",
        }
        return Job(self.disk.confined(command), folder, _ATTEMPT_S, **variables)

    def _troubles(self) -> list[str]:
        """The faults that ranks make themselves, as sitecustomize.py reads them."""
        troubles = []
        for i, fault in enumerate(self.schedule.faults):
            if fault.kind in INSIDE:
                step = 1 + int(fault.share * self._share)
                troubles.append(f"{_INSIDE_KINDS[fault.kind]}:{fault.rank}:{step}:{self.folder / f'spent-{i}'}")
        return troubles

    def _spent(self) -> set[int]:
        """The faults that ranks have made themselves."""
        return {int(path.name.partition("-")[2]) for path in self.folder.glob("spent-*")}

    def _command(self, resume: bool) -> list[str]:
        num_ranks = self.schedule.num_ranks
        train = [*self.training.knobs, "--run", str(self.run), *(["--train.resume", "true"] if resume else [])]
        if self._start is not None:
            return self._start(train)
        if self.schedule.mode == "plain":
            return on_ranks(num_ranks, "ner_dist.train", *train) if num_ranks > 1 else alone("ner_dist.train", *train)
        launch = [sys.executable, "-m", "launch", "local", "--np", str(num_ranks), "--restarts", "6"]
        if self.schedule.mode == "elastic":
            launch += ["--elastic", "--min-np", "1", "--max-np", str(num_ranks)]
        return [*launch, "--", *train]

    def _watch(self, job: Job) -> list[Fault]:
        """Make the pending faults, each at its moment, until the job ends; returns those that met somebody."""
        made, began_s, before = [], time.monotonic(), processes_of_job.num_steps(self._steps)
        while job.running():
            self.disk.heal_if_due()
            if self._pending and self._has_come(self._pending[0], began_s, before):
                fault = self._pending.pop(0)
                time.sleep(fault.delay_s)
                at_s = time.time()
                if job.running() and self._make(fault, job):
                    made.append(fault)
                    self._fired += [(fault, at_s)] if fault.kind not in HARMLESS else []
                began_s, before = time.monotonic(), processes_of_job.num_steps(self._steps)
            time.sleep(_POLL_S)
        return made

    def _has_come(self, fault: Fault, since_s: float, steps_before: int) -> bool:
        waited_s = time.monotonic() - since_s
        if fault.moment == "start":
            return waited_s >= fault.share * _START_S[self.schedule.num_ranks]
        if waited_s > _OVERDUE_S:
            return True
        if processes_of_job.num_steps(self._steps) - steps_before < 1 + fault.share * (self._share - 1):
            return False
        return fault.moment == "step" or self._is_saving()

    def _is_saving(self) -> bool:
        """Whether a checkpoint is being written, which takes a moment that only looking all the time finds."""
        until_s = time.monotonic() + 0.5
        while time.monotonic() < until_s:
            with contextlib.suppress(OSError):
                if any(name.endswith(".partial") for name in os.listdir(self.run / "checkpoints")):
                    return True
        return False

    def _make(self, fault: Fault, job: Job) -> bool:
        """Whether there was somebody to suffer it."""
        ranks, everyone, first = (
            processes_of_job.ranks(job),
            processes_of_job.everyone(job),
            processes_of_job.launcher(job),
        )
        victim, starter = [ranks[fault.rank]] if fault.rank in ranks else [], [first] if first else []
        sent = {
            "kill rank": (victim, signal.SIGKILL),
            "kill launcher": (starter, signal.SIGKILL),
            "stop rank": (victim, signal.SIGSTOP),
            "SIGTERM": (starter, signal.SIGTERM),
            "SIGTERM to all": (everyone, signal.SIGTERM),
            "Ctrl-C": (processes_of_job.in_the_foreground(job), signal.SIGINT),
        }
        if fault.kind in self._more:
            return self._more[fault.kind](fault)
        if fault.kind in sent:
            return processes_of_job.send(*sent[fault.kind])
        if fault.kind == "kill all":
            # At one moment, so that nobody sees another one's end.
            processes_of_job.send(everyone, signal.SIGSTOP)
            return processes_of_job.send(everyone, signal.SIGKILL)
        if fault.kind in ("pause all", "pause rank"):
            paused = everyone if fault.kind == "pause all" else victim
            processes_of_job.send(paused, signal.SIGSTOP)
            # All may sleep for longer than a rank may hang; one keeps the others waiting, which they do for a time.
            time.sleep(fault.lasts_s * (1.5 if fault.kind == "pause all" else 0.3))
            return processes_of_job.send(paused, signal.SIGCONT)
        if fault.kind == "full disk":
            return self.disk.fill(fault.lasts_s)
        if fault.kind == "read-only directory":
            return self.disk.make_read_only(self.run, fault.lasts_s)
        assert fault.kind == "second job", fault.kind
        return self._start_second(job)

    def _start_second(self, first: Job) -> bool:
        """Another job on the same run, until it has ended."""
        folder = self.folder / "second"
        folder.mkdir(exist_ok=True)
        with self._job(self._command(resume=True), folder, trouble=False) as job:
            finished = job.wait()
        (self.folder / "second.txt").write_text(f"code {finished.code}\n{finished.out}\n--- stderr\n{finished.err}")
        if first.running() and finished.code == 0 and (folder / "steps").exists():
            self.outcome.deviations.append("two jobs trained into one run")
        return True

    def _judge_attempt(self, kinds: list[str], code: int, text: str) -> None:
        lethal = [kind for kind in kinds if kind not in HARMLESS]
        said = {kind: judge.reason(kind, text) for kind in lethal}
        self.outcome.attempts.append({"faults": kinds, "code": code, "said": said})
        if code == 0 or (self.run / "result.json").exists():
            return
        note = self.outcome.deviations.append
        if not lethal and kinds != ["second job"]:
            note(f"ended with code {code} after {kinds or 'no fault'}")
        # Of several, any may have been the one.
        kind = lethal[0] if len(lethal) == 1 else ""
        lost = judge.lost_steps(self.run)
        if lost > (0 if kind in judge.SAVING else 2 * self.training.checkpoint_steps):
            note(f"{lost} steps lost after {lethal}")
        if judge.wrong_code(kind, code, self.schedule):
            note(f"code {code} after {kind}")
        if judge.speaks(kind, self.schedule) and not said[kind]:
            note(f"nothing says why it ended after {kind}")

    def _judge_result(self) -> None:
        # Others may have trained on fewer ranks for a time.
        bitwise = self.schedule.mode in ("plain", "supervised")
        reference = self.training.references[self.schedule.num_ranks]
        unlike = judge.differences(reference, self.run, bitwise, self._lines_may_lack)
        if not bitwise and not unlike:
            bitwise = not judge.differences(reference, self.run, True, self._lines_may_lack)
        self.outcome.equal = "no" if unlike else "bitwise" if bitwise else "but for rounding"
        if unlike:
            self.outcome.deviations.append(f"differs from the uninterrupted run: {', '.join(unlike[:5])}")
