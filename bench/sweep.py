"""Search for hyperparameters by trials of a job, judged on dev alone: python -m bench.sweep FILE."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from bench import command_line, sweep_report, sweep_space
from bench.child_trainings import EpochScored, TrainingEnded, Trainings, TrainingsOptions, locked, log_path
from bench.seed_sets import read_result
from bench.sweep_space import SAMPLERS, Sweep, decoded
from ner_dist.cli.options import nested, option
from ner_dist.errors import UserError

if TYPE_CHECKING:
    import optuna

_EXAMPLE = "job/sweeps/synthetic.yaml --trials 20 --parallel 2"
_FIRST = ("file", "trials", "trainings.np", "trainings.parallel")
# A sweep ends if this many trials fail before any succeeds: the job is wrong, not its knobs.
_FAILURES = 3
# Attributes of trials and of the study, stored for a continuation.
_PRUNED, _PROBLEM, _DECLARED = "pruned", "problem", "declared"


@dataclasses.dataclass(frozen=True)
class SweepOptions:
    """Search for hyperparameters: many trials of a job, chosen and stopped early by their scores on dev alone.

    FILE is YAML, for example job/sweeps/synthetic.yaml: a job, numbers of trials and epochs, and the ranges of knobs.
    An interrupted sweep continues, running trials included: repeat the command. runs/sweeps/FILE/ holds the trials'
    runs, Optuna's study, and, after each trial, summary.md and trials.json.
    """

    file: Path = option(positional=True, metavar="FILE")
    """the sweep"""
    trials: Optional[int] = option(None, least=1)
    """number of trials (default as in the file)"""
    trainings: TrainingsOptions = nested(TrainingsOptions)


class SweepSearch:
    """A running sweep: asks the study for trials, starts them, and reports their scores to it."""

    def __init__(self, sweep: Sweep, study: optuna.Study, trainings: Trainings) -> None:
        self.sweep, self.study, self.trainings = sweep, study, trainings
        self.under_way: dict[Path, optuna.Trial] = {}
        self.failures = 0
        self.left = [trial for trial in self._all() if trial.state.name == "RUNNING"]

    def run(self) -> None:
        """Run trials until there are enough. Raises UserError if the first ones all fail."""
        while True:
            while self.trainings.has_room and self._start_one():
                pass
            if not self.trainings.running:
                return
            for event in self.trainings.wait():
                # A trial that has just been pruned may still have events.
                if event.run in self.under_way:
                    self._take(event)

    def _start_one(self) -> bool:
        """Start or continue a trial; False if there is none to start."""
        import optuna

        if self.left:
            # The trial itself, not a new one with its values: the study has its number and its epochs so far.
            trial = optuna.trial.Trial(self.study, self.left.pop(0)._trial_id)
        elif self._enough():
            return False
        else:
            # A new sampler for each trial, so that a continued sweep draws what it would have drawn.
            seed = (self.sweep.seed * 1_000_003 + len(self._all())) % 2**32
            self.study.sampler = getattr(optuna.samplers, SAMPLERS[self.sweep.sampler])(seed=seed)
            trial = self.study.ask()
        run = self.sweep.run(trial.number)
        self.under_way[run] = trial
        # As Study.ask does for a new trial.
        params = decoded({name: trial._suggest(name, found) for name, found in self.sweep.ranges.items()})
        if trial.user_attrs.get(_PRUNED):
            self._prune(run)
            return True
        reported = set(self._all()[trial.number].intermediate_values)
        shown = "  ".join(f"{name} {sweep_report.short(value)}" for name, value in params.items())
        print(f"{run}: {f'continued after epoch {max(reported)}' if reported else 'started'}  {shown}", flush=True)
        self.trainings.start(run, self.sweep.arguments(params), reported)
        return True

    def _enough(self) -> bool:
        trials = self._all()
        # Failed trials count unless all have failed: the job will have been repaired since.
        counted = trials if self._any_success() else [trial for trial in trials if trial.state.name == "RUNNING"]
        used = sum(trial.last_step or 0 for trial in trials)
        return len(counted) >= self.sweep.trials or 0 < self.sweep.budget <= used

    def _take(self, event: EpochScored | TrainingEnded) -> None:
        trial = self.under_way[event.run]
        if isinstance(event, EpochScored):
            trial.report(event.dev_f1, event.number)
            early = self.sweep.min_epochs <= event.number < self.sweep.epochs
            if early and trial.should_prune():
                # Stored first, because a second call may answer differently.
                trial.set_user_attr(_PRUNED, True)
                self._prune(event.run)
        elif event.problem is None:
            f1 = read_result(event.run)["dev"]["entity"]["f1"]
            self._tell(event.run, "COMPLETE", f1)
            print(f"{event.run}: dev F1 {100 * f1:.2f}, the best so far {100 * self.study.best_value:.2f}", flush=True)
        else:
            self.under_way[event.run].set_user_attr(_PROBLEM, event.problem)
            self._tell(event.run, "FAIL")
            print(f"{event.run}: FAILED, {event.problem}; its output: {log_path(event.run)}", flush=True)
            self.failures += 1
            if self.failures >= _FAILURES and not self._any_success():
                raise UserError(f"the first {self.failures} trials all failed, the last of them with: {event.problem}")

    def _prune(self, run: Path) -> None:
        self.trainings.stop(run)
        found = self._all()[self.under_way[run].number].intermediate_values
        self._tell(run, "PRUNED")
        print(f"{run}: pruned after epoch {max(found)} with a dev F1 of {100 * found[max(found)]:.2f}", flush=True)

    def _tell(self, run: Path, state: str, f1: float | None = None) -> None:
        from optuna.trial import TrialState

        self.study.tell(self.under_way.pop(run), f1, TrialState[state])
        sweep_report.write(self.sweep, self._all())

    def _all(self) -> list[optuna.trial.FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _any_success(self) -> bool:
        return any(trial.state.name in ("COMPLETE", "PRUNED") for trial in self._all())


def _pruner(sweep: Sweep) -> optuna.pruners.BasePruner:
    from optuna import pruners

    if sweep.pruner == "median":
        return pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=sweep.min_epochs - 1)
    if sweep.pruner == "halving":
        return pruners.SuccessiveHalvingPruner(min_resource=sweep.min_epochs, reduction_factor=3)
    if sweep.pruner == "hyperband":
        return pruners.HyperbandPruner(sweep.min_epochs, max_resource=sweep.epochs, reduction_factor=3)
    return pruners.NopPruner()


def _open_study(sweep: Sweep) -> optuna.Study:
    """The study on disk, or a new one; the sweep's lock must be held. Raises UserError if it is of another sweep."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = sweep.base.folder / "study.journal"
    # A writer that was killed leaves its lock and half a line.
    Path(f"{path}.lock").unlink(missing_ok=True)
    if path.exists():
        content = path.read_bytes()
        path.write_bytes(content[: content.rfind(b"\n") + 1])
    storage = JournalStorage(JournalFileBackend(str(path)))
    study = optuna.create_study(
        storage=storage, study_name=sweep.name, pruner=_pruner(sweep), direction="maximize", load_if_exists=True
    )
    declared = sweep.declared()
    if _DECLARED not in study.user_attrs:
        study.set_user_attr(_DECLARED, declared)
    changed = [name for name, value in declared.items() if value != study.user_attrs[_DECLARED].get(name)]
    if changed:
        there = f"{sweep.base.folder} holds a sweep with other {', '.join(changed)}"
        raise UserError(f"{there}; remove it, or give this file another name")
    return study


def main(argv: list[str] | None = None) -> None:
    options, _, _ = command_line.parse(SweepOptions, "bench.sweep", argv, _EXAMPLE, _FIRST)
    with command_line.one_sentence():
        if not importlib.util.find_spec("optuna"):
            install = "python -m pip install -c constraints.txt -e '.[sweep]'"
            raise UserError(f"a sweep needs optuna, which is not installed: {install}")
        sweep = sweep_space.read_sweep(options.file)
        sweep, folder = sweep._replace(trials=options.trials or sweep.trials), sweep.base.folder
        with locked(folder / "lock", str(folder)):
            study = _open_study(sweep)
            with Trainings(options.trainings) as trainings:
                SweepSearch(sweep, study, trainings).run()
            sweep_report.write(sweep, study.trials)
            print(f"\n{sweep_report.summary(sweep, study.trials)}\nwritten to {folder}/summary.md", flush=True)


if __name__ == "__main__":
    main()
