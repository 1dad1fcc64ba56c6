"""The peer's commands, for an interpreter that has PyTorch: `python -m bench.peer_commands steps|check|train`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peer_commands", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    timing = commands.add_parser("steps", help="time training steps")
    timing.set_defaults(command="steps")
    timing.add_argument("--batch-sentences", type=int, default=10)
    timing.add_argument("--rule", choices=("sgd", "adam"), default="sgd")
    timing.add_argument("--dropout-input", type=float, default=0.5)
    timing.add_argument("--dropout-output", type=float, default=0.5)
    timing.add_argument("--warm-up-steps", type=int, default=32)
    timing.add_argument("--timed-steps", type=int, default=128)
    training = commands.add_parser("train", help="train to a given test F1")
    training.set_defaults(command="train")
    training.add_argument("--epochs", type=int, default=100)
    training.add_argument("--until", type=float, default=1.0, help="entity F1 of test, up to 1")
    for command in (timing, training):
        command.add_argument("--shards", type=Path, default=Path("data/shards"))
        command.add_argument("--features", nargs="*", default=[])
        command.add_argument("--seed", type=int, default=1)
    checking = commands.add_parser("check", help="loss and gradients of a batch")
    checking.set_defaults(command="check")
    checking.add_argument("given", type=Path)
    checking.add_argument("found", type=Path)
    for command in (timing, training, checking):
        command.add_argument("--lstm", choices=("packed", "mirrored"), default="packed")
    arguments = parser.parse_args()

    # Only now, so that --help does without PyTorch.
    import torch

    from bench import peer_work

    # By itself PyTorch asks the machine, not what this process may use of it.
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))))
    {"steps": peer_work.steps, "train": peer_work.train, "check": peer_work.check}[arguments.command](arguments)


if __name__ == "__main__":
    main()
