"""Checks what set-up promises: the packages' versions, and that ranks add up floats and exact int64 counts.

Run as `horovodrun -np 2 python -m launch.verify`; ends with status 1 and one sentence if something is wrong.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

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


def wrong_sums(num_ranks: int) -> list[str]:
    """The exchanges between ranks that give a wrong result, in words."""
    # After the versions: with a wrong NumPy, MXNet cannot even be imported.
    import mxnet as mx
    import numpy as np

    from ner_dist.comm import connect

    comm = connect()
    ranks = np.arange(1, comm.num_ranks + 1)
    floats = mx.nd.array([comm.rank + 1, 0.5], dtype="float32")
    comm.sum_gradients([floats])
    counts = comm.sum_counts(np.array([COUNT, comm.rank], np.int64))
    wrong = []
    if comm.num_ranks != num_ranks:
        wrong.append(f"{comm.num_ranks} ranks found each other instead of {num_ranks}")
    if floats.asnumpy().tolist() != [ranks.sum(), 0.5 * len(ranks)]:
        wrong.append(f"the sum of floats is {floats.asnumpy().tolist()}")
    if counts.tolist() != [COUNT * len(ranks), (ranks - 1).sum()]:
        wrong.append(f"the sum of counts is {counts.tolist()}")
    return wrong


def main() -> None:
    if "HOROVOD_SIZE" not in os.environ:
        sys.exit("verify: start it on two ranks: horovodrun -np 2 python -m launch.verify")
    num_ranks = int(os.environ["HOROVOD_SIZE"])
    problems = wrong_versions() or wrong_sums(num_ranks)
    if problems:
        sys.exit("verify: " + "; ".join(problems))
    if os.environ["HOROVOD_RANK"] == "0":
        packages = ", ".join(f"{name} {version(name)}" for name in ("mxnet", "horovod", "numpy", "pyarrow"))
        print(f"verify: {num_ranks} ranks add up exactly; {packages}")


if __name__ == "__main__":
    main()
