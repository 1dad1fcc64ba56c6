"""Time training steps on this job's ranks: one JSON line with tokens/s and padding; takes the knobs of ner_dist.train.

OMP_NUM_THREADS=1 horovodrun -np 2 python -m bench.speed.steps --data.shards data/conll2003
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from typing import Any

from ner_dist import config
from ner_dist.ranks.rank_process import run_rank

WARM_UP_STEPS, TIMED_STEPS = 32, 128


def _time_steps(settings: config.Config, comm: Any) -> None:
    # Imports MXNet, which must not happen before run_rank has set the threads.
    from ner_dist.training import startup

    index, splits = startup.open_shards(settings, comm)
    learner = startup.new_learner(settings, index, comm)
    word_dropout = startup.new_word_dropout(settings, index, comm)
    sentences = splits[settings.data.train_on]

    # Epoch after epoch: one may have fewer steps than are timed.
    steps = (
        (epoch, *parts)
        for epoch in itertools.count()
        for parts in startup.train_steps(settings, index, sentences, word_dropout, learner, comm, epoch, first_step=0)
    )

    def run(num_steps: int) -> tuple[int, int]:
        tokens = slots = 0
        for epoch, step, batch, shared in itertools.islice(steps, num_steps):
            result = learner.step(batch, shared, epoch, step.step_id, settings.optimizer.learning_rate)
            tokens, slots = tokens + result.num_tokens, slots + result.num_slots
        return tokens, slots

    run(WARM_UP_STEPS)
    began_s = time.perf_counter()
    tokens, slots = run(TIMED_STEPS)
    seconds = time.perf_counter() - began_s
    if comm.rank == 0:
        print(json.dumps({"tokens_per_second": tokens / seconds, "padding": 1 - tokens / slots}), flush=True)


def main() -> None:
    settings, _ = config.parse(sys.argv[1:])
    run_rank(lambda comm: _time_steps(settings, comm))


if __name__ == "__main__":
    main()
