# PYTHON_ARGCOMPLETE_OK
"""Score a run or an export on any annotated files or on a split of its shards: python -m ner_dist.evaluate MODEL."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Literal, Optional, Union

from ner_dist.cli.options import make_parser, option, read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.errors import UserError
from ner_dist.evaluation.prediction_files import ConllColumns, JsonLines, write
from ner_dist.evaluation.thresholds import METAVAR, Target, parse_target
from ner_dist.ranks.comm import Comm, Solo, on_every_rank, on_rank_0
from ner_dist.ranks.rank_process import run_rank
from ner_dist.scoring.gold_shards import gold_shards
from ner_dist.scoring.open_model import is_export
from ner_dist.scoring.score_in_processes import score
from ner_dist.scoring.score_model import Opening, Scored, Wanted
from ner_dist.scoring.score_record import score_record, score_text
from ner_dist.scoring.tune_confidence import remove_calibration, tune_confidence
from ner_dist.stores.addresses import Address, path_or_address
from ner_dist.stores.local_copies import by_address, errors_by_address
from ner_dist.stores.models import local_model
from ner_dist.stores.named_files import Place, require_writable, whole_text


@dataclasses.dataclass
class Options:
    """Score a run's checkpoint or an export, in one process or on every rank of horovodrun.

    On files of one's own, which are read and cut as preparation would with the model's vocabularies and tokenizer; what
    follows -- are options of `build` about reading a corpus. Or on a split of the shards that it was trained on.
    """

    model: Place = option(positional=True, metavar="MODEL", stores=True)
    """directory of a run, of one of its checkpoints, or of an export, which needs no MXNet; as all files, also by an
    address in a store"""
    gold: tuple[str, ...] = option((), metavar="FILE", stores=True)
    """annotated files to score it on: whatever preparation reads"""
    split: Optional[Literal["train", "dev", "test"]] = None
    """without --gold: what to score of the model's own shards (default: test)"""
    checkpoint: Literal["best", "last"] = "best"
    """which parameters of a run"""
    shards: Optional[Place] = option(None, metavar="DIR", stores=True)
    """where the shards of the model are now, if they have moved"""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """where a run computes"""
    processes: Optional[int] = option(None, least=1, metavar="N")
    """processes for an export (default: one, or several, one a core, if each has 200,000 tokens or more)"""
    json: Optional[Place] = option(None, metavar="FILE", stores=True)
    """write all scores as one JSON object, with 95 % intervals, by type and by document"""
    conll: Optional[Place] = option(None, metavar="FILE", stores=True)
    """write `token gold predicted` columns in BIO for another scorer"""
    sentences: Optional[Place] = option(None, metavar="FILE", stores=True)
    """write a JSON line for each sentence: tokens, entities, their confidence"""
    n_best: int = option(0, least=0)
    """with --sentences, also the N best tag sequences of each sentence"""
    documents: int = option(0, least=0, metavar="N")
    """show the N documents with the most mistakes"""
    find_threshold: Optional[Target] = option(None, type=parse_target, metavar=METAVAR, group="confidence")
    """instead of scores, on dev if neither --split nor --gold is given: the --threshold of predict that reaches this
    precision or the best F1, over all entities and by type"""
    calibrate: Optional[str] = option(
        None, nargs="?", const="fit", choices=("fit", "none"), metavar="none", group="confidence"
    )
    """instead of scores, likewise: fit the temperature by which confidences are calibrated, and store it in the run or
    export, whose predictions use it from then on; none: remove it"""


def main(argv: list[str] | None = None) -> None:
    parser = make_parser(
        Options,
        "python -m ner_dist.evaluate",
        usage="MODEL (--gold FILE ... | [--split test]) [options] [-- OPTIONS OF BUILD]",
        example="runs/default --gold mine.conll --json scores.json -- --tag-column 3",
        first=("model", "gold", "split", "shards", "json", "conll"),
    )
    complete(parser)
    given = sys.argv[1:] if argv is None else argv
    place = given.index("--") if "--" in given else len(given)
    options, reading = read_options(Options, parser.parse_args(given[:place])), given[place + 1 :]
    _check(options, reading, parser)
    action = _tune if options.find_threshold or options.calibrate else _evaluate
    run_rank(lambda comm: action(options, reading, comm))


def evaluate_tagger(
    model: str | Path,
    split: str | None = None,
    *,
    gold: Union[str, Path, Sequence[str | Path], None] = None,
    reading: Sequence[str] = (),
    shards: str | Path | None = None,
) -> dict[str, Any]:
    """Score a run's best checkpoint, or an export, on annotated files or on a split of its shards.

    model: directory of a run, a checkpoint or an export. gold: files that preparation reads; reading: options of
    `data_prep build` about reading them, such as ["--tag-column", "3"]. Without gold: split, "test" by default; shards:
    where the model's shards are now, if they have moved. Returns what `evaluate --json` writes, with `entity`, `token`
    and, where gold is spans, `characters` as in result.json: `evaluate_tagger("runs/mine")["entity"]["f1"]`. Raises
    UserError.
    """
    files = [gold] if isinstance(gold, (str, Path)) else list(gold or ())
    if files and (split is not None or shards is not None):
        raise UserError("gold takes the place of split and shards: name one or the other")
    names = tuple(str(path_or_address(file)) for file in files)
    place = None if shards is None else path_or_address(shards)
    options = Options(path_or_address(model), names, split, shards=place)  # type: ignore[arg-type]
    with errors_by_address(), _scored(options, reading, Solo()) as found:
        return score_record(found, str(options.model), names)


def _check(options: Options, reading: Sequence[str], parser: argparse.ArgumentParser) -> None:
    if options.find_threshold or options.calibrate:
        of_scores = [name for name in ("json", "conll", "sentences", "documents") if getattr(options, name)]
        if of_scores:
            parser.error(f"--{of_scores[0]} is about scores: leave it, or --find-threshold and --calibrate, out")
    if options.calibrate == "fit" and options.split == "train":
        parser.error(
            "on what it was trained on, a model is surer than elsewhere: calibrate it on another split or files"
        )
    if options.processes and isinstance(options.model, Path) and not is_export(options.model):
        parser.error(f"--processes is for an export, and {options.model} is none; score a run on ranks of horovodrun")
    if options.n_best and not options.sentences:
        parser.error("--n-best needs --sentences FILE")
    if options.gold and (options.split or options.shards):
        parser.error(
            f"--{'split' if options.split else 'shards'} is about the model's own shards: leave it or --gold out"
        )
    if reading and not options.gold:
        parser.error("options after -- say how to read the files of --gold, and there are none")


def _tune(options: Options, reading: Sequence[str], comm: Comm) -> None:
    """Every rank: what is done with confidences instead of scoring."""
    parts, removes = [], options.calibrate == "none"
    if removes:
        model = on_every_rank(comm, partial(local_model, options.model, options.checkpoint))
        parts.append(remove_calibration(Opening(model, options.checkpoint), comm))
    if options.find_threshold or not removes:
        # In a store, a model that has changed is another publication.
        with _opening(options, reading, "dev", comm) as opening:
            parts.append(tune_confidence(opening, options.calibrate == "fit", options.find_threshold, comm))
    if comm.rank == 0:
        print(by_address("\n\n".join(parts)))


def _evaluate(options: Options, reading: Sequence[str], comm: Comm) -> None:
    """Every rank: load the model, score its part, and let rank 0 print and write."""
    for place in (options.json, options.conll, options.sentences):
        if isinstance(place, Address):
            on_rank_0(comm, partial(require_writable, place))
    with _scored(options, reading, comm) as found:
        record = on_rank_0(comm, lambda: score_record(found, str(options.model), options.gold))
        on_rank_0(comm, partial(_write_files, options, found, record))
        if comm.rank == 0:
            print(score_text(record, found.facts.index.tokenizer, options.documents))


@contextmanager
def _scored(options: Options, reading: Sequence[str], comm: Comm) -> Iterator[Scored]:
    """The shards with the gold stay as long as the context."""
    wanted = Wanted(options.conll is not None, options.sentences is not None, options.n_best)
    with _opening(options, reading, "test", comm) as opening:
        yield score(opening, wanted, comm, options.processes)


@contextmanager
def _opening(options: Options, reading: Sequence[str], split: str, comm: Comm) -> Iterator[Opening]:
    """split: where none is named."""
    model = on_every_rank(comm, partial(local_model, options.model, options.checkpoint))
    opening = Opening(model, options.checkpoint, options.split or split, options.shards, None, options.device)
    shards = gold_shards(model, options.checkpoint, options.gold, reading, comm) if options.gold else nullcontext()
    with shards as directory:
        yield dataclasses.replace(opening, gold=directory)


def _write_files(options: Options, found: Scored, record: dict[str, Any]) -> None:
    facts = found.facts
    if options.conll:
        write(options.conll, ConllColumns(facts.index), [found.lines["columns"]], facts.shards, facts.split)
    if options.sentences:
        lines = JsonLines(facts.index, options.n_best)
        write(options.sentences, lines, [found.lines["sentences"]], facts.shards, facts.split)
    if options.json:
        with whole_text(options.json) as file:
            json.dump(record, file, indent=1, ensure_ascii=False)
            file.write("\n")


if __name__ == "__main__":
    main()
