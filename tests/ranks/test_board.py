"""The board: what a failing rank leaves there, what is read from it, and who says it on the terminal."""

from __future__ import annotations

import http.client
import os
import platform
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from horovod.runner.http.http_server import RendezvousServer

from ner_dist.ranks import board as boards
from ner_dist.ranks import last_words
from ner_dist.ranks.board import Board, Failure, Sign, own_sign
from ner_dist.ranks.connections import Connections

HOST = platform.node()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a rendezvous server as horovodrun starts it."""
    server = RendezvousServer()
    yield server.start()
    server.stop()


@pytest.fixture
def board(port: int) -> list[Board]:
    """The board of three ranks, empty, as each of them sees it."""
    for key in ("first", "said", "sign-0", "sign-1", "sign-2"):
        ask(port, "DELETE", key)
    return [Board("127.0.0.1", port, rank, 3) for rank in range(3)]


def ask(port: int, method: str, key: str, body: bytes | None = None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, f"/ner_dist/{key}", body)
    connection.getresponse().read()
    connection.close()


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def elsewhere(rank: int, beat: int = 1) -> Sign:
    return Sign(rank, "another-host", 7, "pid:[1]", beat, 0, False, False)


def test_the_first_failure_wins_and_every_rank_reads_it(board: list[Board]) -> None:
    assert board[0].first_failure() is None
    assert board[1].report("train-00001.parquet: truncated") == Failure(1, HOST, "train-00001.parquet: truncated")
    assert board[2].report("something that followed") == board[0].first_failure()
    assert str(board[0].first_failure()) == f"rank 1 on {HOST} failed first: train-00001.parquet: truncated"
    assert not board[0].is_said()
    board[2].say()
    assert board[0].is_said()


def test_what_is_shown_is_one_line_of_bounded_length_without_control_characters(board: list[Board]) -> None:
    board[1].report("\x1b[2Jclear\r\nthe \u202escreen" + "é" * 5000)
    failure = board[0].first_failure()
    assert failure is not None
    assert failure.sentence.startswith(" [2Jclear  the  screen")
    assert failure.sentence.isprintable()
    assert len(failure.sentence) < 1100


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 5000,
        b"[]",
        b'"text"',
        b"{}",
        b'{"rank": 3, "host": "a", "sentence": "no such rank"}',
        b'{"rank": -1, "host": "a", "sentence": "b"}',
        b'{"rank": true, "host": "a", "sentence": "b"}',
        b'{"rank": 1e400, "host": "a", "sentence": "b"}',
        b'{"rank": 1, "host": ["a"], "sentence": "b"}',
        b'{"rank": 1, "host": "a", "sentence": ""}',
        b'{"rank": 1, "host": "a", "sentence": "' + b"x" * 100_000 + b'"}',
        b"\x80\x04N.",
    ],
)
def test_what_is_no_failure_is_read_as_nothing(board: list[Board], port: int, body: bytes) -> None:
    ask(port, "PUT", "first", body)
    ask(port, "PUT", "sign-1", body)
    assert board[0].first_failure() is None
    assert board[0].signs_of_others() == {}


def test_a_board_that_is_gone_or_does_not_answer_is_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "_TIMEOUT_S", 0.05)
    with socket.socket() as stopped:
        # Accepts connections as the kernel does for a stopped launcher, and says nothing.
        stopped.bind(("127.0.0.1", 0))
        stopped.listen()
        port = stopped.getsockname()[1]
        for mute in (Board("127.0.0.1", port, 1, 2), Board("", 0, 0, 1)):
            assert mute.report("nobody reads this") is None
            mute.show(own_sign(1, 1, 1, waiting=False))
            mute.say()
            assert not mute.is_said()
            assert mute.signs_of_others() == {}
    assert Board("127.0.0.1", port, 1, 2).first_failure() is None


def test_a_sign_says_where_a_rank_is_and_whether_its_process_is_gone(board: list[Board]) -> None:
    sign = own_sign(1, beat=5, step=120, waiting=True)
    board[1].show(sign)
    assert board[0].signs_of_others() == {1: sign}
    assert str(sign) == f"rank 1 on {HOST} (process {os.getpid()})"
    assert not boards.is_gone(sign)
    assert boards.is_gone(sign._replace(process=dead_process()))
    # Nothing is known about the processes of another host.
    assert not boards.is_gone(elsewhere(1))


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({}, ""),
        ({"ADDR": "10.0.0.1", "PORT": "8000"}, "10.0.0.1"),
        ({"ADDR": "10.0.0.1", "PORT": "none"}, ""),
        ({"ADDR": "10.0.0.1", "PORT": "70000"}, ""),
    ],
)
def test_it_is_where_horovodrun_says(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], address: str) -> None:
    monkeypatch.setenv("HOROVOD_RANK", "1")
    monkeypatch.setenv("HOROVOD_SIZE", "2")
    for name, value in variables.items():
        monkeypatch.setenv(f"HOROVOD_GLOO_RENDEZVOUS_{name}", value)
    assert boards.of_this_job.__wrapped__()._address == address


# --- Last words


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_words, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(last_words, "_SAME_MISTAKE_S", 0.01)
    monkeypatch.setattr(last_words, "_LOOK_S", 0.01)


def test_those_who_lose_a_failing_rank_say_its_sentence_once(board: list[Board]) -> None:
    board[1].report("disk full")
    assert last_words.after_loss(board[0], "?") == (f"rank 1 on {HOST} failed first: disk full", True)
    board[0].say()
    assert last_words.after_loss(board[2], "?") == (f"rank 1 on {HOST} failed first: disk full", False)
    # The failing rank itself has nothing to add.
    assert not last_words.own(board[1], "disk full", Connections())


def test_a_failing_rank_speaks_itself_if_rank_0_does_not(board: list[Board]) -> None:
    assert last_words.own(board[1], "disk full", Connections())
    assert last_words.own(board[0], "my own mistake", Connections())
    # Without a board, only rank 0 does: it may be everybody's mistake.
    assert not last_words.own(Board("", 0, 1, 2), "disk full", Connections())


def test_all_that_end_for_the_mistake_of_one_rank_name_that_one(board: list[Board]) -> None:
    board[2].show(elsewhere(2))
    last_words.own(board[1], "disk full", Connections(), culprit=2)
    assert board[0].first_failure() == Failure(2, "another-host", "disk full")


def test_a_sentence_that_comes_late_is_waited_for(board: list[Board]) -> None:
    board[1].show(own_sign(1, 1, 1, waiting=False))
    later = threading.Timer(0.05, lambda: board[1].report("late"))
    later.start()
    assert last_words.after_loss(board[0], "?") == (f"rank 1 on {HOST} failed first: late", True)
    later.join()


def test_a_killed_rank_is_named_at_once_by_the_next_that_is_left(
    board: list[Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing of it is waited for.
    monkeypatch.setattr(last_words, "_PATIENCE_S", 1000)
    board[0].show(own_sign(0, 9, 50, waiting=False)._replace(process=dead_process()))
    sentence, is_mine = last_words.after_loss(board[1], "?")
    assert sentence.startswith(f"rank 0 on {HOST} failed first: it ended without a word")
    assert is_mine
    board[1].say()
    assert last_words.after_loss(board[2], "?") == (sentence, False)


def test_a_rank_of_a_lost_host_is_named_and_one_that_beats_is_not(
    board: list[Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    board[1].show(elsewhere(1))
    board[2].show(elsewhere(2))
    monkeypatch.setattr(time, "sleep", lambda seconds: board[2].show(elsewhere(2, beat=2)))
    sentence, _ = last_words.after_loss(board[0], "?")
    assert sentence.startswith("rank 1 on another-host failed first: it has not been heard of since")


def test_where_nothing_is_known_nothing_is_made_up(board: list[Board]) -> None:
    assert last_words.after_loss(board[0], "another rank has died") == ("another rank has died", True)
