# PYTHON_ARGCOMPLETE_OK
"""Write a run's tagger for onnxruntime: python -m ner_dist.export RUN --onnx DIR [--checkpoint best|last]."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, Optional

from ner_dist.cli.options import make_parser, option, read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.contract.export_record import DESCRIPTION_NAME
from ner_dist.errors import UserError
from ner_dist.ranks.rank_process import run_alone
from ner_dist.stores.addresses import Address
from ner_dist.stores.models import local_model
from ner_dist.stores.named_files import Place, whole_folder
from ner_dist.stores.published import published

if TYPE_CHECKING:
    from ner_dist.prediction.export_schema import Quantisation


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """Write a run's tagger as a directory that tags without MXNet.

    It holds model.onnx, the network from ids to emissions; tagger.json, vocabularies, tags and transition scores;
    runner.py, which tags with these two, onnxruntime and numpy alone; and README.md, the model's card. The network is
    compared with MXNet's before the directory takes its place.
    """

    run: Place = option(positional=True, metavar="RUN", stores=True)
    """directory of the run, or its address in a store"""
    onnx: Place = option(metavar="DIR", stores=True)
    """where to write, also an address in a store; an export that is there is replaced"""
    checkpoint: Optional[Literal["best", "last"]] = None
    """which parameters to export; if given, also those of an unfinished run; best if not"""
    name: Optional[str] = option(None, metavar="NAME")
    """name of the model, which a service and the model's card show; DIR's name if not given"""
    version: Optional[str] = option(None, metavar="V")
    """its version; the time of the export if not given"""
    small: bool = False
    """store word embeddings and LSTM in 8 or 16 bits a number where that costs at most 0.1 of F1 on dev, which is
    measured; needs the shards"""
    fast: bool = False
    """let the LSTM multiply in 8 bits where that costs at most 0.1 of F1 on dev, which is measured; only onnxruntime
    reads it, and what a text gets may depend on the texts that are tagged beside it; needs the shards"""
    license: Optional[str] = option(None, metavar="ID")
    """licence of the model for its card, README.md: an identifier such as apache-2.0 or cc-by-4.0"""
    text_language: Optional[str] = option(None, metavar="CODE")
    """language of its texts for the card, such as en; the tokenizer's if that cut the corpus"""
    card_note: Optional[str] = option(None, metavar="TEXT")
    """what else the card should say, in Markdown"""
    no_examples: bool = False
    """store no sentences of dev for the card and the page of the service"""
    no_check: bool = False
    """do not compare emissions with MXNet's"""


def main(argv: list[str] | None = None) -> None:
    parser = make_parser(
        ExportOptions,
        "python -m ner_dist.export",
        usage="RUN --onnx DIR [--name NAME] [--version V] [--small] [--fast] [--license ID] [options]",
        first=("run", "onnx"),
        example="runs/mine --onnx exports/mine\n  python -m ner_dist.predict exports/mine article.txt",
    )
    complete(parser)
    options = read_options(ExportOptions, parser.parse_args(argv))
    run_alone(lambda: _export(options))


def _export(options: ExportOptions) -> None:
    # Only now: it imports MXNet, and run_alone sets the number of threads before.
    from ner_dist.exporting.model_card import CardSettings
    from ner_dist.exporting.write_export import export

    card = CardSettings(options.license, options.text_language, options.card_note)
    run = local_model(options.run, options.checkpoint or "best")
    _require_replaceable(options.onnx)
    with whole_folder(options.onnx, DESCRIPTION_NAME) as directory:
        origin, num_bytes, difference, quantisation = export(
            run,
            options.checkpoint,
            directory,
            not options.no_check,
            options.name,
            options.version,
            small=options.small,
            fast=options.fast,
            examples=not options.no_examples,
            card=card,
            named=str(options.run),
        )
    score = "" if origin["dev_f1"] is None else f", dev entity F1 {100 * origin['dev_f1']:.2f}"
    print(
        f"{options.onnx}: {options.run} ({origin['checkpoint']} checkpoint, epoch {origin['epoch']}{score}), "
        f"{num_bytes / 1e6:,.1f} MB, called {origin['name']}@{origin['version']}"
    )
    if difference is not None:
        print(
            f"largest difference from MXNet's emissions {difference.emission:.1e}, other tags "
            f"{difference.num_other_tags} of {difference.num_tokens:,}, on {difference.sample}"
        )
    if quantisation is not None:
        _print_small(quantisation)


def _require_replaceable(place: Place) -> None:
    """Raises UserError if something else than an export is at an address; of directories, writing finds out."""
    found = published(place) if isinstance(place, Address) else None
    if found is not None and DESCRIPTION_NAME not in found.files:
        raise UserError(f"{place} exists and is not an export, so it is not overwritten; name another DIR")


def _print_small(found: Quantisation) -> None:
    parts = ", ".join(f"{part} as {kind}" for part, kind in found.parts.items()) or "nothing"
    print(
        f"in fewer bits: {parts}; {found.bytes_before / 1e6:,.1f} MB became {found.bytes_after / 1e6:,.1f}, "
        f"{found.speed:.2f} times as fast, dev entity F1 {100 * found.dev_f1_before:.2f} became "
        f"{100 * found.dev_f1_after:.2f}"
    )
    for part, loss in found.left_alone.items():
        print(f"left alone: {part}, which would have lost {100 * loss:.2f} of dev entity F1")


if __name__ == "__main__":
    main()
