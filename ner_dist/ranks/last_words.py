"""What a rank says when it ends: its own reason, or that of the rank that failed first; once on the terminal.

Rank 0 says it if it can, so the others wait for it a moment. Then the one says it that is left.
"""

from __future__ import annotations

import logging
import os
import sys
import time

from ner_dist.ranks import board as boards
from ner_dist.ranks import membership
from ner_dist.ranks.board import Board, Failure, Sign
from ner_dist.ranks.connections import Connections

# How long the sentence of another rank is waited for, and how often it is looked for.
_PATIENCE_S, _LOOK_S = 2.0, 0.1
# How long each of several ranks that are left lets the one before it speak.
_TURN_S = 0.3
# Enough for a rank with the same mistake to find it itself.
_SAME_MISTAKE_S = 0.3
_WITHOUT_A_WORD = "it ended without a word, as a process does that is killed from outside or for lack of memory"
_UNHEARD = "it has not been heard of since; it was killed, or its host or the network is lost"

log = logging.getLogger("ner_dist")


def own(board: Board, sentence: str, connections: Connections, culprit: int | None = None) -> bool:
    """Tell the others why this rank ends. Returns whether it has to say so on the terminal itself.

    culprit: the rank that met the mistake for which all end, if that is known.
    """
    of_another = None if culprit is None or culprit == board.rank else board.sign(culprit)
    reported = board.report(sentence, of_another)
    if membership.VARIABLE in os.environ:
        # The others go on, and wait for the end of this one.
        connections.close()
        return True
    if board.rank == 0:
        return True
    if reported is None:
        return of_all(board, sentence, connections)
    time.sleep(_SAME_MISTAKE_S)
    # Those who wait for this rank learn of it now, while it is still there: one exit makes the launcher kill all.
    connections.close()
    return not _said_within(board, _PATIENCE_S)


def of_all(board: Board, sentence: str, connections: Connections) -> bool:
    """Whether this rank says what all of them have to say; rank 0 does, and exits first."""
    if board.rank > 0:
        time.sleep(_PATIENCE_S)
    return board.rank == 0


def after_loss(board: Board, own_sentence: str) -> tuple[str, bool]:
    """The reason for which other ranks are gone, and whether this rank has to say it on the terminal.

    own_sentence: what there is to say if nobody knows the reason.
    """
    failure, gone = _find_reason(board)
    sentence = own_sentence if failure is None else str(failure)
    if board.rank == 0:
        return sentence, True
    # Without rank 0 the next one speaks.
    before = sum(rank not in gone for rank in range(1, min(board.rank, 8)))
    patience_s = _TURN_S * before if 0 in gone else _PATIENCE_S + _TURN_S * before
    return sentence, not _said_within(board, patience_s)


def end(board: Board, sentence: str, connections: Connections, of: Sign | None = None) -> None:
    """End this process from another thread than the main one, because this rank, or the one of the sign, hangs."""
    try:
        if of is not None:
            sentence = str(board.report(sentence, of) or Failure(of.rank, of.host, sentence))
        log.error(sentence)
        if own(board, sentence, connections):
            print(f"error: {sentence}", file=sys.stderr, flush=True)
            board.say()
        logging.shutdown()
    finally:
        # The main thread would not react to anything gentler.
        os._exit(1)


def _find_reason(board: Board) -> tuple[Failure | None, set[int]]:
    """The first failure, and the ranks that are known to be gone."""
    # Says to the others that this rank has not failed itself.
    board.show(boards.own_sign(board.rank, 0, 0, False, bereft=True))
    signs = board.signs_of_others()
    gone = [sign for sign in signs.values() if boards.is_gone(sign)]
    # Whoever fails by itself leaves its reason before it goes.
    failure = board.first_failure() or (board.report(_WITHOUT_A_WORD, gone[0]) if gone else None)
    until_s = time.monotonic() + _PATIENCE_S
    while failure is None and signs and time.monotonic() < until_s:
        time.sleep(_LOOK_S)
        failure = board.first_failure()
    if failure is None:
        now = board.signs_of_others()
        gone += [sign for rank, sign in signs.items() if rank in now and _is_silent(sign, now[rank])]
        failure = board.report(_UNHEARD, gone[0]) if gone else None
    return failure, {sign.rank for sign in gone}


def _is_silent(before: Sign, after: Sign) -> bool:
    return before.beat == after.beat and not after.bereft


def _said_within(board: Board, seconds: float) -> bool:
    until_s = time.monotonic() + seconds
    while not board.is_said():
        if time.monotonic() >= until_s:
            return False
        time.sleep(_LOOK_S)
    return True
