"""Jobs that are restarted, given up, or ended by a signal; small shell scripts stand in for horovodrun."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from processes import ROOT

from launch.job.supervisor import ExitReason, LaunchedJob, file_versions, forward, supervise

# $1 is the run's directory; a restart adds the arguments that resume it.
SAVE = 'mkdir -p "$1/checkpoints/last"; echo >> "$1/starts"; date +%N > "$1/new"; '
CHECKPOINT = 'mv "$1/new" "$1/checkpoints/last/state.json"; '
RESULT = 'mv "$1/new" "$1/result.json"; '


def job(run: Path, script: str, hosts: tuple[str, ...] = ()) -> LaunchedJob:
    command = ["sh", "-c", SAVE + script, "sh", str(run)]
    return LaunchedJob(command, dict(os.environ), run, None, hosts)


def supervised(run: Path, script: str, restarts: int, hosts: tuple[str, ...] = ()) -> tuple[int, list[str]]:
    said: list[str] = []
    return supervise(job(run, script, hosts), restarts, said.append), said


def starts(run: Path) -> int:
    return len((run / "starts").read_text().splitlines())


def test_a_job_with_a_result_is_started_once(tmp_path: Path) -> None:
    assert supervised(tmp_path / "run", RESULT, 3) == (0, [])
    assert starts(tmp_path / "run") == 1


def test_a_job_that_died_after_progress_is_restarted_to_resume(tmp_path: Path) -> None:
    script = CHECKPOINT + f'if [ "$3" = true ]; then date > "$1/new"; {RESULT} else exit 7; fi'
    code, said = supervised(tmp_path / "run", script, 2)
    assert (code, starts(tmp_path / "run")) == (0, 2)
    assert said == [
        "the job ended with code 7 and without a result",
        "restarting from the last checkpoint, 1 of 2",
    ]


def test_a_job_that_died_without_progress_is_not_restarted(tmp_path: Path) -> None:
    code, said = supervised(tmp_path / "run", "exit 7", 5)
    assert (code, starts(tmp_path / "run")) == (7, 1)
    assert said[1] == "it is not restarted, because it saved no new checkpoint and would end in the same way"


def test_a_job_is_given_up_once_restarts_are_used_up_or_bring_nothing(tmp_path: Path) -> None:
    code, said = supervised(tmp_path / "always", CHECKPOINT + "exit 7", 2)
    assert (code, starts(tmp_path / "always")) == (7, 3)
    assert said[-1].startswith("all restarts are used up; continue with the same command and --run ")
    # Only the first attempt saves something.
    code, said = supervised(tmp_path / "once", f'[ "$2" ] || {{ {CHECKPOINT} }}; exit 8', 5)
    assert (code, starts(tmp_path / "once")) == (8, 2)
    assert said[-1].startswith("it is not restarted")


def test_code_0_without_a_result_is_a_failure_and_an_old_result_is_none(tmp_path: Path) -> None:
    assert supervised(tmp_path / "none", "exit 0", 0)[0] == 1
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "result.json").write_text("{}")
    assert supervised(tmp_path / "old", "exit 0", 0)[0] == 1
    assert supervised(tmp_path / "old", RESULT, 0) == (0, [])


@pytest.mark.parametrize("name", ["-my run", "it's\nhere"])
def test_a_run_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert file_versions(Path(name)) == ("", "")
    (Path(name) / "checkpoints" / "last").mkdir(parents=True)
    (Path(name) / "checkpoints" / "last" / "state.json").write_text("{}")
    assert file_versions(Path(name)).result == ""
    before = file_versions(Path(name)).checkpoint
    assert before
    (Path(name) / "result.json").write_text("{}")
    assert file_versions(Path(name)).result
    (Path(name) / "checkpoints" / "last" / "state.json").write_text("{ }")
    assert file_versions(Path(name)).checkpoint not in ("", before)


def test_the_first_rank_to_leave_is_named_with_its_host(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    blame = (
        "printf '[1]<stderr>:error: oh\\nTraceback (most recent call last):\\n  File\\nRuntimeError: Horovod detected"
    )
    script = f"{blame} that\\nProcess name: 1\\nExit code: 137\\n\\n' >&2; exit 1"
    code, said = supervised(tmp_path / "run", script, 0, ("node1", "node2"))
    assert code == 1
    log = f"{tmp_path / 'run'}/rank-1.log on node2"
    assert said == [
        "the job ended without a result: rank 1 on node2 was the first to leave, with code 137; "
        f"see its output above, and {log} if it got that far"
    ]
    assert capfd.readouterr().err == "[1]<stderr>:error: oh\n"


def test_what_ranks_write_is_passed_on_and_the_launchers_traceback_is_not() -> None:
    lines = [
        "[0]<stderr>:Traceback (most recent call last):\n",
        "[0]<stderr>:KeyError: 1\n",
        "note\n",
        "Traceback (most recent call last):\n",
        '  File "launch.py", line 1, in run\n',
        "[1]<stderr>:late\n",
        "RuntimeError: could not connect to some hosts via ssh\n",
    ]
    target = io.StringIO()
    assert forward(io.StringIO("".join(lines)), target) == ExitReason(text="could not connect to some hosts via ssh")
    assert target.getvalue() == "".join([*lines[:3], lines[5]])
    assert forward(io.StringIO(""), target) == ExitReason()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_ends_the_job_and_nothing_is_started_again(tmp_path: Path, number: signal.Signals) -> None:
    # Exits with 0, like horovodrun.
    script = CHECKPOINT + "trap 'kill $!; exit 0' TERM; sleep 1000 & "
    script += 'echo $! > "$1/pid.new"; mv "$1/pid.new" "$1/pid"; wait'
    start = (
        "import sys, pathlib, os, signal; from launch.job.supervisor import LaunchedJob, file_versions, supervise;"
        # The tests may run under nohup.
        "signal.signal(signal.SIGHUP, signal.SIG_DFL); run = pathlib.Path(sys.argv[1]);"
        "job = LaunchedJob(['sh', '-c', sys.argv[2], 'sh', str(run)], dict(os.environ), run);"
        "sys.exit(supervise(job, 3, print))"
    )
    words = [sys.executable, "-c", start, str(tmp_path / "run"), SAVE + script]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = tmp_path / "run" / "pid"
    while not pid.exists():
        assert process.poll() is None
        time.sleep(0.02)
    rank = psutil.Process(int(pid.read_text()))
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    psutil.wait_procs([rank], timeout=30)
    assert not rank.is_running() or rank.status() == psutil.STATUS_ZOMBIE
    assert starts(tmp_path / "run") == 1
    if number == signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert process.returncode == 128 + number
        assert out.startswith(f"{number.name} has ended the job; continue with the same command and --run ")


def test_a_job_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    script = SAVE + f'while [ ! -e "$1/go" ]; do sleep 0.05; done; {RESULT}'
    start = (
        "import sys, pathlib, os; from launch.job.supervisor import LaunchedJob, supervise;"
        "run = pathlib.Path(sys.argv[1]);"
        "job = LaunchedJob(['sh', '-c', sys.argv[2], 'sh', str(run)], dict(os.environ), run);"
        "sys.exit(supervise(job, 0, print))"
    )
    run = tmp_path / "run"
    with subprocess.Popen(["nohup", sys.executable, "-c", start, str(run), script], cwd=ROOT) as process:
        while not (run / "new").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGHUP)
        (run / "go").touch()
        assert process.wait(timeout=60) == 0
