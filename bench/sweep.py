"""Search for hyperparameters: many trials of a job, chosen and stopped early by their scores on dev alone.

FILE is YAML, as job/sweeps/synthetic.yaml: a job, how many trials and epochs, and the ranges of knobs. A sweep that was
stopped goes on, trials under way included: repeat the command. runs/sweeps/FILE/ holds the trials' runs, Optuna's
study, and, after each trial, summary.md and trials.json.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import command_line, search_space, sweep_report
from bench.files import locked
from bench.processes import interruptible
from bench.search_space import Sweep
from bench.sets import read_result
from bench.training import Ended, Epoch, Layout, Trainings, log_path
from ner_dist.errors import UserError

if TYPE_CHECKING:
    import optuna

_EXAMPLE = "Example: python -m bench.sweep job/sweeps/synthetic.yaml --trials 20 --parallel 2"
# So many trials that fail before any succeeds end a sweep: the job is wrong, not its knobs.
_FAILURES = 3
# What a trial, and the study, note for a continuation.
_PRUNED, _PROBLEM, _DECLARED = "pruned", "problem", "declared"


class Search:
    """A sweep under way: asks the study for trials, starts them, and tells it how they do."""

    def __init__(self, sweep: Sweep, study: optuna.Study, trainings: Trainings) -> None:
        self.sweep, self.study, self.trainings = sweep, study, trainings
        self.under_way: dict[Path, optuna.Trial] = {}
        self.failures = 0
        self.left = [trial for trial in self._all() if trial.state.name == "RUNNING"]

    def run(self) -> None:
        """Until there are enough trials. Raises UserError if the first ones all fail."""
        while True:
            while self.trainings.has_room and self._start_one():
                pass
            if not self.trainings.running:
                return
            for event in self.trainings.wait():
                # One that was pruned may still have had something to say.
                if event.run in self.under_way:
                    self._take(event)

    def _start_one(self) -> bool:
        """Start or continue a trial; False if there is none to be started."""
        import optuna

        if self.left:
            # The trial itself, not a new one with its values: number and epochs so far are part of the study.
            trial = optuna.trial.Trial(self.study, self.left.pop(0)._trial_id)
        elif self._enough():
            return False
        else:
            # A sampler of its own for each trial, so that a resumed sweep draws what it would have drawn.
            self.study.sampler = _sampler(self.sweep, len(self._all()))
            trial = self.study.ask()
        run = self.sweep.run(trial.number)
        self.under_way[run] = trial
        params = {name: found.suggest(trial, name) for name, found in self.sweep.ranges.items()}
        if trial.user_attrs.get(_PRUNED):
            self._prune(run)
            return True
        told = set(self._all()[trial.number].intermediate_values)
        shown = "  ".join(f"{name} {sweep_report.short(value)}" for name, value in params.items())
        print(f"{run}: {f'continued after epoch {max(told)}' if told else 'begun'}  {shown}", flush=True)
        self.trainings.start(run, self.sweep.words(params), told)
        return True

    def _enough(self) -> bool:
        trials = self._all()
        # Trials that failed count, but not if no other has ended: what was wrong will have been mended.
        counted = trials if _any_success(trials) else [trial for trial in trials if trial.state.name == "RUNNING"]
        used = sum(trial.last_step or 0 for trial in trials)
        return len(counted) >= self.sweep.trials or 0 < self.sweep.budget <= used

    def _take(self, event: Epoch | Ended) -> None:
        trial = self.under_way[event.run]
        if isinstance(event, Epoch):
            trial.report(event.dev_f1, event.number)
            early = self.sweep.min_epochs <= event.number < self.sweep.epochs
            if early and trial.should_prune():
                # Noted first, because asking twice may give another answer.
                trial.set_user_attr(_PRUNED, True)
                self._prune(event.run)
        elif event.problem is None:
            f1 = read_result(event.run)["dev"]["entity"]["f1"]
            self._tell(event.run, "COMPLETE", f1)
            print(f"{event.run}: dev F1 {100 * f1:.2f}, the best so far {100 * self.study.best_value:.2f}", flush=True)
        else:
            self._fail(event.run, event.problem)

    def _prune(self, run: Path) -> None:
        self.trainings.stop(run)
        found = self._all()[self.under_way[run].number].intermediate_values
        self._tell(run, "PRUNED")
        print(f"{run}: pruned after epoch {max(found)} with a dev F1 of {100 * found[max(found)]:.2f}", flush=True)

    def _fail(self, run: Path, problem: str) -> None:
        self.under_way[run].set_user_attr(_PROBLEM, problem)
        self._tell(run, "FAIL")
        print(f"{run}: FAILED, {problem}; its output: {log_path(run)}", flush=True)
        self.failures += 1
        if self.failures >= _FAILURES and not _any_success(self._all()):
            raise UserError(f"the first {self.failures} trials all failed, the last of them with: {problem}")

    def _tell(self, run: Path, state: str, f1: float | None = None) -> None:
        from optuna.trial import TrialState

        self.study.tell(self.under_way.pop(run), f1, TrialState[state])
        sweep_report.write(self.sweep, self._all())

    def _all(self) -> list[optuna.trial.FrozenTrial]:
        return self.study.get_trials(deepcopy=False)


def _any_success(trials: list[optuna.trial.FrozenTrial]) -> bool:
    return any(trial.state.name in ("COMPLETE", "PRUNED") for trial in trials)


def _sampler(sweep: Sweep, number: int) -> optuna.samplers.BaseSampler:
    import optuna

    seed = (sweep.seed * 1_000_003 + number) % 2**32
    if sweep.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


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
    """The study on disk, or a new one. The sweep's lock must be held. Raises UserError if it is of another sweep."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = sweep.base.folder / "study.journal"
    # What a writer that was killed leaves: its lock, and half a line.
    Path(f"{path}.lock").unlink(missing_ok=True)
    if path.exists():
        content = path.read_bytes()
        path.write_bytes(content[: content.rfind(b"\n") + 1])
    storage = JournalStorage(JournalFileBackend(str(path)))
    study = optuna.create_study(
        storage=storage, study_name=sweep.name, pruner=_pruner(sweep), direction="maximize", load_if_exists=True
    )
    declared = study.user_attrs.get(_DECLARED)
    if declared is None:
        study.set_user_attr(_DECLARED, sweep.declared())
    elif declared != sweep.declared():
        changed = ", ".join(name for name, value in sweep.declared().items() if value != declared.get(name))
        raise UserError(
            f"{sweep.base.folder} holds a sweep that was begun with other {changed}; remove it, or give this file "
            "another name"
        )
    return study


def run(sweep: Sweep, layout: Layout) -> None:
    """Carry a sweep through, and say how it goes. Raises UserError for what keeps it from that."""
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise UserError(
            "a sweep needs optuna, which is not installed: python -m pip install -c constraints.txt -e '.[sweep]'"
        ) from error
    with locked(sweep.base.folder / "lock", str(sweep.base.folder)), interruptible():
        study = _open_study(sweep)
        with Trainings(layout) as trainings:
            Search(sweep, study, trainings).run()
        sweep_report.write(sweep, study.trials)
        print(f"\n{sweep_report.summary(sweep, study.trials)}\nwritten to {sweep.base.folder}/summary.md", flush=True)


def main(argv: list[str] | None = None) -> None:
    parser = command_line.parser("bench.sweep", __doc__, _EXAMPLE, knobs=False)
    parser.add_argument(
        "--trials", type=command_line.positive, metavar="N", help="in all; if not given, as in the file"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the sweep")
    given: Any = parser.parse_args(sys.argv[1:] if argv is None else argv)
    with command_line.one_sentence():
        sweep = search_space.read(given.file)
        run(sweep._replace(trials=given.trials or sweep.trials), command_line.layout(given))


if __name__ == "__main__":
    main()
