"""Checks what set-up promises: the packages' versions, and that ranks add up gradients and exact int64 counts.

Gradients are added up on the device that a job would take on this machine.

Run as `horovodrun -np 2 python -m launch.verify`; ends with status 1 and one sentence if something is wrong.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from packaging.requirements import Requirement

from ner_dist.ranks import environment

# float32 has no 2^24 + 1: a sum that passes through it is off by one.
COUNT = 2**24 + 1


def wrong_versions() -> list[str]:
    """The installed packages that pyproject.toml does not allow, in words."""
    wrong = []
    for requirement in map(Requirement, requires("ner-dist") or []):
        if requirement.marker and not requirement.marker.evaluate({"extra": "horovod"}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = "none"
        if found == "none" or found not in requirement.specifier:
            wrong.append(f"{requirement.name} {found} instead of {requirement.specifier or 'any'}")
    return wrong


def device() -> Any:
    """What a job would compute on; the CPU if this machine has too few GPUs for as many ranks as are tried."""
    import mxnet as mx

    try:
        return environment.choose_device("auto")
    except environment.DeviceError:
        return mx.cpu()


def wrong_sums(num_ranks: int, context: Any) -> list[str]:
    """The exchanges between ranks that give a wrong result, in words."""
    import numpy as np

    from ner_dist.ranks.comm import JobError, agree_on_device, connect

    comm = connect()
    ranks = np.arange(comm.num_ranks)
    wrong = []
    if comm.num_ranks != num_ranks:
        wrong.append(f"{comm.num_ranks} ranks found each other instead of {num_ranks}")
    try:
        agree_on_device(comm, context)
    except JobError as error:
        wrong.append(str(error))
    counts = comm.sum_counts(np.array([COUNT, comm.rank], np.int64))
    if counts.tolist() != [COUNT * len(ranks), ranks.sum()]:
        wrong.append(f"the sum of counts is {counts.tolist()}")
    return wrong


def main() -> None:
    if "HOROVOD_SIZE" not in os.environ:
        sys.exit("verify: start it on two ranks: horovodrun -np 2 python -m launch.verify")
    num_ranks = int(os.environ["HOROVOD_SIZE"])
    problems = wrong_versions()
    if problems:
        sys.exit("verify: " + "; ".join(problems))
    try:
        environment.prepare()
    except environment.DeviceError as error:
        sys.exit(f"verify: {error}")
    # After the versions: with a wrong NumPy, MXNet cannot even be imported.
    context = device()
    problems = wrong_sums(num_ranks, context)
    if problems:
        sys.exit("verify: " + "; ".join(problems))
    if os.environ["HOROVOD_RANK"] == "0":
        packages = ", ".join(f"{name} {version(name)}" for name in ("mxnet", "horovod", "numpy", "pyarrow"))
        print(f"verify: {num_ranks} ranks add up exactly on {context}; {packages}")


if __name__ == "__main__":
    main()
