"""Checks an environment: the packages' versions, that MXNet multiplies, and that ranks sum exactly.

Gradients are summed on the device that a job would use on this machine. Run as `horovodrun -np 2 python -m
launch.verify`; exits with 1 and one sentence if something is wrong.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from ner_dist.ranks import environment

# float32 cannot represent 2^24 + 1: a sum that passes through it is off by one.
COUNT = 2**24 + 1


def wrong_versions() -> list[str]:
    """The installed packages whose versions pyproject.toml does not allow, in words."""
    wrong = []
    for requirement in map(Requirement, requires("ner-dist") or []):
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in ("train", "horovod")):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = "none"
        if found == "none" or found not in requirement.specifier:
            wrong.append(f"{requirement.name} {found} instead of {requirement.specifier or 'any'}")
    return wrong


def wrong_sums(num_ranks: int) -> list[str]:
    """The exchanges between ranks that have a wrong result, in words; if there are none, rank 0 says so."""
    try:
        environment.prepare()
    except environment.DeviceError as error:
        return [str(error)]
    # Late, because MXNet cannot be imported with a wrong version of NumPy, which has been reported then.
    import mxnet as mx
    import numpy as np

    from ner_dist.ranks.comm import JobError
    from ner_dist.ranks.device_agreement import agree_on_device
    from ner_dist.ranks.rank_process import connect

    try:
        context = environment.choose_device("auto")
    except environment.DeviceError:
        # This machine has fewer GPUs than ranks are started.
        context = mx.cpu()
    comm = connect()
    ranks = np.arange(comm.num_ranks)
    wrong = []
    if comm.num_ranks != num_ranks:
        wrong.append(f"{comm.num_ranks} ranks found each other instead of {num_ranks}")
    try:
        agree_on_device(comm, context)
    except JobError as error:
        wrong.append(str(error))
    product = mx.nd.dot(mx.nd.array([[1, 2], [3, 4]]), mx.nd.array([[5], [6]])).asnumpy().ravel().tolist()
    if product != [17, 39]:
        wrong.append(f"MXNet multiplies to {product} instead of [17, 39]")
    counts = comm.sum_counts(np.array([COUNT, comm.rank], np.int64))
    if counts.tolist() != [COUNT * len(ranks), ranks.sum()]:
        wrong.append(f"the sum of counts is {counts.tolist()}")
    if not wrong and comm.rank == 0:
        packages = ", ".join(f"{name} {version(name)}" for name in ("mxnet", "horovod", "numpy", "pyarrow"))
        print(f"verify: {num_ranks} ranks add up exactly on {context}; {packages}")
    return wrong


def main() -> None:
    if "HOROVOD_SIZE" not in os.environ:
        sys.exit("verify: start it on two ranks: horovodrun -np 2 python -m launch.verify")
    problems = wrong_versions() or wrong_sums(int(os.environ["HOROVOD_SIZE"]))
    if problems:
        sys.exit("verify: " + "; ".join(problems))


if __name__ == "__main__":
    main()
