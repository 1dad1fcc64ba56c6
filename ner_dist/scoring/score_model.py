"""An opened model -> its scores and what is written of each sentence: on all ranks, or by one part of the work."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ner_dist.contract.shard_format import Index
from ner_dist.evaluation.characters import CharacterCounts, character_scores, score_with_characters
from ner_dist.evaluation.f1 import Counts, scores
from ner_dist.evaluation.prediction_files import ConllColumns, JsonLines
from ner_dist.model.entities import DecodedBatch
from ner_dist.ranks.comm import Comm
from ner_dist.scoring.documents import SentenceCounts
from ner_dist.scoring.open_model import OpenedModel, open_model, open_on_gold
from ner_dist.stores.addresses import Address


@dataclasses.dataclass(frozen=True)
class Opening:
    """What is scored on what; every process that takes part can open it."""

    model: Path
    checkpoint: str = "best"
    split: str = "test"
    # Where the model's own shards are, if they have moved.
    shards: Path | Address | None = None
    # Shards built like the model, instead of its own.
    gold: Path | None = None
    device: str = "auto"

    def open(self, comm: Comm) -> OpenedModel:
        """Raises UserError on every rank."""
        if self.gold is not None:
            return open_on_gold(self.model, self.gold, checkpoint=self.checkpoint, device=self.device, comm=comm)
        place: dict[str, Any] = {"checkpoint": self.checkpoint, "shards": self.shards, "device": self.device}
        return open_model(self.model, self.split, **place, comm=comm)


class Wanted(NamedTuple):
    """What is kept of each sentence, for files."""

    columns: bool = False
    sentences: bool = False
    n_best: int = 0


class _Observer(Protocol):
    # By sentence id.
    lines: dict[int, Any]

    def observe(self, decoded: DecodedBatch) -> None: ...


@dataclasses.dataclass(frozen=True)
class ScoredFacts:
    origin: str
    split: str
    index: Index
    shards: Path
    # With the number of their entities.
    unknown_types: dict[str, int]


class ScoredPart(NamedTuple):
    """What one process has scored; the counts are of all ranks together."""

    facts: ScoredFacts
    counts: Counts
    characters: CharacterCounts | None
    # By name of the observer, then by sentence id.
    lines: dict[str, dict[int, Any]]


class Scored(NamedTuple):
    facts: ScoredFacts
    # entity, token and, if the gold is spans, characters, as in result.json.
    scores: dict[str, Any]
    # Of all sentences: "documents" (SentenceCounts) and, if wanted, "columns" and "sentences".
    lines: dict[str, dict[int, Any]]


def score_part(opening: Opening, wanted: Wanted, comm: Comm) -> ScoredPart:
    """Every rank must call it."""
    model = opening.open(comm)
    opened, index = model.opened, model.index
    observers = _observers(wanted, index)

    def observe(decoded: DecodedBatch) -> None:
        for observer in observers.values():
            observer.observe(decoded)

    batch_sentences = opened.config.train.eval_batch_sentences
    part = (opened.network, opened.batches(), opened.texts, len(index.entity_types), batch_sentences)
    counts, characters = score_with_characters(*part, comm, observe)
    facts = ScoredFacts(model.origin, model.split, index, opened.shards, model.unknown_types)
    return ScoredPart(facts, counts, characters, {name: observer.lines for name, observer in observers.items()})


def score_on_ranks(opening: Opening, wanted: Wanted, comm: Comm) -> Scored:
    """Every rank must call it, and gets the same."""
    part = score_part(opening, wanted, comm)
    return scored(part, comm.gather_objects(part.lines))


def scored(part: ScoredPart, lines: list[dict[str, dict[int, Any]]]) -> Scored:
    """part: with the counts of all. lines: of each rank or process."""
    facts = part.facts
    found = scores(part.counts, facts.index.entity_types)
    if part.characters is not None:
        found["characters"] = character_scores(part.characters, facts.index, facts.split)
    whole = {name: {key: line for some in lines for key, line in some[name].items()} for name in part.lines}
    return Scored(facts, found, whole)


def _observers(wanted: Wanted, index: Index) -> dict[str, _Observer]:
    observers: dict[str, _Observer] = {"documents": SentenceCounts()}
    if wanted.columns:
        observers["columns"] = ConllColumns(index)
    if wanted.sentences:
        observers["sentences"] = JsonLines(index, wanted.n_best)
    return observers
