# PYTHON_ARGCOMPLETE_OK
"""Score a run or an export on a split: python -m ner_dist.evaluate MODEL --split test [--conll FILE] [--json FILE]."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Optional

import numpy as np

from ner_dist import config as knobs
from ner_dist.cli.options import make_parser, option, read_options
from ner_dist.cli.shell_completion import complete
from ner_dist.contract.shard_format import read_index
from ner_dist.data.batch import Batch
from ner_dist.data.raw_rows import open_texts
from ner_dist.data.shard_reader import open_split
from ner_dist.data.used_inputs import used_features
from ner_dist.errors import UserError
from ner_dist.evaluation.characters import character_scores, score_with_characters
from ner_dist.evaluation.f1 import scores
from ner_dist.evaluation.prediction_files import ConllColumns, JsonLines, write
from ner_dist.evaluation.score_split import OpenedSplit, ScoredNetwork
from ner_dist.evaluation.score_table import score_table
from ner_dist.foreign.local_paths import local_path
from ner_dist.model.entities import DecodedBatch
from ner_dist.ranks.comm import Comm, Solo, on_every_rank, on_rank_0
from ner_dist.ranks.environment import require_mxnet
from ner_dist.ranks.rank_process import run_rank


@dataclasses.dataclass
class Options:
    """Score a run's checkpoint or an export on a split of its shards, in one process or on every rank of horovodrun."""

    model: Path = option(positional=True, metavar="MODEL")
    """directory of a run, or of an export, which needs no MXNet"""
    split: Literal["train", "dev", "test"] = "test"
    """what to score"""
    checkpoint: Literal["best", "last"] = "best"
    """which parameters of a run"""
    shards: Optional[Path] = option(None, metavar="DIR")
    """where the shards of the model are now, if they have moved"""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """where a run computes"""
    conll: Optional[Path] = option(None, metavar="FILE")
    """write `token gold predicted` columns in BIO for another scorer"""
    json: Optional[Path] = option(None, metavar="FILE")
    """write a JSON line for each sentence: tokens, entities, their confidence"""
    n_best: int = option(0, least=0)
    """with --json, also the N best tag sequences of each sentence"""


def main(argv: list[str] | None = None) -> None:
    parser = make_parser(
        Options,
        "python -m ner_dist.evaluate",
        usage="MODEL [--split test] [options]",
        example="runs/default --split test --conll test.conll",
        first=("model", "split", "shards", "conll", "json"),
    )
    complete(parser)
    options = read_options(Options, parser.parse_args(argv))
    if options.n_best and not options.json:
        parser.error("--n-best needs --json FILE")
    run_rank(lambda comm: _evaluate(options, comm))


def evaluate_tagger(model: str | Path, split: str = "test", *, shards: str | Path | None = None) -> dict[str, Any]:
    """Score a run's best checkpoint, or an export, on a split of its shards, in this process.

    model: directory of a run or an export. shards: where its shards are now, if they have moved. Returns entity and
    token scores, and those over characters if the shards have texts, as result.json has them:
    `evaluate_tagger("runs/mine")["entity"]["f1"]`. Raises UserError.
    """
    place = None if shards is None else Path(local_path(shards))
    options = Options(Path(local_path(model)), split, shards=place)  # type: ignore[arg-type]
    return _score(options, Solo(), lambda opened: {}).scores


def _evaluate(options: Options, comm: Comm) -> None:
    """Every rank: load the model, score its shards, and let rank 0 print and write."""
    scored = _score(options, comm, lambda opened: _files(options, opened))
    if comm.rank == 0:
        print(f"{options.model} {options.split} ({scored.origin})")
        print(score_table(scored.scores, scored.tokenizer))


class _Scored(NamedTuple):
    # Where the network came from.
    origin: str
    scores: dict[str, Any]
    # The index's.
    tokenizer: dict[str, Any]


def _score(
    options: Options, comm: Comm, files_of: Callable[[OpenedSplit], dict[Path, ConllColumns | JsonLines]]
) -> _Scored:
    """Score the split; the files are written on the way."""
    is_export = (options.model / "tagger.json").is_file()
    origin, opened = _open_export(options, comm) if is_export else _open_run(options, comm)
    files = files_of(opened)

    def observe(decoded: DecodedBatch) -> None:
        for file in files.values():
            file.observe(decoded)

    index, batch_sentences = opened.index, opened.config.train.eval_batch_sentences
    part = (opened.network, opened.batches(), opened.texts, len(index.entity_types), batch_sentences)
    counts, characters = score_with_characters(*part, comm, observe)
    for path, file in files.items():
        parts = comm.gather_objects(file.lines)
        on_rank_0(comm, partial(write, path, file, parts, opened.shards, options.split))
    found = scores(counts, index.entity_types)
    if characters is not None:
        found["characters"] = character_scores(characters, index, options.split)
    return _Scored(origin, found, index.tokenizer)


def _files(options: Options, opened: OpenedSplit) -> dict[Path, ConllColumns | JsonLines]:
    files: dict[Path, ConllColumns | JsonLines] = {}
    if options.conll:
        files[options.conll] = ConllColumns(opened.index)
    if options.json:
        files[options.json] = JsonLines(opened.index, options.n_best)
    return files


def _open_run(options: Options, comm: Comm) -> tuple[str, OpenedSplit]:
    require_mxnet()
    # Late: it imports MXNet, which an export does without.
    from ner_dist.evaluation.open_run import open_run

    saved, opened = open_run(options.model, options.checkpoint, options.split, options.shards, options.device, comm)
    return f"{options.checkpoint} checkpoint, epoch {saved.progress.epoch}", opened


class _ExportOnShards:
    """An export's network on batches of shards, of whose token features it gets those that it knows."""

    def __init__(self, network: ScoredNetwork, used: list[int]) -> None:
        self._network, self._used = network, used
        self.transition_scores, self.temperature = network.transition_scores, network.temperature

    def emissions(self, batch: Batch) -> np.ndarray:
        return self._network.emissions(batch._replace(feature_FTB=batch.feature_FTB[self._used]))


def _open_export(options: Options, comm: Comm) -> tuple[str, OpenedSplit]:
    from ner_dist.prediction.onnx_network import OnnxNetwork

    def open_all() -> tuple[str, OpenedSplit]:
        network = OnnxNetwork(options.model)
        origin = network.origin
        config = knobs.from_record(origin.get("config"), options.model / "tagger.json")
        directory = options.shards or Path(config.data.shards)
        index = read_index(directory)
        if index.fingerprint() != origin.get("shards"):
            raise UserError(
                f"{options.model}: this model was trained on other shards than those in {directory}; name its own with "
                "--shards"
            )
        part = (config, index, options.split, directory, comm.num_ranks, comm.rank)
        reader = open_split(*part)
        used = [place for place, _ in used_features(config.model, index)]
        exported = _ExportOnShards(network, used)
        opened = OpenedSplit(exported, config, index, directory, reader, open_texts(*part, reader))
        return f"export of the {origin.get('checkpoint')} checkpoint, epoch {origin.get('epoch')}", opened

    return on_every_rank(comm, open_all)


if __name__ == "__main__":
    main()
