"""Trains some clipped steps on each rank, with gradients exchanged as they are and staged through host memory.

Takes the knobs of a training; writes of each way the state after them, as <way>-<rank>.npz, in the current folder. One
process alone exchanges nothing and writes alone-0.npz.
"""

from __future__ import annotations

import sys
from typing import Any

from ner_dist.ranks.rank_process import run_rank

NUM_STEPS = 8


def main(comm: Any) -> None:
    import mxnet as mx
    import numpy as np

    from ner_dist import config
    from ner_dist.ranks import horovod_comm
    from ner_dist.ranks.device_agreement import agree_on_device
    from ner_dist.training import startup
    from tests.exchanged_steps import exchanged_steps

    settings, _ = config.parse(sys.argv[1:])

    def train(way: str, context: mx.Context, staged: bool) -> None:
        startup.choose_device = lambda wanted: context
        horovod_comm.must_be_staged = lambda context, with_nccl: staged
        index, splits = startup.open_shards(settings, comm)
        learner, word_dropout = (
            startup.new_learner(settings, index, comm),
            startup.new_word_dropout(settings, index, comm),
        )
        agree_on_device(comm, context)
        steps = exchanged_steps(settings, index, splits["train"], word_dropout, comm, 0)
        norms = [
            learner.step(batch, shared, 0, step.step_id, settings.optimizer.learning_rate).gradient_norm
            for _, (step, batch, shared) in zip(range(NUM_STEPS), steps)
        ]
        np.savez(f"{way}-{comm.rank}.npz", norms=norms, **learner.state())

    if comm.num_ranks == 1:
        train("alone", mx.cpu(), False)
        return
    train("direct", mx.cpu(), False)
    train("staged", mx.cpu(), True)
    # Another device than the host's memory, as far as MXNet is concerned.
    train("elsewhere", mx.cpu(1), True)


if __name__ == "__main__":
    run_rank(main)
