"""How a rank ends when its launcher is gone, and where its log goes."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT

from ner_dist.ranks import rank_process

# A rank that waits, without Horovod, in the run's directory $1.
RANK = """
import pathlib, sys, time
from ner_dist.ranks import rank_process, stop_signals
def action():
    stop_signals.watch_launcher()
    rank_process.log_to(pathlib.Path(sys.argv[1]) / "rank-0.log")
    rank_process.log.info("waiting")
    print("waiting", flush=True)
    time.sleep(float(sys.argv[2]))
rank_process.run_alone(action)
"""


def test_a_rank_ends_when_nobody_reads_its_output_any_more(tmp_path: Path) -> None:
    words = [sys.executable, "-c", RANK, str(tmp_path / "run"), "1000"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as rank:
        assert rank.stdout is not None
        assert rank.stdout.readline() == "waiting\n"
        rank.stdout.close()
        assert rank.wait(timeout=60) == 143
    lines = (tmp_path / "run" / "rank-0.log").read_text().splitlines()
    told = [line.split(maxsplit=2)[2] for line in lines]
    assert told[:2] == ["INFO waiting", "ERROR the launcher of this rank is gone"]
    # Asleep, it cannot be interrupted; it ends all the same.
    assert told[2] in ("ERROR interrupted by SIGTERM", "ERROR interrupted while waiting for other ranks")


@pytest.mark.parametrize("place", ["file", "null", "pipe"])
def test_a_rank_whose_output_goes_somewhere_is_left_alone(tmp_path: Path, place: str) -> None:
    words = [sys.executable, "-c", RANK, str(tmp_path / "run"), "0.5"]
    with (tmp_path / "out").open("w") as file:
        output = {"file": file, "null": subprocess.DEVNULL, "pipe": subprocess.PIPE}[place]
        finished = subprocess.run(words, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False)
    assert finished.returncode == 0
    assert "gone" not in (tmp_path / "run" / "rank-0.log").read_text()


# Cleans up for longer than a rank may, having started a process; both say what they got.
LEISURELY = """
import signal, subprocess, sys, time
from ner_dist.ranks import rank_process, stop_signals
def action():
    with stop_signals.at_leisure():
        try:
            code = "import signal; print(*signal.pthread_sigmask(signal.SIG_BLOCK, []), flush=True)"
            subprocess.run([sys.executable, "-c", code], check=True)
            print("waiting", flush=True)
            time.sleep(1000)
        except KeyboardInterrupt:
            time.sleep(1.5)
            print("cleaned up", flush=True)
            raise KeyboardInterrupt("and so on") from None
stop_signals._CLEAN_UP_S = 0.5
rank_process.run_alone(action)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_at_leisure_a_process_cleans_up_as_long_as_it_takes(number: signal.Signals) -> None:
    words = [sys.executable, "-c", LEISURELY]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        # Nothing is blocked in what it starts.
        assert [process.stdout.readline() for _ in range(2)] == ["\n", "waiting\n"]
        process.send_signal(number)
        # Of the launcher, which passes on what it gets itself.
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + number, "cleaned up\n")
    assert err == f"error: interrupted by {number.name}; and so on\n"


def test_a_log_goes_also_where_no_run_was_made_yet(tmp_path: Path) -> None:
    before = list(rank_process.log.handlers)
    try:
        rank_process.log_to(tmp_path / "runs" / "mine" / "rank-3.log")
        logging.getLogger("ner_dist").info("here")
    finally:
        for handler in [handler for handler in rank_process.log.handlers if handler not in before]:
            rank_process.log.removeHandler(handler)
            handler.close()
    assert (tmp_path / "runs" / "mine" / "rank-3.log").read_text().endswith("INFO here\n")
