"""horovodrun for this project: `python -m launch.job.horovodrun [OWN OPTIONS] OPTIONS OF HOROVODRUN COMMAND`.

Its own are `--grace-seconds S` and `--stopped-seconds S`.

Takes the same options and shows the same lines, except that

- no variable of the environment is written on a command line, where every user of the host could read it,
- a signal reaches the ranks as it is, and they have `--grace-seconds` to save before they are killed,
- a rank that is stopped, as by SIGSTOP, and that no other rank waits for is ended after `--stopped-seconds`,
- the first failure of a rank is told in one sentence, the last line, and its code is the exit code,
- it neither loads MXNet, which the machine of a launcher may be unable to, nor looks for network interfaces on all
  hosts before it starts, so that ranks run a second after a restart.

Works with Horovod 0.28.1.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import sys
import uuid
from typing import NamedTuple

from horovod.runner import launch as upstream
from horovod.runner.common.util import config_parser, env
from horovod.runner.common.util.hosts import SlotInfo, get_host_assignments, parse_host_files, parse_hosts

from launch.job.elastic_job import ElasticJob
from launch.job.elastic_members import Member, Members
from launch.job.elastic_server import MembersServer
from launch.job.host_discovery import hosts_of
from launch.job.job_end import JobEnd
from launch.job.job_process import end_of, leave, run_and_tell, watch_signals
from launch.job.job_ranks import MARGIN_S, JobRanks
from launch.job.rank_starter import RankOrder, interface_of, interface_variables, source_address
from launch.job.rendezvous import LOOPBACK, Rendezvous, rank_variables
from launch.remote_hosts.ssh_client import is_here
from ner_dist.ranks.board import Failure
from ner_dist.ranks.membership import VARIABLE as MEMBER

GRACE_S = 30.0
_GRACE, _STOPPED = "--grace-seconds", "--stopped-seconds"
# How long an elastic job may have too few ranks.
_ELASTIC_TIMEOUT_S = 600
_UNSUPPORTED = {
    "use_mpi": "--mpi",
    "use_jsrun": "--jsrun",
    "output_filename": "--output-filename",
    "run_func": "",
    "reset_limit": "--reset-limit",
    "cooldown_range": "--blacklist-cooldown-range",
}


class _Times(NamedTuple):
    grace_s: float
    # 0: never.
    stopped_s: float


class _Job:
    """A horovodrun under way."""

    def __init__(self, args: argparse.Namespace, times: _Times, held: list[int]) -> None:
        self.args = args
        ssh = [f"-p{args.ssh_port}"] if args.ssh_port else []
        ssh += [f"-i{args.ssh_identity_file}"] if args.ssh_identity_file else []
        self.ranks = JobRanks(times.grace_s + MARGIN_S, ssh, held)
        self._times = times
        self._interface = sorted(args.nics)[0] if args.nics else ""
        self._added = config_parser.set_env_from_args({}, args)
        self.rendezvous: Rendezvous
        # The first that a rank has reported.
        self.failure: Failure | None = None

    def static(self) -> None:
        """Start all ranks and wait for all of them; if one fails, the others cannot go on."""
        hosts, num_ranks = parse_hosts(self.args.hosts), self.args.num_proc
        slots = get_host_assignments(hosts, num_ranks, num_ranks)
        others = [slot.hostname for slot in slots if not is_here(slot.hostname)]
        self.rendezvous = Rendezvous("" if others else LOOPBACK)
        port = self.rendezvous.start()
        self.rendezvous.init(slots)

        self.ranks.run_all([(slot.rank, slot.hostname, self._order(slot, port, others)) for slot in slots])
        self.failure = self.rendezvous.first_failure()

    def elastic(self) -> ElasticJob:
        """The same while ranks come and go; returns what has become of it."""
        args, script = self.args, self.args.host_discovery_script
        # Otherwise, hosts that come later may be anywhere.
        listen_at = LOOPBACK if self._interface == "lo" else ""
        members = Members(args.min_num_proc or args.num_proc, args.max_num_proc or args.num_proc)
        server, name = MembersServer(members, listen_at), uuid.uuid4().hex

        def order(member: Member) -> RankOrder:
            host, slot = member.place
            others = [each for each in members.hosts() if not is_here(each)]
            # Several names of this machine share its cores.
            shared = [host] if host in others else [each for each in members.hosts() if each not in others]
            slots = sum(map(members.slots, shared))
            slot += sum(map(members.slots, shared[: shared.index(host)]))
            provisional = SlotInfo(host, member.number, slot, 0, members.most, min(slots, members.most), 1)
            address = self._address(host, others)
            more = {MEMBER: server.of_member(address, member.number), "NER_SLOT": str(slot), "NER_JOB": name}
            # It learns another port with each part.
            return self._order(provisional, 0, others, more)

        def new_rendezvous() -> int:
            # One for each generation, so that nobody of the one before can disturb it. They end with this process.
            self.rendezvous = Rendezvous(listen_at)
            port = self.rendezvous.start()
            self.rendezvous.init([])
            return port

        timeout_s = float(args.elastic_timeout or _ELASTIC_TIMEOUT_S)
        job = ElasticJob(self.ranks, members, lambda: hosts_of(script, args.slots), order, new_rendezvous, timeout_s)
        job.run()
        if members.generation >= 0:
            self.failure = self.rendezvous.first_failure()
        return job

    def _address(self, host: str, others: list[str]) -> str:
        """This machine's on the way to the host, or to any host that this machine's ranks must be reached from."""
        return source_address(host if host in others else others[0]) if others else LOOPBACK

    def _order(self, slot: SlotInfo, port: int, others: list[str], more: dict[str, str] | None = None) -> RankOrder:
        remote = slot.hostname in others
        address = self._address(slot.hostname, others)
        variables = {
            **({name: value for name, value in os.environ.items() if env.is_exportable(name)} if remote else {}),
            **self._added,
            **rank_variables(slot, address, port),
            **(more or {}),
        }
        if self._interface:
            variables.update(interface_variables(self._interface))
        elif not remote:
            variables.update(interface_variables(interface_of(address) or "lo"))
        towards = address if remote and not self._interface else ""
        return RankOrder(self.args.command, variables, self._times.grace_s + MARGIN_S, self._times.stopped_s, towards)


def _parse(words: list[str]) -> tuple[argparse.Namespace, _Times]:
    # They come first, because the command that is started has options, too.
    seconds, others = {_GRACE: GRACE_S, _STOPPED: 0.0}, words
    while others and others[0] in seconds:
        seconds[others[0]] = value = float(others[1]) if others[1:] else math.nan
        if not 0 < value < math.inf:
            raise ValueError(f"{others[0]} needs a number of seconds above 0")
        others = others[2:]
    sys.argv = ["horovodrun", *others]
    args = upstream.parse_args()
    for name, option in _UNSUPPORTED.items():
        if getattr(args, name, None):
            raise ValueError(f"{option} is not supported here; use horovodrun itself")
    if not args.command:
        raise ValueError("no command was given")
    if not args.hosts and not args.host_discovery_script:
        args.hosts = parse_host_files(args.hostfile) if args.hostfile else f"localhost:{args.num_proc}"
    if args.min_num_proc is not None and not args.host_discovery_script:
        raise ValueError("--min-np needs --host-discovery-script SCRIPT, which prints the hosts as NAME:SLOTS")
    if args.log_level:
        logging.addLevelName(logging.NOTSET, "TRACE")
        logging.basicConfig(level=logging.getLevelName(args.log_level))
    return args, _Times(seconds[_GRACE], seconds[_STOPPED])


def run_job(args: argparse.Namespace, times: _Times, held: list[int]) -> JobEnd | None:
    """Start the ranks and wait for their end; None if all of them succeeded."""
    job = _Job(args, times, held)
    watch_signals(job.ranks.ask)
    if not args.host_discovery_script:
        job.static()
        return end_of(job.ranks, job.ranks.exits, job.failure)
    elastic = job.elastic()
    return end_of(job.ranks, elastic.last_exits(), job.failure, elastic.reason)


def main(words: list[str]) -> int:
    """Returns the code of the first rank that failed, 128 + a signal's number, 0, or 2 for wrong options."""
    return run_and_tell(lambda held: run_job(*_parse(words), held), "horovodrun")


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
