"""A process that works only when bench.speed.neighbour tells it to: a rank that trains, or an export that tags.

It connects to the socket that NEIGHBOUR_SOCKET names and says which process it is; then it does as much as each line
asks for and answers with tokens/s.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.speed.measurement import measure_rank
from bench.speed.prediction import held_out_tokens
from bench.speed.step_speed import RankTraining
from ner_dist.config import Config
from ner_dist.ranks.comm import Comm

SOCKET, SPINNING = "NEIGHBOUR_SOCKET", "NEIGHBOUR_SPINNING"
# Steps before the first turn: MXNet compiles and allocates in them.
_WARM_UP_STEPS = 16
# Sentences of a call when tagging.
_AT_ONCE = 64


def answer(work: Callable[[int], int]) -> None:
    """Do work(amount), which returns its tokens, for each amount that the socket asks for, until it is closed."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ[SOCKET])
        lines = connection.makefile("rw")
        print(os.getpid(), file=lines, flush=True)
        for line in lines:
            # The first bit brings caches, and threads that sleep, back.
            work(1)
            began_s = time.perf_counter()
            tokens = work(int(line))
            print(tokens / (time.perf_counter() - began_s), file=lines, flush=True)


def _train(settings: Config, comm: Comm) -> dict[str, Any]:
    training = RankTraining(settings, comm)
    steps = training.endless()
    training.train(steps, _WARM_UP_STEPS)
    answer(lambda num_steps: training.train(steps, num_steps)[0])
    return {}


@contextmanager
def _spinning() -> Iterator[None]:
    """Let onnxruntime's threads spin, which ner_dist switches off."""
    import onnxruntime

    own = onnxruntime.SessionOptions.add_session_config_entry

    def set_entry(options: Any, name: str, value: str) -> None:
        own(options, name, "1" if name == "session.intra_op.allow_spinning" else value)

    onnxruntime.SessionOptions.add_session_config_entry = set_entry
    yield
    onnxruntime.SessionOptions.add_session_config_entry = own


def _tag(model: str, shards: str) -> None:
    from ner_dist.prediction import Tagger

    if SPINNING in os.environ:
        with _spinning():
            tagger = Tagger.load(model)
    else:
        tagger = Tagger.load(model)
    sentences = held_out_tokens(shards)

    def tag(num_calls: int) -> int:
        of_turn = sentences[: _AT_ONCE * num_calls]
        tagger.tag_tokens(of_turn)
        return sum(map(len, of_turn))

    answer(tag)


if __name__ == "__main__":
    if sys.argv[1] == "tag":
        _tag(*sys.argv[2:])
    else:
        measure_rank(_train)
