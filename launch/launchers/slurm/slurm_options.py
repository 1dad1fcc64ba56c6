"""What to ask SLURM for, and a check of it before SLURM or the batch script would fail."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Literal

from launch.job.training_command import accepts_directory
from launch.launch_errors import LaunchError

_LEAST = {"nodes": 1, "ranks_per_node": 1, "cpus_per_rank": 1, "gpus_per_node": 0, "requeues": 0}
# SLURM checks the time once a minute, so its warning may come this much earlier than asked for.
RESOLUTION_S = 60
# How long ranks may take to end after they have had their time to save.
END_S = 10
_LEAST_SIGNAL_S = 15
# Options of sbatch that the script sets itself.
_OWN_OPTIONS = {
    *("array", "chdir", "cpus-per-task", "error", "gpus-per-node", "gres", "job-name", "nodes", "no-requeue", "ntasks"),
    *("ntasks-per-node", "open-mode", "output", "requeue", "signal", "time", "wrap"),
}
# The texts that are allowed, and their description.
_NAME = (r"(?a)[\w.,:|&!*()\[\]@/+-]*", "a SLURM name without spaces")
_TEXTS = {
    # Constraints and lists of partitions consist of names, too.
    **dict.fromkeys(("partition", "account", "qos", "reservation", "constraint"), _NAME),
    "gpu_type": (r"(?a)[\w.-]*", "one of the site's names, such as a100"),
    "memory": (r"(?a)(\d+[KMGT]?)?", "a number with K, M, G, T or nothing, such as 16G"),
    "venv": (r"[\w./+,@=-]*", "a directory of the project, such as .venv"),
}


@dataclasses.dataclass
class SlurmOptions:
    """What to ask SLURM for. Empty texts leave the choice to the site."""

    nodes: int = 2
    """Nodes of the allocation."""
    ranks_per_node: int = 4
    """Ranks on each node; with GPUs as many as gpus_per_node. All ranks together need as many shards."""
    cpus_per_rank: int = 1
    """Cores for each rank, and its threads unless OMP_NUM_THREADS is set where the job is submitted."""
    gpus_per_node: int = 0
    """GPUs on each node, one a rank; 0 trains on the CPU."""
    gpu_type: str = ""
    """Kind of GPU by the site's name, for example a100."""
    gpu_option: Literal["gres", "gpus-per-node"] = "gres"
    """The option of sbatch that asks for GPUs at this site."""
    memory: str = ""
    """Memory of each node, for example 16G; K, M, G or T, megabytes without a letter, 0 for all of it."""
    time: str = "04:00:00"
    """Time limit of each start: minutes, MM:SS, HH:MM:SS or D-HH:MM:SS; in YAML in quotes."""
    partition: str = ""
    """Partition to queue in."""
    account: str = ""
    """Account to charge."""
    qos: str = ""
    """Quality of service."""
    reservation: str = ""
    """Reservation to use."""
    constraint: str = ""
    """Features the nodes must have, for example skylake|icelake."""
    exclusive: bool = False
    """Take whole nodes. Only then are ranks bound to cores of their own, since other jobs cannot be on them."""
    signal_seconds: int = 120
    """Seconds before the time limit at which the ranks save and end, and the job is requeued."""
    requeues: int = 20
    """How often the job may be requeued, SLURM's own requeues included; 0: never."""
    job_name: str = ""
    """Name in the queue; by default that of the job file."""
    project: str = ""
    """Directory of this project, the same on all nodes; by default the current one."""
    venv: str = ""
    """Its environment; by default .venv, or .venv-gpu with GPUs."""
    sbatch: list[str] = dataclasses.field(default_factory=list)
    """Further options of sbatch, for example [--mail-type=END, --exclude=node7]."""
    horovodrun: list[str] = dataclasses.field(default_factory=list)
    """Further options of horovodrun, for example [--network-interface, ib0]."""
    prologue: list[str] = dataclasses.field(default_factory=list)
    """Lines of shell at the start of the script, copied as they are, for example [module load python/3.11]."""
    out: str = "-"
    """File to write, whole or not at all; - shows the script."""
    submit: bool = False
    """Give the script to sbatch."""

    def directory(self) -> str:
        """The project's, on the cluster."""
        return self.project or str(Path.cwd())

    @property
    def num_ranks(self) -> int:
        return self.nodes * self.ranks_per_node


def check(options: SlurmOptions) -> None:
    """Raises LaunchError for what SLURM, or the script, could not do."""
    for name, least in _LEAST.items():
        if getattr(options, name) < least:
            raise LaunchError(f"{name} is {getattr(options, name)}, expected {least} or more")
    for name, (pattern, expected) in _TEXTS.items():
        if not re.fullmatch(pattern, getattr(options, name)):
            raise LaunchError(f"{name} is {getattr(options, name)!r}, expected {expected}")
    if not options.job_name.isprintable():
        raise LaunchError(f"job_name is {options.job_name!r}, expected text on one line")
    if options.gpus_per_node and options.ranks_per_node != options.gpus_per_node:
        raise LaunchError(
            f"ranks_per_node is {options.ranks_per_node} with gpus_per_node {options.gpus_per_node}, expected the same "
            "number, because each rank takes one GPU"
        )
    if options.gpu_type and not options.gpus_per_node:
        raise LaunchError(f"gpu_type is {options.gpu_type!r} but gpus_per_node is 0; set the number that a node has")
    if not _LEAST_SIGNAL_S <= options.signal_seconds <= seconds(options.time) - RESOLUTION_S:
        raise LaunchError(
            f"signal_seconds is {options.signal_seconds} with a time of {options.time}, expected {_LEAST_SIGNAL_S} or "
            f"more, so that the ranks can end, and at most {RESOLUTION_S} s less than the time, because SLURM may "
            "signal earlier"
        )
    _check_project(options.directory())
    for option in options.sbatch:
        found = re.fullmatch(r"--([a-z][a-z-]*)(?:=.*)?", option)
        if not found or not option.isprintable():
            raise LaunchError(f"sbatch: {option!r} is not an option in its long form, such as --mail-type=END")
        if found[1] in _OWN_OPTIONS:
            advice = "use the setting for it, if there is one"
            raise LaunchError(f"sbatch: --{found[1]} is set by the script itself; {advice}")
    for line in options.prologue:
        if "\r" in line or line.startswith("#SBATCH"):
            raise LaunchError(f"prologue: {line!r} is not a line of shell; options of sbatch belong in sbatch")


def seconds(time: str) -> int:
    """A time limit in SLURM's notation, in seconds. Raises LaunchError if it is not one, or not above 0."""
    days, hours, others = r"(?P<d>\d+)-", r"(?P<h>\d+)", r":(?P<m>\d+)(?::(?P<s>\d+))?"
    patterns = (rf"{days}{hours}(?:{others})?", rf"{hours}:(?P<m>\d+):(?P<s>\d+)", r"(?P<m>\d+)(?::(?P<s>\d+))?")
    found = next((match for pattern in patterns if (match := re.fullmatch(pattern, time, re.ASCII))), None)
    parts = {name: int(number or 0) for name, number in found.groupdict().items()} if found else {}
    limit_s = sum(parts.get(name, 0) * unit for name, unit in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)))
    if not limit_s:
        raise LaunchError(
            f"time is {time!r}, expected a limit above 0 as minutes, MM:SS, HH:MM:SS, D-HH or D-HH:MM:SS, such as "
            "04:00:00 (in a YAML file in quotes, because it reads 04:00:00 as a number)"
        )
    return limit_s


def _check_project(directory: str) -> None:
    if not accepts_directory(directory):
        raise LaunchError(
            f"project is {directory!r}, expected an absolute path without spaces, quotes and the like, "
            "which horovodrun cannot take; move the project to one"
        )
    if Path(directory).is_dir() and not Path(directory, "ner_dist").is_dir():
        raise LaunchError(
            f"project is {Path(directory)}, which has no folder ner_dist; call this in the project's directory, or "
            "name it with --project"
        )
