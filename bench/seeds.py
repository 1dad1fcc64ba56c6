"""Train a job at several seeds and record mean and standard deviation: python -m bench.seeds FILE."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bench import command_line, record, seed_sets
from bench.seed_sets import SeedsOptions
from ner_dist.cli.options import nested, option

_EXAMPLE = "job/conll2003.yaml --seeds 3 --parallel 2 -- --train.epochs 20"
_FIRST = ("job", "seeds.seeds", "seeds.np", "seeds.parallel", "name")


@dataclasses.dataclass(frozen=True)
class JobSeedsOptions:
    """Train a job at several seeds and record mean and standard deviation in job/RESULTS.md and job/results.json.

    Complete runs are not trained again, and interrupted ones continue: repeat the command. The runs are
    runs/JOB-seedK, their output is in runs/JOB-seedK.log.
    """

    job: Path = option(positional=True, metavar="FILE")
    """the job file; knobs after -- are added to its own"""
    name: str = ""
    """name of the runs, runs/NAME-seedK (default the job's)"""
    seeds: SeedsOptions = nested(SeedsOptions)


def main(argv: list[str] | None = None) -> None:
    options, knobs, command = command_line.parse(JobSeedsOptions, "bench.seeds", argv, _EXAMPLE, _FIRST)
    with command_line.one_sentence():
        chosen = seed_sets.seed_set(options.job, knobs, options.seeds.seed_range, Path("runs"), options.name)
        seed_sets.train([chosen], options.seeds)
        origin = record.origin([chosen], options.seeds.command or command)
        found = {"kind": "seeds", "job": chosen.job, **origin, **record.summary(chosen)}
        record.finish(found, record.seed_set_section(found), options.seeds)


if __name__ == "__main__":
    main()
