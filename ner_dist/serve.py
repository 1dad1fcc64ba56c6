# PYTHON_ARGCOMPLETE_OK
"""Serve models over HTTP: python -m ner_dist.serve DIR [DIR ...] [--host 127.0.0.1] [--port 8000]."""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple

from ner_dist.cli.options import make_parser, nested, option, read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.contract.tokenizers import TOKENIZERS
from ner_dist.errors import UserError
from ner_dist.prediction.thresholds import METAVAR, Threshold, parse_threshold
from ner_dist.ranks import cgroup
from ner_dist.serving.settings import BatchSettings, Limits, ServerSettings
from ner_dist.stores.local_copies import by_address, errors_by_address

if TYPE_CHECKING:
    from ner_dist.prediction import Tagger

_WARM_UP = "Angela Merkel visited Paris ."


@dataclasses.dataclass(frozen=True)
class ServeOptions:
    """Serve exported models over HTTP: POST /tag and /batch, GET /models, /healthz, /livez, /readyz, /metrics,
    /openapi.json, and a page to try it on.

    On SIGHUP it loads what is in the directories by then, and goes on with it when it is ready. On SIGTERM or Ctrl-C it
    answers the requests in flight, then ends.
    """

    models: Tuple[str, ...] = option(positional=True, metavar="DIR", stores=True)
    """exports (python -m ner_dist.export), or the directories of runs, or addresses of either in a store; NAME=DIR to
    ask for one by another name than its directory's; the first answers requests that name none"""
    tokenizer: str = option("auto", choices=("auto", *TOKENIZERS), metavar=None)
    """what cuts texts into tokens; auto: what cut the texts that the model was trained on"""
    language: Optional[str] = option(None, metavar="CODE")
    """spaCy's code of the texts' language, for --tokenizer rules; the model's own if not given"""
    threshold: Optional[Threshold] = option(None, type=parse_threshold, metavar=METAVAR)
    """confidence below which entities are left out, one for all types or by type; requests may ask for more"""
    server: ServerSettings = nested(ServerSettings)
    batches: BatchSettings = nested(BatchSettings)
    limits: Limits = nested(Limits)


def main(argv: list[str] | None = None) -> None:
    parser = make_parser(
        ServeOptions,
        "python -m ner_dist.serve",
        usage="DIR [DIR ...] [--host HOST] [--port PORT] [options]",
        example="exports/mine --port 8000\n"
        "  curl http://127.0.0.1:8000/tag -H 'Content-Type: application/json' \\\n"
        '    -d \'{"text": "Angela Merkel visited Paris."}\'',
        first=("models", "server.host", "server.port", "language"),
    )
    complete(parser)
    options = read_options(ServeOptions, parser.parse_args(argv))
    try:
        # Late, so that help and completion do not wait for it.
        from ner_dist.serving import server
        from ner_dist.serving.model_sources import model_sources

        load = functools.partial(_load, options.tokenizer, options.language, options.threshold)
        sources = model_sources(options.models, load, options.server.processes > 1)
        server.run(sources, options.server, options.batches, options.limits)
        sys.stdout.flush()
        # Taking models of millions of words apart would take seconds.
        os._exit(0)
    except UserError as error:
        sys.exit(f"error: {by_address(str(error))}")
    except KeyboardInterrupt:
        # Only before it listens; afterwards the server handles the signal.
        sys.exit(130)


@errors_by_address()
def _load(tokenizer: str, language: str | None, threshold: Threshold | None, model: Path) -> Tagger:
    """The tagger, after it has tagged a first text, so that what is loaded lazily is loaded before requests come."""
    if not model.is_dir():
        raise UserError(f"{model} is not a directory; expected what `python -m ner_dist.export RUN --onnx DIR` wrote")
    # One core is left for reading requests and writing answers: that serves as many requests as the model on two cores,
    # for two thirds of the CPU time.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(cores, int(cgroup.cpu_quota() or cores))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores - 1)))
    from ner_dist.prediction import Tagger

    tagger = Tagger.load(model, tokenizer=tokenizer, language=language, threshold=threshold)
    if tagger.given_features:
        tokens = _WARM_UP.split()
        tagger.tag_tokens([tokens], **{name: [["?"] * len(tokens)] for name in tagger.given_features})
    else:
        tagger.tag([_WARM_UP])
    return tagger


if __name__ == "__main__":
    main()
