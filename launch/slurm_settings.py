"""What to ask SLURM for, and what of that neither SLURM nor the batch script could take."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Literal

from launch.errors import LaunchError
from launch.horovodrun import takes_directory

_LEAST = {"nodes": 1, "ranks_per_node": 1, "cpus_per_rank": 1, "gpus_per_node": 0, "requeues": 0}
# SLURM looks at the time once a minute, so its warning may come so much earlier than asked for.
RESOLUTION_S = 60
# horovodrun lets ranks go for 5 s before it kills them.
_LEAST_SIGNAL_S = 15
# What the script itself decides, by the names of sbatch's options.
_OWN_OPTIONS = {
    *("array", "chdir", "cpus-per-task", "error", "gpus-per-node", "gres", "job-name", "nodes", "no-requeue", "ntasks"),
    *("ntasks-per-node", "open-mode", "output", "requeue", "signal", "time", "wrap"),
}
# Names, and what constraints and lists of partitions are made of.
_NAMES = dict.fromkeys(("partition", "account", "qos", "reservation", "constraint"), r"[\w.,:|&!*()\[\]@/+-]*")


@dataclasses.dataclass
class Slurm:
    """What to ask SLURM for. Texts that are empty leave the choice to the site."""

    nodes: int = 2
    """Nodes of the allocation."""
    ranks_per_node: int = 4
    """Ranks on each node; with GPUs as many as gpus_per_node. All ranks together need as many shards."""
    cpus_per_rank: int = 1
    """Cores for each rank, and its threads unless OMP_NUM_THREADS is set where the job is submitted."""
    gpus_per_node: int = 0
    """GPUs on each node, one a rank; 0 trains on the CPU."""
    gpu_type: str = ""
    """Kind of GPU by the site's name, such as a100."""
    gpu_option: Literal["gres", "gpus-per-node"] = "gres"
    """Which of sbatch's options asks for GPUs, as the site has it."""
    memory: str = ""
    """Memory of each node, such as 16G; K, M, G or T, without a letter megabytes; 0 for all of it."""
    time: str = "04:00:00"
    """Time limit of one stay on the nodes: minutes, MM:SS, HH:MM:SS or D-HH:MM:SS; in YAML in quotes."""
    partition: str = ""
    """Partition to queue in."""
    account: str = ""
    """Account to charge."""
    qos: str = ""
    """Quality of service."""
    reservation: str = ""
    """Reservation to use."""
    constraint: str = ""
    """Features the nodes must have, such as skylake|icelake."""
    exclusive: bool = False
    """Take whole nodes. Ranks are bound to cores of their own only then, as others' jobs may be on them else."""
    signal_seconds: int = 120
    """Seconds before the time limit at which the ranks are ended and the job is queued again."""
    requeues: int = 20
    """How often the job may come back at most, SLURM's own requeues counted; 0 never queues it again."""
    job_name: str = ""
    """Name in the queue; that of the job file if not given."""
    project: str = ""
    """Directory of this project, the same on all nodes; the current one if not given."""
    venv: str = ""
    """Environment in it; .venv, or .venv-gpu with GPUs, if not given."""
    sbatch: list[str] = dataclasses.field(default_factory=list)
    """Further options of sbatch, such as [--mail-type=END, --exclude=node7]."""
    horovodrun: list[str] = dataclasses.field(default_factory=list)
    """Further options of horovodrun, such as [--network-interface, ib0]."""
    prologue: list[str] = dataclasses.field(default_factory=list)
    """Lines of shell to begin with, taken as they are, such as [module load python/3.11]."""

    def directory(self) -> str:
        """Of the project, on the cluster."""
        return self.project or str(Path.cwd())

    @property
    def num_ranks(self) -> int:
        return self.nodes * self.ranks_per_node


def check(settings: Slurm) -> None:
    """Raises LaunchError for what SLURM, or the script, would stumble over."""
    for knob, least in _LEAST.items():
        if getattr(settings, knob) < least:
            raise LaunchError(f"{knob} is {getattr(settings, knob)}, expected {least} or more")
    _check_gpus(settings)
    if settings.memory and not re.fullmatch(r"\d+[KMGT]?", settings.memory, re.ASCII):
        raise LaunchError(f"memory is {settings.memory!r}, expected a number with K, M, G, T or nothing, such as 16G")
    limit_s = seconds(settings.time)
    if not _LEAST_SIGNAL_S <= settings.signal_seconds <= limit_s - RESOLUTION_S:
        raise LaunchError(
            f"signal_seconds is {settings.signal_seconds} with a time of {settings.time}, expected {_LEAST_SIGNAL_S} "
            f"or more, in which the ranks end, and {RESOLUTION_S} s less than the time, as SLURM may signal earlier"
        )
    for knob, pattern in _NAMES.items():
        if not re.fullmatch(pattern, getattr(settings, knob), re.ASCII):
            raise LaunchError(f"{knob} is {getattr(settings, knob)!r}, expected a name of SLURM's, without spaces")
    _check_paths(settings)
    for option in settings.sbatch:
        _check_sbatch_option(option)
    for line in settings.prologue:
        if "\r" in line or line.startswith("#SBATCH"):
            raise LaunchError(f"prologue: {line!r} is no line of shell; options of sbatch are for the knob sbatch")


def seconds(time: str) -> int:
    """A time limit in SLURM's notation, in seconds. Raises LaunchError if it is none, or no limit."""
    days, hours, others = r"(?P<d>\d+)-", r"(?P<h>\d+)", r":(?P<m>\d+)(?::(?P<s>\d+))?"
    forms = (rf"{days}{hours}(?:{others})?", rf"{hours}:(?P<m>\d+):(?P<s>\d+)", r"(?P<m>\d+)(?::(?P<s>\d+))?")
    found = next((match for form in forms if (match := re.fullmatch(form, time, re.ASCII))), None)
    parts = {name: int(number or 0) for name, number in found.groupdict().items()} if found else {}
    limit_s = sum(parts.get(name, 0) * unit for name, unit in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)))
    if not limit_s:
        raise LaunchError(
            f"time is {time!r}, expected a limit above 0 as minutes, MM:SS, HH:MM:SS, D-HH or D-HH:MM:SS, such as "
            "04:00:00 (in a YAML file in quotes, because it reads 04:00:00 as a number)"
        )
    return limit_s


def _check_gpus(settings: Slurm) -> None:
    if settings.gpus_per_node and settings.ranks_per_node != settings.gpus_per_node:
        raise LaunchError(
            f"ranks_per_node is {settings.ranks_per_node} with gpus_per_node {settings.gpus_per_node}, expected as "
            "many of one as of the other, because each rank takes a GPU"
        )
    if settings.gpu_type and not settings.gpus_per_node:
        raise LaunchError(f"gpu_type is {settings.gpu_type!r} with gpus_per_node 0; say how many a node is to have")
    if not re.fullmatch(r"[\w.-]*", settings.gpu_type, re.ASCII):
        raise LaunchError(f"gpu_type is {settings.gpu_type!r}, expected one of the site's names, such as a100")


def _check_paths(settings: Slurm) -> None:
    if not takes_directory(settings.directory()):
        raise LaunchError(
            f"project is {settings.directory()!r}, expected an absolute path without spaces, quotes and the like, "
            "which horovodrun cannot take; move the project to one"
        )
    here = Path(settings.directory())
    if here.is_dir() and not (here / "ner_dist").is_dir():
        raise LaunchError(
            f"project is {here}, which holds no ner_dist; call this in the project's directory, or name it: --project"
        )
    if not re.fullmatch(r"[\w./+,@=-]*", settings.venv):
        raise LaunchError(f"venv is {settings.venv!r}, expected a directory of the project, such as .venv")
    if not settings.job_name.isprintable():
        raise LaunchError(f"job_name is {settings.job_name!r}, expected text in one line")


def _check_sbatch_option(option: str) -> None:
    found = re.fullmatch(r"--([a-z][a-z-]*)(?:=.*)?", option)
    if not found or not option.isprintable():
        raise LaunchError(f"sbatch: {option!r} is no option, expected one such as --mail-type=END, in its long form")
    if found[1] in _OWN_OPTIONS:
        raise LaunchError(
            f"sbatch: --{found[1]} is what the script decides itself; use the knob for it, if there is one"
        )
