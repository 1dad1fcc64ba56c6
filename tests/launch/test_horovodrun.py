"""horovodrun of this project: what its ranks get, how they end, and what is said then; small programs are the ranks."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from idle_ranks import RANK, IdleRanks
from processes import Finished, Job, alone, run

from launch.job.job_end import JobEnd, read_end, write_end
from launch.job.job_ranks import RankExit, cause
from launch.job.rank_output import RankOutput, Screen
from launch.job.rank_starter import STOPPED
from ner_dist.ranks.board import Failure

SECRET = "pa55 word's"


class Ranks(IdleRanks):
    def __init__(self, folder: Path, does: str = "wait", *options: str, **variables: str) -> None:
        command = [*alone("launch.job.horovodrun", *options, "-np", "2", sys.executable, "-c", RANK, does)]
        super().__init__(folder, command, **variables)
        self.wait_for_ranks()


class FollowingRanks(IdleRanks):
    """The launcher is less patient with those that are left than for users."""

    def __init__(self, folder: Path) -> None:
        start = "import sys, launch.job.horovodrun as h, launch.job.job_ranks as r; r._FOLLOW_S = 0.5; "
        words = ["-np", "2", sys.executable, "-c", RANK, "wait"]
        super().__init__(folder, [sys.executable, "-c", f"{start}h.leave(h.main(sys.argv[1:]))", *words])
        self.wait_for_ranks()


def last(finished: Finished) -> str:
    return finished.err.splitlines()[-1]


def test_ranks_get_the_environment_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    with Ranks(tmp_path, "tell", A_SECRET=SECRET, NER_JOB_END="") as job:
        lines = [" ".join(process.cmdline()) for process in job.processes()]
        job.go(0)
        job.go(1)
        finished = job.wait()
    assert (finished.code, finished.err, finished.left) == (0, "", [])
    assert sorted(finished.out.splitlines()) == [f"[{rank}]<stdout>:{rank} 2 {SECRET} lo" for rank in range(2)]
    # The launcher, and two ranks beside their starters.
    assert len(lines) >= 5
    assert not [line for line in lines if "pa55" in line or "HOROVOD_" in line.replace('environ["HOROVOD_', "")]


def test_the_first_error_is_the_last_line_and_said_once(tmp_path: Path) -> None:
    with Ranks(tmp_path) as job:
        culprit = job.process(1)
        job.go(1, "careful\nerror: shard 3 is truncated;\n  rebuild it\n")
        job.wait_until(lambda: not culprit.is_running())
        job.go(0, "error: another rank is gone\n")
        finished = job.wait()
    assert (finished.code, finished.left) == (1, [])
    assert finished.err.splitlines() == [
        "[1]<stderr>:careful",
        "horovodrun: rank 1 on localhost failed first, with code 1: shard 3 is truncated;",
        "  rebuild it",
    ]


def test_the_others_are_asked_to_end_when_one_is_killed(tmp_path: Path) -> None:
    with FollowingRanks(tmp_path) as job:
        job.process(1).kill()
        finished = job.wait()
    assert (finished.code, finished.left, job.got()) == (137, [], ["SIGTERM"])
    why = "killed by signal 9 (SIGKILL), perhaps because memory ran out"
    assert last(finished) == f"horovodrun: rank 1 on localhost failed first, with code 137: {why}"


def test_a_stopped_rank_is_to_blame_not_the_one_that_gave_up(tmp_path: Path) -> None:
    with FollowingRanks(tmp_path) as job:
        job.process(0).suspend()
        job.go(1, "error: waited in vain\n")
        finished = job.wait()
    assert (finished.code, finished.left) == (STOPPED, [])
    assert last(finished).startswith("horovodrun: rank 0 on localhost failed first, with code 147: it was stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_ranks_as_it_is(tmp_path: Path, number: signal.Signals) -> None:
    # The tests may run under nohup.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with Ranks(tmp_path) as job:
            launcher = next(p for p in job.processes() if "launch.job.horovodrun" in p.cmdline()[:3])
            launcher.send_signal(number)
            finished = job.wait()
    finally:
        signal.signal(signal.SIGHUP, before)
    arrived = signal.SIGTERM if number == signal.SIGHUP else number
    assert (finished.code, finished.left, job.got()) == (128 + arrived, [], [arrived.name] * 2)


def test_ranks_that_do_not_end_are_killed_after_the_grace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = "import sys, launch.job.horovodrun as h; h.MARGIN_S = 0.2; sys.exit(h.main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "--grace-seconds", "0.3", "-np", "2", sys.executable, "-c", RANK, "deaf"]
    with Job(command, tmp_path, 60) as job:
        job.wait_until(lambda: all((tmp_path / f"pid-{rank}").exists() for rank in range(2)))
        job.signal(signal.SIGTERM)
        finished = job.wait()
    assert (finished.code, finished.left) == (143, [])


def test_a_rank_that_is_stopped_and_that_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    times = ["--stopped-seconds", "0.4"]
    command = alone("launch.job.horovodrun", *times, "-np", 1, sys.executable, "-c", RANK, "deaf")
    with Job(command, tmp_path, 60) as job:
        job.wait_until(lambda: (tmp_path / "pid-0").exists())
        os.kill(int((tmp_path / "pid-0").read_text()), signal.SIGSTOP)
        finished = job.wait()
    assert (finished.code, finished.left) == (128 + signal.SIGSTOP, [])
    assert "with code 147: it was stopped (SIGSTOP), and it was waited for in vain" in finished.err


def test_ranks_save_and_end_when_their_launcher_is_killed(tmp_path: Path) -> None:
    with Ranks(tmp_path) as job:
        ranks = [job.process(rank) for rank in range(2)]
        next(p for p in job.processes() if "launch.job.horovodrun" in p.cmdline()[:3]).kill()
        assert psutil.wait_procs(ranks, timeout=10)[1] == []
        finished = job.wait()
    assert (finished.left, job.got()) == ([], ["SIGTERM"] * 2)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-np", "2"], "no command was given"),
        (["--grace-seconds", "0", "-np", "2", "true"], "--grace-seconds needs a number of seconds above 0"),
        (["--stopped-seconds", "-1", "-np", "2", "true"], "--stopped-seconds needs a number of seconds above 0"),
        (["-np", "3", "-H", "localhost:2", "true"], "Requested more processes (3) than there are available slots (2)"),
        (["-np", "1", "--hostfile", "absent", "true"], "No such file or directory: 'absent'"),
        (["-np", "1", "--host-discovery-script", "echo a b #", "true"], "printed 'a b', expected a line NAME:SLOTS"),
        (["-np", "1", "--host-discovery-script", "exit 3 #", "true"], "exit 3 #: ended with code 3; expected"),
        (["-np", "1", "--mpi", "true"], "--mpi is not supported here"),
        (["-np", "1", "absent-command"], "rank 0 on localhost failed first, with code 127: absent-command cannot be"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    finished = run(alone("launch.job.horovodrun", *words), tmp_path)
    assert finished.code != 0
    assert (finished.out, finished.err.count("\n")) == ("", 1)
    assert sentence in finished.err


# --- Which failure was the first


def exit_of(rank: int, code: int, words: str = "", asked: bool = False, remote: bool = False) -> RankExit:
    return RankExit(rank, f"node{rank}", code, words, asked, remote, float(rank))


def first(exits: list[RankExit], reported: Failure | None = None) -> tuple[int | None, str, bool] | None:
    end = cause(exits, reported)
    return end and (end.rank, end.sentence, end.from_outside)


def test_the_first_failure_is_found_whatever_the_order_of_the_ends() -> None:
    gone = "another rank is gone"
    assert first([exit_of(0, 0), exit_of(1, 0)]) is None
    assert first([exit_of(1, 1, "b"), exit_of(0, 1, "a")]) == (0, "a", False)
    # Killed: the others follow, perhaps before the end of the killed one is noticed.
    killed = "killed by signal 9 (SIGKILL), perhaps because memory ran out"
    assert first([exit_of(0, 1, gone), exit_of(1, 137)]) == (1, killed, True)
    # Killed by the launcher, because it did not end.
    assert first([exit_of(0, 1, "a"), exit_of(1, 137, asked=True)]) == (0, "a", False)
    # What was left for all to read counts more than what came first.
    assert first([exit_of(0, 1, gone), exit_of(1, 1, "b\nc")], Failure(1, "b", "b c")) == (1, "b\nc", False)
    # A guess of another rank does not.
    assert first([exit_of(0, 1, gone), exit_of(1, 137)], Failure(1, "b", "it is silent")) == (1, killed, True)
    # But if there is nothing else.
    assert first([exit_of(0, 1, gone), exit_of(1, 143, asked=True)], Failure(1, "b", "silent")) == (1, "silent", True)
    # A host that is gone, noticed late.
    lost = "the connection to its host was lost"
    assert first([exit_of(0, 1, gone), exit_of(1, 255, asked=True, remote=True)]) == (1, lost, True)
    assert first([exit_of(0, 1, gone), exit_of(1, STOPPED, asked=True)])[0] == 1  # type: ignore[index]
    assert first([exit_of(0, 139)]) == (0, "killed by signal 11 (SIGSEGV)", False)


def test_an_end_is_written_and_read_and_a_missing_one_is_known_by_its_code(tmp_path: Path) -> None:
    end = JobEnd(7, 1, "node1", 'it says "ü"\nand more')
    write_end(end, str(tmp_path / "end"))
    assert read_end((tmp_path / "end").read_bytes(), 7) == end
    write_end(end, str(tmp_path / "absent" / "end"))
    for written in (b"", b"{", b'{"no": 1}', b"[1]"):
        assert read_end(written, 1) == JobEnd(1)
        assert read_end(written, 137).from_outside


# --- What ranks write


class Terminal(io.StringIO):
    error: OSError | None = None

    def write(self, text: str) -> int:
        if self.error is not None:
            raise self.error
        return super().write(text)


def copied(screen: Terminal, written: bytes) -> tuple[RankOutput, int]:
    reader, writer = os.pipe()
    output = RankOutput(os.fdopen(reader, "rb"), Screen(screen), "[0]<stderr>:", True)
    os.write(writer, written)
    return output, writer


def test_lines_have_their_rank_before_them_whatever_is_in_them() -> None:
    screen = Terminal()
    output, writer = copied(screen, b"a\r50 %\r\n" + "ü".encode()[:1])
    os.write(writer, "ü".encode()[1:] + b"\xff\nend")
    os.close(writer)
    output.join(5)
    assert screen.getvalue() == "".join(f"[0]<stderr>:{line}" for line in ("a\r", "50 %\r", "\n", "ü\ufffd\n", "end"))
    assert output.last_words() == ""


def test_an_error_that_does_not_end_the_rank_is_shown_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launch.job.rank_output._LAST_WORDS_S", 0.1)
    screen = Terminal()
    output, writer = copied(screen, b"error: the disk is full\nretrying\n")
    until_s = time.monotonic() + 5
    while "retrying" not in screen.getvalue() and time.monotonic() < until_s:
        time.sleep(0.01)
    os.write(writer, b"going on\n")
    os.close(writer)
    output.join(5)
    lines = ("error: the disk is full", "retrying", "going on")
    assert screen.getvalue() == "".join(f"[0]<stderr>:{line}\n" for line in lines)


def test_a_full_disk_loses_lines_and_a_closed_terminal_ends_the_rank() -> None:
    screen = Terminal()
    screen.error = OSError(28, "No space left on device")
    output, writer = copied(screen, b"lost\n")
    time.sleep(0.05)
    screen.error = BrokenPipeError()
    os.write(writer, b"more\n")
    output.join(5)
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"nobody reads this\n")
    os.close(writer)
