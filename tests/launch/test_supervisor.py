"""Jobs that are restarted, given up, or ended by a signal; small shell scripts stand in for horovodrun."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from processes import ROOT

from launch.job import supervisor
from launch.job.job_end import JobEnd
from launch.job.supervisor import LaunchedJob, file_versions, supervise
from launch.launch_errors import LaunchError
from ner_dist.stores.addresses import parse_address
from ner_dist.stores.published import publish

# $1 is the run's directory; a restart adds the arguments that resume it.
SAVE = 'mkdir -p "$1/checkpoints/last"; echo >> "$1/starts"; date +%N > "$1/new"; '
CHECKPOINT = 'mv "$1/new" "$1/checkpoints/last/state.json"; '
RESULT = 'mv "$1/new" "$1/result.json"; '


def fails(code: int, sentence: str = "", from_outside: bool = False) -> str:
    """What horovodrun does when rank 1 of node2 has failed."""
    end = JobEnd(code, 1, "node2", sentence, from_outside)
    return f"echo '{json.dumps(end._asdict())}' > \"$NER_JOB_END\"; exit {code}; "


def job(run: Path, script: str) -> LaunchedJob:
    command = ["sh", "-c", SAVE + script, "sh", str(run)]
    return LaunchedJob(command, dict(os.environ), run)


def supervised(run: Path, script: str, restarts: int) -> tuple[int, list[str]]:
    said: list[str] = []
    return supervise(job(run, script), restarts, said.append), said


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made."""
    made: list[float] = []
    monkeypatch.setattr(supervisor, "_pause", lambda seconds, received: made.append(seconds))
    return made


def starts(run: Path) -> int:
    return len((run / "starts").read_text().splitlines())


def advice(run: Path) -> str:
    return f"continue with the same command and --run {run} --train.resume true"


def test_a_job_with_a_result_is_started_once(tmp_path: Path) -> None:
    assert supervised(tmp_path / "run", RESULT, 3) == (0, [])
    assert starts(tmp_path / "run") == 1


def test_a_job_that_died_is_restarted_to_resume(tmp_path: Path) -> None:
    script = CHECKPOINT + f'if [ "$3" = true ]; then date > "$1/new"; {RESULT} else exit 7; fi'
    code, said = supervised(tmp_path / "run", script, 2)
    assert (code, starts(tmp_path / "run")) == (0, 2)
    assert said == ["the job ended with code 7", "restarting from the last checkpoint, 1 of 2"]


def test_a_job_that_is_killed_is_restarted_even_if_it_saved_nothing(tmp_path: Path, pauses: list[float]) -> None:
    run = tmp_path / "run"
    script = fails(137, "killed by signal 9 (SIGKILL), perhaps because memory ran out", True)
    code, said = supervised(run, script, 9)
    assert (code, starts(run)) == (137, 10)
    # At once, then after longer and longer pauses.
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    why = "rank 1 on node2 failed first, with code 137: killed by signal 9 (SIGKILL), perhaps because memory ran out"
    assert said[:3] == [why, "restarting from the beginning, as there is no checkpoint, 1 of 9", why]
    assert said[3].endswith(", 2 of 9, in 1 s")
    assert said[-1] == f"all restarts are used up; {advice(run)}"


def test_horovodrun_itself_may_be_killed(tmp_path: Path, pauses: list[float]) -> None:
    code, said = supervised(tmp_path / "run", "kill -9 $$", 1)
    assert (code, starts(tmp_path / "run")) == (137, 2)
    assert said[0].startswith("the job ended with code 137: horovodrun: killed by signal 9 (SIGKILL)")


def test_progress_makes_pauses_short_again(tmp_path: Path, pauses: list[float]) -> None:
    # Only the third attempt saves something.
    script = f'[ "$(wc -l < "$1/starts")" -ne 3 ] || {{ {CHECKPOINT} }}; ' + fails(143, "", True)
    assert supervised(tmp_path / "run", script, 5)[0] == 143
    assert pauses == [0, 1, 0, 1, 2]


def test_the_same_error_twice_is_given_up_but_not_with_progress_between(tmp_path: Path, pauses: list[float]) -> None:
    give_up = "it is not restarted, because this error came twice without a new checkpoint in between"
    code, said = supervised(tmp_path / "never", fails(1, "no such word"), 5)
    assert (code, starts(tmp_path / "never"), said[-1]) == (1, 2, give_up)
    code, said = supervised(tmp_path / "always", CHECKPOINT + fails(1, "no such word"), 3)
    assert (code, starts(tmp_path / "always")) == (1, 4)
    assert said[-1].startswith("all restarts are used up; ")
    # Killed between the two, which is no news about the error.
    twice = f'if [ "$(wc -l < "$1/starts")" -eq 2 ]; then {fails(137, "", True)} fi; ' + fails(1, "no such word")
    code, said = supervised(tmp_path / "between", twice, 5)
    assert (code, starts(tmp_path / "between"), said[-1]) == (1, 3, give_up)
    # Different errors.
    other = f'if [ "$(wc -l < "$1/starts")" -eq 2 ]; then {fails(1, "other")} fi; ' + fails(1, "no such word")
    assert supervised(tmp_path / "other", other, 2)[1][-1].startswith("all restarts are used up; ")


def test_a_failure_without_restarts_says_how_to_go_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    code, said = supervised(run, fails(9), 0)
    log = f"{run}/rank-1.log on node2"
    assert (code, said) == (
        9,
        [
            "rank 1 on node2 failed first, with code 9: it gave no reason; see its output above, and "
            f"{log} if it got that far",
            advice(run),
        ],
    )


def test_hosts_that_are_away_are_waited_for_and_then_done_without(tmp_path: Path, pauses: list[float]) -> None:
    run = tmp_path / "run"
    answers = [LaunchError("node2 cannot be reached"), LaunchError("node2 cannot be reached"), RESULT]
    asked: list[bool] = []

    def again(saved: bool) -> LaunchedJob:
        asked.append(saved)
        answer = answers.pop(0)
        if isinstance(answer, LaunchError):
            raise answer
        return job(run, answer)

    said: list[str] = []
    first = job(run, CHECKPOINT + fails(255, "the connection to its host was lost", True))._replace(again=again)
    assert supervise(first, 1, said.append) == 0
    assert asked == [True, True, True]
    assert pauses == [0, supervisor._HOST_PAUSE_S, supervisor._HOST_PAUSE_S]
    assert said[1:] == ["restarting from the last checkpoint, 1 of 1", "waiting: node2 cannot be reached"]


def test_hosts_that_stay_away_are_given_up(
    tmp_path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(saved: bool) -> LaunchedJob:
        raise LaunchError("node2 cannot be reached")

    monkeypatch.setattr(supervisor, "_HOST_S", 0)
    said: list[str] = []
    first = job(tmp_path / "run", fails(255, "", True))._replace(again=again)
    assert supervise(first, 5, said.append) == 255
    assert starts(tmp_path / "run") == 1
    assert said[-1] == advice(tmp_path / "run")


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


def test_what_a_job_at_an_address_has_achieved_is_what_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NER_STORE_FOLDER", str(tmp_path / "store"))
    address = parse_address("s3://bucket/run")
    assert file_versions(address) == ("", "")
    (tmp_path / "run" / "checkpoints" / "last").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "last" / "state.json").write_text("{}")
    publish(tmp_path / "run", address)
    before = file_versions(address)
    assert before.checkpoint
    assert not before.result
    (tmp_path / "run" / "result.json").write_text("{}")
    publish(tmp_path / "run", address)
    assert file_versions(address, "elsewhere").result
    assert file_versions(address).checkpoint == before.checkpoint
    (tmp_path / "store" / "s3" / "bucket" / "run" / "published.json").write_text("damaged")
    assert file_versions(address) == ("", "")
    assert "launch: s3://bucket/run/published.json: not readable as JSON" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_ends_the_job_and_nothing_is_started_again(tmp_path: Path, number: signal.Signals) -> None:
    # What arrives is what was sent; ranks know no SIGHUP.
    script = CHECKPOINT + "trap 'kill $!; echo TERM > \"$1/got\"; exit 0' TERM; sleep 1000 & "
    script += "trap 'kill $!; echo INT > \"$1/got\"; exit 0' INT; trap 'kill $!; echo HUP > \"$1/got\"; exit 0' HUP; "
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
        assert (tmp_path / "run" / "got").read_text() == "TERM\n"
        assert process.returncode == -number
    else:
        assert (tmp_path / "run" / "got").read_text() == f"{number.name[3:]}\n"
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
