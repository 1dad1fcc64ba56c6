# PYTHON_ARGCOMPLETE_OK
"""What to label next: python -m ner_dist.suggesting MODEL POOL --num 200 [--to FORMAT] [--out FILE]."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from ner_dist.cli.options import make_parser, nested, option, read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.errors import UserError
from ner_dist.prediction import output_formats
from ner_dist.prediction.documents import Document
from ner_dist.prediction.reading import ReadingOptions, open_documents
from ner_dist.prediction.tagger import Tagger
from ner_dist.ranks.comm import Comm
from ner_dist.ranks.rank_process import run_rank
from ner_dist.stores.models import local_model
from ner_dist.stores.named_files import Place, require_writable, whole_binary
from ner_dist.suggesting.labelled import labelled_sentences, shards_of_model
from ner_dist.suggesting.pool import UNITS
from ner_dist.suggesting.suggest import FIELD, Suggestions, Wanted, suggest
from ner_dist.suggesting.uncertainty import MEASURES

FORMATS = ("jsonl", "doccano", "label-studio", "prodigy")


@dataclasses.dataclass(frozen=True)
class SuggestOptions:
    """Suggest which sentences or documents of a pool to label next: those of which the model is least sure, unlike each
    other and unlike what is labelled, each text once.

    They are written with the entities that the model finds, for an annotation tool, and keep the fields of their
    records. The field "suggestion" says how uncertain each is, and why.
    """

    model: Place = option(positional=True, metavar="MODEL", stores=True)
    """directory of a run, or of an export; as all files, also by an address in a store"""
    pool: Place = option(positional=True, metavar="POOL", stores=True)
    """texts that are not labelled, as of `predict`; - is standard input"""
    num: int = option(200, least=1)
    """how many"""
    unit: str = option(UNITS[0], choices=UNITS, metavar=None)
    """what is labelled as one: a sentence, or a whole text of the input"""
    output_format: str = option(
        FORMATS[0], names=("--to",), choices=FORMATS, type=output_formats.usual_name, metavar=None
    )
    """what the annotation tool imports; jsonl: that of `predict`"""
    out: Optional[Place] = option(None, metavar="FILE", stores=True)
    """where to write, whole or not at all; standard output if not given"""
    by: str = option(Wanted(1).measure, choices=MEASURES, metavar=None, group="the choice")
    """uncertainty for each token: by the probability of the best reading, by its margin to the second best, or by the
    entropy of both the reading and the entities found; random: for comparison"""
    diversity: float = option(Wanted(1).diversity, least=0, most=10, group="the choice")
    """how much it counts against a text that it is like one that is labelled or chosen already; 0: not at all"""
    train: Optional[Place] = option(None, metavar="PATH", stores=True, group="the choice")
    """what is labelled already: a shard set, or a file of texts, tokens or columns, by its name (default: the shards of
    the model, if they are still there)"""
    seed: int = option(Wanted(1).seed, least=0, group="the choice")
    """of --by random"""
    reading: ReadingOptions = nested(ReadingOptions)


def main(argv: list[str] | None = None) -> None:
    parser = make_parser(
        SuggestOptions,
        "python -m ner_dist.suggesting",
        usage="MODEL POOL [--num N] [--to FORMAT] [--out FILE] [options]",
        example="runs/mine unlabelled.jsonl --num 200 --to doccano --out next.jsonl",
        first=("model", "pool", "num", "unit", "output_format", "out", "reading.input_format"),
    )
    complete(parser)
    options = read_options(SuggestOptions, parser.parse_args(argv))
    run_rank(lambda comm: run(options, comm))


def run(options: SuggestOptions, comm: Comm) -> None:
    """Raises UserError."""
    if comm.num_ranks > 1:
        raise UserError("suggestions are made by one process; start it without horovodrun")
    options.reading.require_valid()
    if options.out is not None:
        # Checked first, because tagging takes long.
        require_writable(options.out)
    reading = options.reading
    model = local_model(options.model, reading.checkpoint)
    tagger = Tagger.load(
        model,
        tokenizer=reading.tokenizer,
        language=reading.language,
        checkpoint=reading.checkpoint,
        device=reading.device,
    )
    place = options.train or shards_of_model(model, reading.checkpoint, tagger)
    # --from is about the pool.
    as_named = dataclasses.replace(reading, input_format="auto")
    labelled = [] if place is None else labelled_sentences(place, as_named, tagger)
    wanted = Wanted(options.num, options.unit, options.by, options.diversity, options.seed)
    found = suggest(_tagged(options, tagger), wanted, labelled)
    if not found.documents:
        raise UserError(_nothing(options, found))
    _write(options, found.documents, tagger)
    for line in _summary(options, found, place):
        print(line, file=sys.stderr)
    complaint = tagger.familiarity.complaint(tagger.tokenizer)
    if complaint:
        print(f"warning: {complaint}", file=sys.stderr)


def _tagged(options: SuggestOptions, tagger: Tagger) -> Iterator[Document]:
    path = None if options.pool == Path("-") else options.pool
    with open_documents(path, options.reading, tagger) as opened:
        for portion in opened.portions:
            yield from tagger.stream(opened.documents(portion))
            opened.advance(portion)


def _write(options: SuggestOptions, documents: list[Document], tagger: Tagger) -> None:
    writer = output_formats.document_writer(
        options.output_format, tagger.entity_types, "", model_version=str(tagger.identity)
    )
    if options.output_format == "prodigy":
        documents = list(map(_with_meta, documents))
    with contextlib.ExitStack() as files:
        if options.out is not None:
            file = files.enter_context(whole_binary(options.out))
        else:
            file = files.enter_context(open(sys.stdout.fileno(), "wb", closefd=False))
        sink = writer.open(file)
        sink.write(writer.portion(documents))
        sink.close()


def _with_meta(document: Document) -> Document:
    """With the reason where Prodigy shows it, below the text."""
    given, facts = document.others.get("meta"), document.others[FIELD]
    assert isinstance(facts, dict)
    meta = {**(given if isinstance(given, dict) else {}), "reason": facts["reason"]}
    return document._replace(others={**document.others, "meta": meta})


def _nothing(options: SuggestOptions, found: Suggestions) -> str:
    pool = found.pool
    if not pool.num_units:
        return f"{options.pool}: no text with a token in it; expected texts to choose from"
    return f"{options.pool}: all of its {pool.num_units:,} {options.unit}s are labelled already, so none is left"


def _summary(options: SuggestOptions, found: Suggestions, place: Place | None) -> list[str]:
    pool, num = found.pool, len(found.documents)
    left_out = [
        f"{number:,} {why}"
        for number, why in ((pool.num_copies, "as copies"), (pool.num_labelled, "as labelled already"))
        if number
    ]
    without = f" (left out: {', '.join(left_out)})" if left_out else ""
    num_tokens = sum(document.num_tokens for document in found.documents)
    uncertainty = (
        f"uncertainty by {options.by} for each token {found.mean_uncertainty:.3f}, that of the pool "
        f"{pool.mean_uncertainty:.3f}"
    )
    lines = [
        f"{num:,} of {pool.num_free:,} {options.unit}s{without}, {num_tokens:,} tokens, about "
        f"{found.expected_entities:,.0f} entities; {uncertainty if options.by != 'random' else 'chosen at random'}"
    ]
    if num < options.num:
        lines.append(f"the pool has no more: all {num:,} are suggested, and --num {options.num} were asked for")
    if place is None:
        lines.append(
            "the shards of the model are not there, so nothing is known of what is labelled; name it with --train"
        )
    return lines


if __name__ == "__main__":
    main()
