"""Writes a batch script for SLURM, or submits it: horovodrun on the hosts of the allocation, with requeueing."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from launch.job.training_command import RESUME, TrainingRequest, grace_seconds, num_shards
from launch.launch_errors import LaunchError
from launch.launchers import text_output
from launch.launchers.slurm.slurm_options import END_S, RESOLUTION_S, SlurmOptions, check, seconds
from ner_dist.errors import UserError

__all__ = ["SlurmOptions", "launch", "script"]


def launch(options: SlurmOptions, training: TrainingRequest) -> int:
    """Show the script, write it, or give it to sbatch, whose exit code is returned. Raises UserError."""
    text = script(options, training)
    if options.submit and shutil.which("sbatch") is None:
        raise LaunchError(
            "sbatch was not found, so this machine does not belong to a SLURM cluster; write the script with --out "
            "FILE and submit it on a login node"
        )
    to_file = options.out != "-"
    if to_file or not options.submit:
        text_output.write(text, options.out)
    if to_file or options.submit:
        make_run_directory(options, training)
    if options.submit:
        # Without a file, sbatch reads its standard input.
        command = ["sbatch", *([options.out] if to_file else [])]
        return subprocess.run(command, input=None if to_file else text, text=True, check=False).returncode
    if to_file:
        print(f"{options.out} is written", file=sys.stderr)
    return 0


def script(options: SlurmOptions, training: TrainingRequest) -> str:
    """The batch script of this training. Raises LaunchError for what SLURM, or the script, could not do."""
    check(options)
    _check_training(options, training)
    gpus = options.gpus_per_node > 0
    # On a GPU if the job has any, and resuming if it comes back.
    device = ["--train.device", "gpu"] if gpus and training.config.train.device == "auto" else []
    resume = [] if training.config.train.resume else RESUME
    return text_output.render(
        Path(__file__).with_name("batch_script.sbatch.j2"),
        {"sh": quote},
        options=options,
        job=_printable(training.job),
        run=str(training.run_directory("slurm")),
        directives=_directives(options, training),
        argument_lines=_argument_lines([*training.arguments, *device, *resume]),
        grace_s=f"{grace_seconds(training):g}",
        venv=options.venv or (".venv-gpu" if gpus else ".venv"),
        project=options.directory(),
        gpus=gpus,
        full_start_s=seconds(options.time) - options.signal_seconds - RESOLUTION_S,
    )


def make_run_directory(options: SlurmOptions, training: TrainingRequest) -> None:
    """SLURM does not make it, and a job whose output file cannot be opened ends without a message.

    Does nothing if the project's directory is not on this machine. Raises LaunchError if it cannot be made.
    """
    run = Path(options.directory()) / training.run_directory("slurm")
    try:
        if Path(options.directory()).is_dir():
            run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LaunchError(
            f"{run}: the run's directory cannot be made ({error.strerror}); choose another --run"
        ) from error


def quote(text: str) -> str:
    """This text as a word of bash, on one line, because sbatch rejects carriage returns."""
    # shlex.quote would end and begin quotes within the word, which readers and shellcheck misread.
    if text.isprintable() and not set(text) & set("'$`"):
        return shlex.quote(text)
    return "$'" + "".join(_ESCAPED.get(letter) or _octal(letter) for letter in text) + "'"


_ESCAPED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _octal(letter: str) -> str:
    return letter if letter.isprintable() else "".join(f"\\{byte:03o}" for byte in letter.encode())


def _printable(text: str) -> str:
    """The text as it can be written into a comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _check_training(options: SlurmOptions, training: TrainingRequest) -> None:
    for word in training.arguments:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise LaunchError(f"{word!r} is not UTF-8, which a script must be; rename the file or directory") from None
    run = str(training.run_directory("slurm"))
    if not run.isprintable() or "\\" in run:
        raise LaunchError(f"--run is {run!r}, expected a path on one line and without backslashes, as SLURM needs it")
    if training.config.train.device == "gpu" and not options.gpus_per_node:
        raise LaunchError("--train.device is gpu but gpus_per_node is 0; set the number of GPUs that a node has")
    grace_s = grace_seconds(training)
    if grace_s + END_S > options.signal_seconds:
        raise LaunchError(
            f"signal_seconds is {options.signal_seconds}, expected {grace_s + END_S:g} or more: ranks have "
            f"--train.grace_seconds {grace_s:g} to save, and ending them takes {END_S} s at most"
        )
    try:
        available = num_shards(training)
    except (UserError, OSError):
        # They may be on the cluster only; training checks again.
        return
    if options.num_ranks > available:
        raise LaunchError(
            f"{options.nodes} nodes with ranks_per_node {options.ranks_per_node} are {options.num_ranks} ranks, but "
            f"{training.config.data.shards} has {available} shards, and a rank needs at least one; ask for fewer or "
            f"rebuild the shards with --num-shards {options.num_ranks}"
        )


def _argument_lines(words: list[str]) -> list[str]:
    """One option with its value per line."""
    lines: list[list[str]] = []
    for word in words:
        if lines and len(lines[-1]) == 1 and lines[-1][0].startswith("--") and not word.startswith("--"):
            lines[-1].append(word)
        else:
            lines.append([word])
    return [" ".join(map(quote, line)) for line in lines]


def _directives(options: SlurmOptions, training: TrainingRequest) -> list[str]:
    """sbatch's options, in sbatch's own quotes where they need any."""
    gpu = ":".join(["gpu"] * (options.gpu_option == "gres") + [options.gpu_type] * bool(options.gpu_type))
    gpus = f"{gpu}:{options.gpus_per_node}" if gpu else str(options.gpus_per_node)
    # SLURM replaces % and a letter.
    output = str(training.run_directory("slurm")).replace("%", "%%") + "/slurm-%j.out"
    values = {
        "job-name": options.job_name or _printable(training.job),
        "nodes": str(options.nodes),
        "ntasks-per-node": str(options.ranks_per_node),
        "cpus-per-task": str(options.cpus_per_rank),
        options.gpu_option: gpus if options.gpus_per_node else "",
        "mem": options.memory,
        "time": options.time,
        **{name: getattr(options, name) for name in ("partition", "account", "qos", "reservation", "constraint")},
        "chdir": options.directory(),
        "output": output,
        "open-mode": "append",
        "signal": f"B:USR1@{options.signal_seconds}",
    }
    lines = [f"--{name}={_sbatch_quote(value)}" for name, value in values.items() if value]
    flags = ["--exclusive"] * options.exclusive + ["--requeue"]
    extra = [option.partition("=") for option in options.sbatch]
    return [*lines, *flags, *(name + sign + (_sbatch_quote(value) if value else "") for name, sign, value in extra)]


def _sbatch_quote(value: str) -> str:
    """As sbatch reads it in a #SBATCH line, which bash never sees."""
    if re.fullmatch(r"[\w./+,:@%=|&!*()\[\]-]+", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
