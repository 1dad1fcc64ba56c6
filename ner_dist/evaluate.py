"""Score a finished or running training: python -m ner_dist.evaluate RUN --split test [--conll FILE]."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow.parquet as pq

from ner_dist import spans
from ner_dist.entry import run_rank
from ner_dist.errors import UserError
from ner_dist.shard_format import Index, read_index, verify_file


def table(scores: dict[str, Any]) -> str:
    """The scores as text: a row a type, totals, other readings, and confusion between types."""
    entity = scores["entity"]
    width = max(12, *(len(name) for name in entity["per_type"]))
    lines = [f"{'':{width}}precision   recall       F1    gold  predicted  right"]

    def row(name: str, part: dict[str, Any]) -> None:
        numbers = "".join(f"  {100 * part[key]:7.2f}" for key in ("precision", "recall", "f1"))
        counts = f"  {part['gold']:6d}  {part['predicted']:9d} {part['right']:6d}" if "gold" in part else ""
        lines.append(f"{name:{width}}{numbers}{counts}")

    for name, part in entity["per_type"].items():
        row(name, part)
    lines.append("")
    row("micro", entity)
    row("macro", entity["macro"])
    row("boundaries", entity["boundaries"])
    row("overlap", entity["overlap"])
    row("token", scores["token"])
    row("token, BIO", scores["token"]["bio"])
    names = list(entity["confusion"])
    cell = max(7, *(len(name) for name in names)) + 1
    lines += ["", "gold (down) predicted (across) at the same span; - is no entity there"]
    lines.append(" " * width + "".join(f"{name:>{cell}}" for name in names))
    for name in names:
        counts = entity["confusion"][name]
        lines.append(f"{name:{width}}" + "".join(f"{counts.get(other, 0):{cell}d}" for other in names))
    return "\n".join(lines)


class ConllColumns:
    """Collects predictions and writes them as `token gold predicted` lines in BIO, a blank line after a sentence."""

    def __init__(self) -> None:
        self._tags: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def observe(self, batch: Any, predicted_TB: np.ndarray) -> None:
        for column, (sentence_id, length) in enumerate(zip(batch.sentence_id_B.tolist(), batch.length_B.tolist())):
            self._tags[sentence_id] = batch.tag_TB[:length, column], predicted_TB[:length, column]

    def write(self, path: Path, parts: list[ConllColumns], shards: Path, index: Index, split: str) -> None:
        """Write the predictions of all ranks in the split's order; texts come from the shards."""
        tags = {sentence_id: pair for part in parts for sentence_id, pair in part._tags.items()}
        texts: dict[int, list[str]] = {}
        for entry in index.splits[split]:
            columns = pq.read_table(verify_file(shards, entry), columns=["sentence_id", "text"])
            texts.update(zip(columns["sentence_id"].to_pylist(), columns["text"].to_pylist()))
        partial = path.with_name(path.name + ".partial")
        try:
            with partial.open("w", encoding="utf-8") as file:
                for sentence_id in sorted(tags):
                    _write_sentence(file, texts[sentence_id], *tags[sentence_id], index.entity_types)
            os.replace(partial, path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise UserError(f"--conll {path} could not be written ({error.strerror})") from error


def _write_sentence(
    file: TextIO, tokens: list[str], gold_T: np.ndarray, predicted_T: np.ndarray, types: list[str]
) -> None:
    columns = zip(tokens, _bio(gold_T, types), _bio(predicted_T, types))
    # A token with a space in it would look like two columns.
    file.writelines(f"{'_'.join(token.split())} {gold} {predicted}\n" for token, gold, predicted in columns)
    file.write("\n")


def _bio(tag_T: np.ndarray, types: list[str]) -> list[str]:
    """BIO names of valid BILOU ids: L continues, U begins."""
    names = {spans.O: "", spans.B: "B-", spans.U: "B-", spans.I: "I-", spans.L: "I-"}
    prefix_T, type_T = spans.split_ids(tag_T)
    return [names[prefix] + types[kind] if kind >= 0 else "O" for prefix, kind in zip(prefix_T, type_T)]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ner_dist.evaluate",
        description="Score a run's best checkpoint on a split, in one process or on every rank of horovodrun.",
        epilog="Example: horovodrun -np 2 python -m ner_dist.evaluate runs/default --split test --conll test.conll",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="directory of the run")
    parser.add_argument("--split", choices=("train", "dev", "test"), default="test", help="what to score (test)")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best", help="which parameters (best)")
    parser.add_argument("--shards", type=Path, help="where the run's shards lie now, if they have moved")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help="where to compute (auto)")
    parser.add_argument(
        "--conll", type=Path, metavar="FILE", help="write `token gold predicted` columns in BIO for another scorer"
    )
    arguments = parser.parse_args(argv)

    run_rank(lambda comm: _evaluate(arguments, comm))


def _evaluate(arguments: argparse.Namespace, comm: Any) -> None:
    """Every rank: load the checkpoint, score its shards, and let rank 0 print and write."""
    from launch.environment import choose_device
    from ner_dist import assemble, checkpoint, model, scoring
    from ner_dist import comm as exchange
    from ner_dist.plan import owned_shards
    from ner_dist.reader import Sentences
    from ner_dist.score import scores

    place = arguments.run / "checkpoints" / arguments.checkpoint
    saved = exchange.on_rank_0(comm, lambda: checkpoint.load(place))
    shards = arguments.shards or Path(saved.config.data.shards)

    def open_split() -> tuple[Index, Sentences, model.Tagger, np.ndarray]:
        index = read_index(shards)
        checkpoint.require_same_data(saved, index, shards, place)
        if arguments.split not in index.splits:
            raise UserError(f"{shards}: has no {arguments.split} split, only {', '.join(index.splits)}")
        owned = owned_shards(len(index.splits[arguments.split]), comm.num_ranks, comm.rank)
        sentences = assemble.open_split(saved.config, index, arguments.split, owned, shards)
        tagger = model.build(saved.config, index, choose_device(arguments.device))
        model.set_parameters(tagger, saved.parameters())
        weight_VD = assemble.first_words(saved.config, index, checkpoint.find(place)).weight_VD
        weight_VD[: len(saved.words())] = saved.words()
        return index, sentences, tagger, weight_VD

    index, sentences, tagger, weight_VD = exchange.on_every_rank(comm, open_split)
    columns = ConllColumns()
    counts = scoring.score_split(
        tagger,
        weight_VD,
        sentences,
        saved.config,
        len(index.entity_types),
        comm,
        columns.observe if arguments.conll else None,
    )
    if arguments.conll:
        parts = comm.gather_objects(columns)
        exchange.on_rank_0(comm, lambda: columns.write(arguments.conll, parts, shards, index, arguments.split))
    if comm.rank == 0:
        print(f"{arguments.run} {arguments.split} ({arguments.checkpoint} checkpoint, epoch {saved.progress.epoch})")
        print(table(scores(counts, index.entity_types)))


if __name__ == "__main__":
    main()
