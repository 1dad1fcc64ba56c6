# PYTHON_ARGCOMPLETE_OK
"""Serve a model over HTTP: python -m ner_dist.serve DIR [--host 127.0.0.1] [--port 8000]."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ner_dist.cli.shell_completion import complete
from ner_dist.errors import UserError
from ner_dist.serving.limits import Limits

# Packages of the extra.
_NEEDED = {"fastapi", "prometheus_client", "pydantic", "starlette", "uvicorn", "h11"}
_WARM_UP = "Angela Merkel visited Paris ."


def main(argv: list[str] | None = None) -> None:
    parser = _parser()
    complete(parser)
    arguments = parser.parse_args(argv)
    try:
        _serve(arguments)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        # Only while the model is being loaded; later it ends in order.
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ner_dist.serve",
        description="Serve an exported model over HTTP: POST /tag, GET /healthz, /metrics, /openapi.json, and a page "
        "to try it on. SIGTERM or Ctrl-C ends it when it has answered what is under way.",
        epilog='Example: python -m ner_dist.serve exported/mine --port 8000, then curl -d \'{"text": "Angela Merkel '
        "visited Paris.\"}' http://127.0.0.1:8000/tag",
    )
    parser.add_argument(
        "model", type=Path, metavar="DIR", help="what `python -m ner_dist.export` wrote, or the directory of a run"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 is all (127.0.0.1)")
    parser.add_argument(
        "--port", type=_number(int, 0, 65535), default=8000, help="port; 0 takes any that is free (8000)"
    )
    parser.add_argument("--language", default="en", help="of the texts, by spaCy's code (en)")
    parser.add_argument(
        "--grace",
        type=_number(float, 0),
        default=10.0,
        metavar="S",
        help="seconds for what is under way at the end (10)",
    )
    parser.add_argument(
        "--max-connections",
        type=_number(int, 1),
        default=512,
        metavar="N",
        help="open connections, also idle ones (512)",
    )
    _add_limits(parser.add_argument_group("limits of a request, beyond which it is refused"))
    batches = parser.add_argument_group("batches")
    batches.add_argument(
        "--max-batch", type=_number(int, 1), default=64, metavar="N", help="texts tagged together (64)"
    )
    batches.add_argument(
        "--max-wait",
        type=_number(float, 0),
        default=0.0,
        metavar="MS",
        help="milliseconds to wait for more texts before a batch that is not full; what arrives while the model works "
        "is tagged together anyway (0)",
    )
    return parser


def _add_limits(group: Any) -> None:
    limits = Limits()
    group.add_argument(
        "--max-body",
        type=_number(int, 1),
        default=limits.max_body,
        metavar="BYTES",
        help="bytes of a body (%(default)s)",
    )
    group.add_argument(
        "--max-texts", type=_number(int, 1), default=limits.max_texts, metavar="N", help="texts (%(default)s)"
    )
    group.add_argument(
        "--max-characters",
        type=_number(int, 1),
        default=limits.max_characters,
        metavar="N",
        help="characters of a text, and of a batch of several (%(default)s)",
    )
    group.add_argument(
        "--max-tokens",
        type=_number(int, 1),
        default=limits.max_tokens,
        metavar="N",
        help="tokens of a sentence, where they are given (%(default)s)",
    )
    group.add_argument(
        "--max-queue",
        type=_number(int, 1),
        default=limits.max_queue,
        metavar="N",
        help="texts that wait, of all requests; beyond, 503 (%(default)s)",
    )
    group.add_argument(
        "--timeout",
        type=_number(float, 0.001),
        default=limits.timeout_s,
        metavar="S",
        help="seconds from the first byte to the answer (%(default)g)",
    )


def _number(kind: Callable[[str], Any], least: float, most: float = float("inf")) -> Callable[[str], Any]:
    """A type of argparse's: numbers from least to most."""

    def number(text: str) -> Any:
        value = kind(text)
        if not least <= value <= most:
            bounds = f"{least:g} or more" if most == float("inf") else f"{least:g} to {most:g}"
            raise argparse.ArgumentTypeError(f"{text} is out of range; expected {bounds}")
        return value

    number.__name__ = kind.__name__
    return number


def _serve(arguments: argparse.Namespace) -> None:
    try:
        from ner_dist.serving import server
        from ner_dist.serving.batching import Knobs
    except ImportError as error:
        if (error.name or "").split(".")[0] not in _NEEDED:
            raise
        raise UserError(f"the service needs {error.name}, which is not installed; pip install -e '.[serve]'") from error
    limits = Limits(
        max_body=arguments.max_body,
        max_texts=arguments.max_texts,
        max_characters=arguments.max_characters,
        max_tokens=arguments.max_tokens,
        max_queue=arguments.max_queue,
        timeout_s=arguments.timeout,
    )
    knobs = Knobs(arguments.max_batch, arguments.max_characters, arguments.max_wait / 1000, arguments.max_queue)
    place = server.Place(arguments.host, arguments.port, arguments.grace, arguments.max_connections)
    server.run(str(arguments.model), lambda: _load(arguments.model, arguments.language), place, limits, knobs)


def _load(model: Path, language: str) -> Any:
    """The tagger, after a first text: what is made or found missing at first use is so before anybody waits."""
    if not model.is_dir():
        raise UserError(f"{model} is no directory; expected what `python -m ner_dist.export RUN --onnx DIR` wrote")
    # One core is left to what reads requests and writes answers: two cores serve as many, for two thirds of the CPU.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores - 1)))
    from ner_dist.prediction import Tagger

    tagger = Tagger.load(model, language=language)
    if tagger.needs_pos:
        tokens = _WARM_UP.split()
        tagger.tag_tokens([tokens], [["NNP"] * len(tokens)])
    else:
        tagger.tag([_WARM_UP])
    return tagger


if __name__ == "__main__":
    main()
