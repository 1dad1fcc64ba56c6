"""One rank's view of a run while it trains: what it computes with, and how it records, saves, scores and stops."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ner_dist.config import Config
from ner_dist.contract.shard_format import Index
from ner_dist.data.raw_rows import SplitTexts
from ner_dist.data.shard_reader import ShardReader
from ner_dist.errors import UserError
from ner_dist.evaluation.characters import character_scores, score_with_characters
from ner_dist.evaluation.f1 import scores
from ner_dist.model.entities import DecodedBatch
from ner_dist.ranks import stop_signals
from ner_dist.ranks.agreement import require_agreement, same_state
from ner_dist.ranks.comm import Comm, Regroup, on_rank_0
from ner_dist.ranks.slow_ranks import SlowRanks
from ner_dist.ranks.stop_signals import Stopped
from ner_dist.ranks.watchdog import Watchdog
from ner_dist.run.checkpoint import Checkpoint
from ner_dist.run.progress import Progress
from ner_dist.run.recorder import Line, Recorder
from ner_dist.run.run_place import RunPlace
from ner_dist.run.run_writer import RunWriter
from ner_dist.run.saver import Saver
from ner_dist.run.trackers.reporting import Trackers
from ner_dist.stores.addresses import StoreError
from ner_dist.training.elastic import Kept
from ner_dist.training.step import Learner
from ner_dist.training.word_dropout import WordDropout

# Votes of a rank, which a step sums over all ranks: small integers, so that a sum of float32 tells how many voted what.
_VOTES = {signal.SIGINT: 1.0, signal.SIGTERM: 2.0**10}
_SAVING_FAILED = 2.0**20
# Of the time that a signal leaves; the step and the checkpoint come before.
_SHARE_TO_PUBLISH = 0.6
# Only rank 0 votes for it.
_REGROUP = 2.0**21

log = logging.getLogger("ner_dist")


@dataclasses.dataclass(frozen=True)
class Run:
    """What stays the same while a run trains."""

    config: Config
    place: RunPlace
    comm: Comm
    index: Index
    readers: dict[str, ShardReader]
    # Of dev and test.
    texts: dict[str, SplitTexts | None]
    word_dropout: WordDropout
    learner: Learner
    # Rank 0's alone: None on the others, and trackers without any.
    recorder: Recorder | None
    saver: Saver | None
    # Rank 0's alone to use.
    writer: RunWriter
    trackers: Trackers
    watchdog: Watchdog
    slow_ranks: SlowRanks
    kept: Kept
    # Whether to show progress bars: None, if this is a terminal.
    show_progress: bool | None

    @property
    def path(self) -> Path:
        """Its directory on this machine."""
        return self.place.path

    def record(self, kind: str, progress: Progress, values: dict[str, Any]) -> None:
        """kind: "steps" or "epoch", as in metrics.jsonl."""
        shared = {
            "epoch": progress.epoch + 1,
            "loss": progress.mean_loss,
            "padding": progress.padding,
            "tokens_per_second": progress.tokens_per_second,
        }
        self.kept.line = line = Line(kind, progress.total_steps, {**shared, **values})
        if self.recorder is not None:
            self.recorder.write(*line)
            self.trackers.log(*line)

    def print(self, line: str) -> None:
        log.info(line)
        if self.comm.rank == 0:
            print(line, flush=True)

    def score(
        self, split: str, over_characters: bool, observe: Callable[[DecodedBatch], object] = lambda decoded: None
    ) -> dict[str, Any]:
        """The scores of a split; every rank must call it. over_characters: also that score, where there are texts.

        observe: is called with each of this rank's batches once its tags are predicted.
        """
        num_types, batch_sentences = len(self.index.entity_types), self.config.train.eval_batch_sentences
        texts = self.texts[split] if over_characters else None

        def beat(decoded: DecodedBatch) -> None:
            self.watchdog.beat()

        def observe_and_beat(decoded: DecodedBatch) -> None:
            observe(decoded)
            beat(decoded)

        with self.learner.scored_network() as network:
            part = (self.readers[split].scoring_batches(batch_sentences), texts, num_types, batch_sentences)
            counts, characters = score_with_characters(network, *part, self.comm, observe_and_beat, beat)
        found = scores(counts, self.index.entity_types)
        if characters is not None:
            found["characters"] = character_scores(characters, self.index, split)
        return found

    def save(self, progress: Progress, best: bool = False) -> None:
        """Begin to save the state as the last checkpoint, and as the best one if it is; nobody waits for it."""
        if self.saver is not None:
            state = Checkpoint(self.learner.state(), dataclasses.replace(progress), self.config, self.index)
            self.saver.save(state, best)
        self.watchdog.beat()

    def await_saved(self) -> None:
        """In an elastic job, until the last and the best checkpoint are there, whatever happens to rank 0 afterwards.

        Otherwise the others would go on from here without them, while a job that is restarted goes back to the last.
        """
        if self.comm.is_elastic:
            on_rank_0(self.comm, self._await_published)

    def _await_published(self) -> None:
        if self.saver is not None:
            self.saver.wait()
            # A store that does not answer ends no run.
            with contextlib.suppress(StoreError):
                self.writer.wait(beat=self.watchdog.beat)

    def publish(self) -> None:
        """Have all files of the run at its address, if it has one; every rank must call it.

        Raises JobError on every rank if they cannot be published.
        """

        def on_this_machine() -> None:
            try:
                self.writer.finish(self.watchdog.beat)
            except StoreError as error:
                raise UserError(
                    f"{error}; the run is complete on this machine alone, so repeat the command here with "
                    "--train.resume true when the store answers"
                ) from error

        on_rank_0(self.comm, on_this_machine)

    def require_same_state(self, progress: Progress, agreed_steps: int) -> None:
        """Raises JobError on every rank if they differ in what they have computed. agreed_steps: when they did not."""
        if self.comm.num_ranks == 1:
            return
        advice = same_state(progress.total_steps, agreed_steps, self.place.named)
        require_agreement(self.comm, self.learner.checksums(), advice)

    def compare_ranks(self, progress: Progress) -> None:
        """Every few steps, see whether the ranks' states are equal, and whether one is slower than the others."""
        steps = self.config.train.agreement_steps
        if self.comm.num_ranks == 1 or not steps or progress.total_steps % steps:
            return
        self.require_same_state(progress, max(0, progress.total_steps - steps))
        for sentence in self.slow_ranks.compare():
            if self.comm.rank == 0:
                print(f"note: {sentence}", file=sys.stderr, flush=True)

    def vote(self, progress: Progress) -> float:
        """What this rank has to say about going on: 0, or why not to after the step that it takes part in."""
        if self.saver is not None and self.saver.is_due_by_steps(progress.total_steps + 1):
            # The save after this step would wait for it anyway; so a failure ends the run with this step.
            self.saver.settle()
        if self.saver is not None and self.saver.has_failed:
            return _SAVING_FAILED
        number = stop_signals.received()
        if number and not self.comm.leaves():
            return _VOTES.get(signal.Signals(number), 0.0)
        return _REGROUP if self.comm.rank == 0 and self.comm.wants_change else 0.0

    def end_if_voted(self, votes: float, progress: Progress) -> None:
        """Save and raise Stopped on every rank if one was asked to end; JobError if a checkpoint could not be saved.

        Raises Regroup on every rank if nothing else was voted for but other ranks.
        """
        if not votes:
            return
        if votes == _REGROUP:
            raise Regroup(f"the ranks change after {progress.total_steps:,} steps")
        votes %= _REGROUP
        if votes < _SAVING_FAILED:
            self.save(progress)
        where = on_rank_0(self.comm, self._where_saved)
        number = signal.SIGTERM if votes >= _VOTES[signal.SIGTERM] else signal.SIGINT
        raise Stopped(
            number,
            f"{number.name} has ended the run after {progress.total_steps:,} steps, all of them saved{where}; continue "
            f"with the same command and --run {self.place.named} --train.resume true",
        )

    def _where_saved(self) -> str:
        """Rank 0: wait until all is saved and, as long as there is time for it, published; what is left to say."""
        if self.saver is not None:
            self.saver.wait()
        try:
            is_published = self.writer.wait(_SHARE_TO_PUBLISH * self.config.train.grace_seconds)
            why = "there was no time to publish the last of them (--train.grace_seconds)"
        except StoreError as error:
            is_published, why = False, str(error)
        return "" if is_published else f" on this machine, but {why}, so another one would go on from an earlier one"


def note(sentence: str) -> None:
    """A sentence for whoever watches rank 0's terminal."""
    log.warning("%s", sentence)
    print(f"note: {sentence}", file=sys.stderr, flush=True)
