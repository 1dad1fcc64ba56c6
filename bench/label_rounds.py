"""Labelling simulated: from a few sentences on, each round trains anew, and labels more of a pool by some choice.

The gold tags of the pool are seen only once a sentence has been chosen. What a round has found is on disk before the
next begins, so a simulation that was interrupted goes on.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_prep.passes.build import build
from data_prep.problems import Problems
from data_prep.settings import Settings
from data_prep.sources.source_files import SourceFile
from data_prep.suspects.child_commands import Job, run_jobs
from data_prep.suspects.fold_training import KNOBS, num_epochs
from data_prep.suspects.pool import PooledSentence
from ner_dist.atomic_file import whole_file
from ner_dist.prediction.documents import document_of_tokens
from ner_dist.prediction.tagger import Tagger
from ner_dist.suggesting.suggest import Wanted, suggest

# Each round has so many times the tokens of the one before.
GROWTH = 1.5
_BATCH_SENTENCES = 10
# Of the gold sentences, those that training reports on. It chooses nothing by them.
_REPORTED = 20
_NUMBER = "number"


class Corpus(NamedTuple):
    pool: list[PooledSentence]
    gold: list[PooledSentence]


class Round(NamedTuple):
    sentences: int
    tokens: int
    # Entity F1 on the gold sentences, 0 to 1.
    f1: float


@dataclasses.dataclass(frozen=True)
class Simulation:
    corpus: Corpus
    # Of its state, and of the shards and runs of a round.
    folder: Path
    seed: int
    # Of the pool's sentences: the share that is labelled at first.
    first_share: float

    def full(self) -> Round:
        """With all of the pool labelled."""
        state = _State.read(self.folder / "full.json")
        if not state.rounds:
            state.rounds.append(self._train(range(len(self.corpus.pool)))[0])
            state.write()
        return state.rounds[0]

    def rounds(self, name: str, wanted: Wanted, enough_f1: float) -> list[Round]:
        """Rounds until this F1 is reached or all is labelled. wanted: how sentences are chosen. name: of the choice."""
        state = _State.read(self.folder / f"{name}.json")
        state.labelled = state.labelled or self._first()
        while not state.rounds or state.rounds[-1].f1 < enough_f1:
            if state.rounds and state.rounds[-1].sentences == len(self.corpus.pool):
                break
            if state.rounds and state.rounds[-1].sentences == len(state.labelled):
                # It was enough, and now is not: nothing has been chosen by its tagger.
                state.rounds.pop()
            found, tagger = self._train(state.labelled)
            print(f"seed {self.seed}, {name}: {found.tokens:,} tokens, F1 {100 * found.f1:.2f}", flush=True)
            state.rounds.append(found)
            if found.f1 < enough_f1:
                state.labelled += self._chosen(state.labelled, tagger, wanted)
            state.write()
        return state.rounds

    def _first(self) -> list[int]:
        """The same for every choice."""
        pool = len(self.corpus.pool)
        order = np.random.default_rng([self.seed, 0]).permutation(pool)
        return sorted(order[: round(self.first_share * pool)].tolist())

    def _chosen(self, labelled: Sequence[int], tagger: Tagger, wanted: Wanted) -> list[int]:
        """What to label next: in the order of the suggestions, as many tokens as the next round has more."""
        pool, there = self.corpus.pool, set(labelled)
        documents = (
            document_of_tokens([sentence.tokens])._replace(others={_NUMBER: number})
            for number, sentence in enumerate(pool)
            if number not in there
        )
        missing = (GROWTH - 1) * _num_tokens(pool[number] for number in labelled)
        # More than enough, unless all are very short.
        num = int(missing / np.mean([len(sentence.tokens) for sentence in pool]) * 3)
        wanted = dataclasses.replace(wanted, num=max(num, 1), seed=self.seed)
        found = suggest(tagger.stream(documents), wanted, [pool[number].tokens for number in labelled])
        chosen: list[int] = []
        for document in found.documents:
            if missing <= 0:
                break
            chosen.append(int(str(document.others[_NUMBER])))
            missing -= document.num_tokens
        return chosen

    def _train(self, labelled: Sequence[int]) -> tuple[Round, Tagger]:
        folder = self.folder / "round"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        sentences = [self.corpus.pool[number] for number in labelled]
        _write(folder / "train.jsonl", sentences)
        _write(folder / "dev.jsonl", self.corpus.gold[:_REPORTED])
        settings = Settings(num_shards=1, on_unseen_type="keep", on_long_word="cut", min_count=1)
        files = [(split, SourceFile(folder / f"{split}.jsonl")) for split in ("train", "dev")]
        build(files, settings, folder / "shards", Problems())
        steered = {"epochs": num_epochs(len(sentences)), "batch_sentences": _BATCH_SENTENCES, "seed": self.seed}
        # JSON is YAML.
        (folder / "knobs.yaml").write_text(json.dumps({**KNOBS, "train": {**KNOBS["train"], **steered}}))
        run = folder / "run"
        train = [sys.executable, "-m", "ner_dist.train", "--config", str(folder / "knobs.yaml")]
        train += ["--data.shards", str(folder / "shards"), "--run", str(run)]
        for _ in run_jobs(iter([Job("training", [train], folder / "log")]), 1, 1):
            pass
        tagger = Tagger.load(run, checkpoint="last")
        return Round(len(sentences), _num_tokens(sentences), _f1(tagger, self.corpus.gold)), tagger


@dataclasses.dataclass
class _State:
    """What a simulation has found so far, and which sentences the next round labels."""

    path: Path
    labelled: list[int]
    rounds: list[Round]

    @classmethod
    def read(cls, path: Path) -> _State:
        if not path.is_file():
            return cls(path, [], [])
        stored = json.loads(path.read_text(encoding="utf-8"))
        return cls(path, stored["labelled"], [Round(*values) for values in stored["rounds"]])

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path) as file:
            file.write(json.dumps({"rounds": self.rounds, "labelled": self.labelled}) + "\n")


def _num_tokens(sentences: Iterable[PooledSentence]) -> int:
    return sum(len(sentence.tokens) for sentence in sentences)


def _write(path: Path, sentences: Sequence[PooledSentence]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for tokens, gold in ((sentence.tokens, sentence.gold) for sentence in sentences):
            tags = ["O"] * len(tokens)
            for first, end, kind in gold:
                tags[first:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - first - 1)]
            file.write(json.dumps({"tokens": tokens, "tags": tags}) + "\n")


def _f1(tagger: Tagger, gold: Sequence[PooledSentence]) -> float:
    found = tagger.tag_tokens([sentence.tokens for sentence in gold])
    predicted = {(n, e.first_token, e.end_token, e.type) for n, entities in enumerate(found) for e in entities}
    true = {(n, *span) for n, sentence in enumerate(gold) for span in sentence.gold}
    return 2 * len(predicted & true) / max(len(predicted) + len(true), 1)


def tokens_to_reach(rounds: Sequence[Round], f1: float) -> float | None:
    """Labelled tokens at which this F1 is reached first, between rounds by their logarithm; None if it never is."""
    for before, after in zip([None, *rounds], rounds):
        if after.f1 >= f1:
            if before is None:
                return float(after.tokens)
            share = (f1 - before.f1) / (after.f1 - before.f1)
            return float(before.tokens * (after.tokens / before.tokens) ** share)
    return None
