# PYTHON_ARGCOMPLETE_OK
"""Train a tagger: python -m ner_dist.train [--config job/NAME.yaml | --like MODEL] [--section.knob value ...]."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ner_dist import config
from ner_dist.ranks.comm import Comm, Solo
from ner_dist.ranks.environment import prepare, require_mxnet
from ner_dist.ranks.rank_process import launched_rank, refuse, run_rank


def main(argv: list[str] | None = None) -> None:
    words = sys.argv[1:] if argv is None else argv
    try:
        settings, job = config.parse(words)
        if (sentence := config.like_sentence(words)) and launched_rank() == 0:
            print(sentence, flush=True)
    except config.ConfigError as error:
        refuse(str(error))

    def train(comm: Comm) -> None:
        # Late: it imports MXNet, which reads the number of threads that run_rank has set.
        from ner_dist.training.loop import train

        train(settings, job, comm)

    def load() -> object:
        from ner_dist.training import loop

        return loop

    run_rank(train, load, "no step was trained since the start; repeat the command to go on")


def train_tagger(
    job: str | Path | None = None,
    *,
    like: str | Path | None = None,
    run: str | Path | None = None,
    progress: bool = True,
    **knobs: dict[str, Any],
) -> dict[str, Any]:
    """Train in this process, for example in a notebook; returns result.json, with the run's directory as "run".

    job: a job file; job/default.yaml if not given. like: a trained model, whose knobs are taken instead. run: the
    directory to write, a new one under runs/ if not given.
    knobs: by section, as in a job file: `train_tagger(data={"shards": "data/mine"}, train={"epochs": 5})`.
    Raises UserError for what the user can correct. Ranks are for `horovodrun` and `ner-dist launch`.
    """
    words = [] if job is None else ["--config", str(job)]
    words += [] if like is None else ["--like", str(like)]
    # A notebook's kernel must not be killed because one of its cells waits.
    knobs = {**knobs, "train": {"hang_seconds": 0, **knobs.get("train", {})}}
    for section, values in knobs.items():
        for name, value in values.items():
            words += [f"--{section}.{name}", value if isinstance(value, str) else json.dumps(value)]
    settings, name = config.parse(words if run is None else [*words, "--run", str(run)])
    prepare()
    require_mxnet()
    from ner_dist.training.loop import train

    result = train(settings, name, Solo(), progress)
    assert result is not None
    return {**result, "run": settings.run}


if __name__ == "__main__":
    main()
