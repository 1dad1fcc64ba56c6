# PYTHON_ARGCOMPLETE_OK
"""Find entities in text: python -m ner_dist.predict RUN [FILE | FOLDER | 'PATTERN' | -] [--to FORMAT] [--out OUT]."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from ner_dist.cli.options import make_parser, read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.predicting.input_files import names_many
from ner_dist.predicting.many_files import predict_many
from ner_dist.predicting.one_file import predict_one
from ner_dist.predicting.options import PredictOptions
from ner_dist.ranks.comm import Comm
from ner_dist.ranks.rank_process import run_rank


def main(argv: list[str] | None = None) -> None:
    parser = make_parser(
        PredictOptions,
        "python -m ner_dist.predict",
        usage="RUN [FILE | FOLDER | 'PATTERN' | -] [--to FORMAT] [--out FILE | FOLDER] [options]",
        example="runs/mine article.txt --out article.html\n"
        '  echo "Angela Merkel visited Paris." | python -m ner_dist.predict runs/mine --to inline\n'
        "  python -m ner_dist.predict runs/mine texts --out tagged --workers 2\n"
        "  python -m ner_dist.predict runs/mine 'texts/**/*.txt.gz' --out tagged --to parquet\n"
        "  horovodrun -np 4 python -m ner_dist.predict runs/mine corpus.jsonl --out tagged.jsonl",
        first=("run", "file", "reading.input_format", "output_format", "out", "threshold"),
    )
    complete(parser)
    options = read_options(PredictOptions, parser.parse_intermixed_args(argv))
    if options.file == Path("-"):
        options = dataclasses.replace(options, file=None)
    if options.file is None and options.reading.input_format == "auto" and sys.stdin.isatty():
        print("type text; Ctrl-D ends it", file=sys.stderr)
    run_rank(lambda comm: predict(options, comm))


def predict(options: PredictOptions, comm: Comm) -> None:
    """On every rank: tag one input together; or without other ranks, every file that the input names.

    Raises UserError.
    """
    options.engine_choice.check()
    options.reading.require_valid()
    if options.file is not None and names_many(options.file):
        predict_many(options, options.file, comm)
    else:
        predict_one(options, comm)


if __name__ == "__main__":
    main()
