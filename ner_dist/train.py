# PYTHON_ARGCOMPLETE_OK
"""Train a tagger: python -m ner_dist.train [--config job/NAME.yaml] [--section.knob value ...]."""

from __future__ import annotations

import sys
from typing import Any

from ner_dist import config
from ner_dist.ranks.rank_process import refuse, run_rank


def main(argv: list[str] | None = None) -> None:
    try:
        settings, job = config.parse(sys.argv[1:] if argv is None else argv)
    except config.ConfigError as error:
        refuse(str(error))

    def train(comm: Any) -> None:
        # The loop imports MXNet, which must not happen before run_rank has set the threads.
        from ner_dist.training.loop import train

        train(settings, job, comm)

    run_rank(train)


if __name__ == "__main__":
    main()
