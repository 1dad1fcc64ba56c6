"""Whether ranks can compute together: devices of one kind, and sums of gradients that are sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from ner_dist.ranks.comm import Comm, JobError


def agree_on_device(comm: Comm, context: Any) -> None:
    """Make sure that all ranks use one kind of device, and that sums there are sums; else JobError on every rank."""
    from ner_dist.ranks.lean_mxnet import mx

    kinds = comm.gather_objects(context.device_type)
    if len(set(kinds)) > 1:
        on = {kind: ", ".join(str(rank) for rank, other in enumerate(kinds) if other == kind) for kind in set(kinds)}
        raise JobError(
            f"ranks {on['gpu']} would compute on a GPU and ranks {on['cpu']} on the CPU, and all would wait for the "
            "slower; leave out hosts without a GPU for each of their ranks, or choose --train.device cpu"
        )
    # Some builds of Horovod for MXNet return means, and gradients are divided once, by the global count.
    found = mx.nd.array([comm.rank + 1, 1], ctx=context)
    comm.sum_gradients([found])
    expected = [comm.num_ranks * (comm.num_ranks + 1) / 2, float(comm.num_ranks)]
    if found.asnumpy().tolist() != expected:
        raise JobError(
            f"Horovod adds up wrongly on {context}: {found.asnumpy().tolist()} instead of {expected}; build it again: "
            "remove the environment and repeat make setup or make setup-gpu"
        )


def same_norms(comm: Comm, context: Any) -> bool:
    """Whether the ranks' processors give the same sum of squares to the last bit.

    The matrix library has other code for other processors. From norms that differ in their last digit, clipping would
    make the ranks' parameters differ.
    """
    from ner_dist.ranks.lean_mxnet import mx

    numbers = np.sin(np.arange(100_003, dtype=np.float64)).astype(np.float32)
    vectors = [mx.nd.array(numbers[:length], ctx=context) for length in (37, 1000, len(numbers))]
    found = [float(mx.nd.dot(vector, vector).asscalar()) for vector in vectors]
    return len({tuple(of_rank) for of_rank in comm.gather_objects(found)}) == 1


def must_be_staged(context: Any, with_nccl: bool) -> bool:
    """Whether Horovod, built with NCCL or without, cannot reach arrays on this device, so that it must get copies."""
    return context.device_type == "gpu" and not with_nccl
