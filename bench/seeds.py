"""Train a job at several seeds and record mean and standard deviation in job/RESULTS.md and job/results.json.

What is through is not trained again, and what was interrupted goes on: repeat the command. Each run is in
runs/JOB-seedK, its output in runs/JOB-seedK.log.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from bench import command_line, record, sets

_EXAMPLE = "Example: python -m bench.seeds job/conll2003.yaml --seeds 3 --parallel 2 -- --train.epochs 20"


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    own, knobs = command_line.split(argv)
    parser = command_line.parser("bench.seeds", __doc__, _EXAMPLE)
    command_line.add_seeds(parser)
    parser.add_argument("--name", help="of the runs, if not the job's: runs/NAME-seedK")
    parser.add_argument("job", type=Path, metavar="FILE", help="the job; knobs after -- are added to its own")
    given = parser.parse_args(own)
    with command_line.one_sentence():
        chosen = sets.seed_set(given.job, knobs, command_line.seeds(given), Path("runs"), given.name)
        sets.train([chosen], command_line.layout(given))
        found = record.record_of(chosen, given.command or shlex.join(["python", "-m", "bench.seeds", *argv]))
        text = record.section(found)
        print(f"\n{text}", flush=True)
        if not given.no_record:
            record.keep(given.results, found, text)


if __name__ == "__main__":
    main()
