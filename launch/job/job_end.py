"""How a job ended: which rank was the first to fail, where, and why; as horovodrun tells the supervisor."""

from __future__ import annotations

import json
import signal
from typing import NamedTuple

from launch.job.rank_starter import STOPPED
from launch.remote_hosts.ssh_client import NO_CONNECTION

# The variable with the file that horovodrun writes it to; without it, horovodrun prints it.
VARIABLE = "NER_JOB_END"
# Characters of a sentence, so that a line fits into a pipe.
_LONGEST = 8_000


class JobEnd(NamedTuple):
    """A failure. Everything unknown if horovodrun itself was killed."""

    code: int
    # The rank that failed first, and its host.
    rank: int | None = None
    host: str = ""
    # The error as the rank, or horovodrun, said it; empty if it could not.
    sentence: str = ""
    # Not because of an error of the job: killed, frozen, or the host or the connection was lost.
    from_outside: bool = False

    def text(self, run: str = "") -> str:
        """A sentence for the terminal. run: the run's directory, where ranks have logs."""
        if self.rank is None:
            return f"the job ended with code {self.code}" + (f": {self.sentence}" if self.sentence else "")
        host = f" on {self.host}" if self.host else ""
        reason = self.sentence or what_code_means(self.code)
        log = f"{run}/rank-{self.rank}.log{host}" if run else "its log"
        see = "" if self.sentence or self.from_outside else f"; see its output above, and {log} if it got that far"
        return f"rank {self.rank}{host} failed first, with code {self.code}: {reason}{see}"

    def same_error(self, other: JobEnd) -> bool:
        """Whether both are the same error of the job's own, whichever rank met it first."""
        own = not self.from_outside and not other.from_outside
        return own and (self.code, self.sentence) == (other.code, other.sentence)


def what_code_means(code: int, remote: bool = False) -> str:
    """The exit code of a rank that could not say why it ended, in words."""
    if code == STOPPED:
        return "it was stopped (SIGSTOP), and it was waited for in vain"
    if remote and code == NO_CONNECTION:
        return "the connection to its host was lost"
    if code > 128 and code - 128 in set(signal.Signals):
        number = signal.Signals(code - 128)
        memory = ", perhaps because memory ran out" if number == signal.SIGKILL else ""
        return f"killed by signal {number} ({number.name}){memory}"
    return "it gave no reason"


# What ends a process that has done nothing wrong.
_OUTSIDE = {
    128 + number
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSTOP, signal.SIGPWR)
}


def is_from_outside(code: int, remote: bool) -> bool:
    return code in _OUTSIDE or (remote and code == NO_CONNECTION)


def write_end(end: JobEnd, path: str) -> None:
    """For the supervisor, if it is still there."""
    end = end._replace(sentence=end.sentence[:_LONGEST])
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(end._asdict()) + "\n")
    except OSError:
        # It reads the exit code, too.
        pass


def read_end(written: bytes, code: int) -> JobEnd:
    """What horovodrun has written; its exit code alone if it was killed before."""
    try:
        return JobEnd(**json.loads(written))._replace(code=code)
    except (ValueError, TypeError):
        outside = is_from_outside(code, False)
        return JobEnd(code, sentence=f"horovodrun: {what_code_means(code)}" if outside else "", from_outside=outside)
