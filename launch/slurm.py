"""A batch script for SLURM: horovodrun on the hosts of the allocation, queued again before the time is up."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from launch.errors import LaunchError
from launch.slurm_settings import RESOLUTION_S, Slurm, check, seconds
from launch.training import RESUME, Training, num_shards
from ner_dist.errors import UserError

__all__ = ["Slurm", "check", "prepare", "script"]

_TEMPLATE = "slurm.sbatch.j2"


def script(settings: Slurm, training: Training) -> str:
    """The batch script that trains so. Raises LaunchError for what cannot be started so."""
    # Imported here, so that the command line explains itself without it.
    import jinja2

    check(settings)
    _check_training(settings, training)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Bash has ${#...}.
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters["sh"] = quote
    gpus = settings.gpus_per_node > 0
    return environment.get_template(_TEMPLATE).render(
        settings=settings,
        job=_printable(training.job),
        run=str(training.run),
        directives=_directives(settings, training),
        argument_lines=_argument_lines(_arguments(training, gpus)),
        checkpoint_steps=training.config.train.checkpoint_steps,
        venv=settings.venv or (".venv-gpu" if gpus else ".venv"),
        project=settings.directory(),
        gpus=gpus,
        whole_stay_s=seconds(settings.time) - settings.signal_seconds - RESOLUTION_S,
    )


def prepare(settings: Slurm, training: Training) -> None:
    """Make the run's directory: SLURM does not, and a job whose output it cannot open ends without a word.

    Nothing is done if the project's directory is not on this machine. Raises LaunchError if it cannot be made.
    """
    run = Path(settings.directory()) / training.run
    try:
        if Path(settings.directory()).is_dir():
            run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LaunchError(
            f"{run}: the run's directory cannot be made ({error.strerror}); choose another --run"
        ) from error


def quote(text: str) -> str:
    """A word of bash that stands for this text; in one line, as sbatch takes no carriage returns."""
    # Not what hides between other quotes from a reader, and from shellcheck.
    if text.isprintable() and not set(text) & set("'$`"):
        return shlex.quote(text)
    return "$'" + "".join(_QUOTED.get(letter) or _octal(letter) for letter in text) + "'"


_QUOTED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _octal(letter: str) -> str:
    return letter if letter.isprintable() else "".join(f"\\{byte:03o}" for byte in letter.encode())


def _printable(text: str) -> str:
    """What may stand in a comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _check_training(settings: Slurm, training: Training) -> None:
    """What of the training does not go with the settings."""
    for word in training.arguments:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise LaunchError(f"{word!r} is no UTF-8 text, which a script has to be; rename what it names") from None
    run = str(training.run)
    if not run.isprintable() or "\\" in run:
        raise LaunchError(
            f"--run is {run!r}, expected a path that SLURM can write its output to: one line, no backslash"
        )
    if training.config.train.device == "gpu" and not settings.gpus_per_node:
        raise LaunchError("--train.device is gpu with gpus_per_node 0; say how many GPUs a node is to have")
    try:
        available = num_shards(training)
    except (UserError, OSError):
        # They may be on the cluster only; training looks at them again.
        return
    if settings.num_ranks > available:
        raise LaunchError(
            f"{settings.nodes} nodes with ranks_per_node {settings.ranks_per_node} are {settings.num_ranks} ranks, but "
            f"{training.config.data.shards} has {available} shards, and a rank needs at least one; ask for fewer or "
            f"rebuild the shards with --num-shards {settings.num_ranks}"
        )


def _arguments(training: Training, gpus: bool) -> list[str]:
    """Of ner_dist.train: those given, on a GPU if there is to be one, and going on where the job was before."""
    device = ["--train.device", "gpu"] if gpus and training.config.train.device == "auto" else []
    return [*training.arguments, *device, *([] if training.config.train.resume else RESUME)]


def _argument_lines(words: list[str]) -> list[str]:
    """An option and its value a line."""
    lines: list[list[str]] = []
    for word in words:
        if lines and len(lines[-1]) == 1 and lines[-1][0].startswith("--") and not word.startswith("--"):
            lines[-1].append(word)
        else:
            lines.append([word])
    return [" ".join(map(quote, line)) for line in lines]


def _directives(settings: Slurm, training: Training) -> list[str]:
    """sbatch's options, in its own quotes where they need some."""
    gpu = ":".join(["gpu"] * (settings.gpu_option == "gres") + [settings.gpu_type] * bool(settings.gpu_type))
    gpus = f"{gpu}:{settings.gpus_per_node}" if gpu else str(settings.gpus_per_node)
    # SLURM puts values in the place of % and a letter.
    output = str(training.run).replace("%", "%%") + "/slurm-%j.out"
    values = {
        "job-name": settings.job_name or _printable(training.job),
        "nodes": str(settings.nodes),
        "ntasks-per-node": str(settings.ranks_per_node),
        "cpus-per-task": str(settings.cpus_per_rank),
        settings.gpu_option: gpus if settings.gpus_per_node else "",
        "mem": settings.memory,
        "time": settings.time,
        **{knob: getattr(settings, knob) for knob in ("partition", "account", "qos", "reservation", "constraint")},
        "chdir": settings.directory(),
        "output": output,
        "open-mode": "append",
        "signal": f"B:USR1@{settings.signal_seconds}",
    }
    lines = [f"--{name}={_sbatch_quote(value)}" for name, value in values.items() if value]
    flags = ["--exclusive"] * settings.exclusive + ["--requeue"]
    extra = [option.partition("=") for option in settings.sbatch]
    return [*lines, *flags, *(name + sign + (_sbatch_quote(value) if value else "") for name, sign, value in extra)]


def _sbatch_quote(value: str) -> str:
    """As sbatch reads it in a #SBATCH line, which bash never sees."""
    if re.fullmatch(r"[\w./+,:@%=|&!*()\[\]-]+", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
