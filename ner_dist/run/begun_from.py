"""begun_from.json in a run's directory: the model from whose parameters the run has begun, if it has begun from one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ner_dist.atomic_file import whole_file
from ner_dist.foreign.json_files import read_sealed, seal

_NAME = "begun_from.json"


@dataclasses.dataclass
class BegunFrom:
    """What was carried over."""

    # As it was named, and which checkpoint of it.
    model: str
    checkpoint: str
    epoch: int
    # Fingerprint of the data that it was trained on.
    shards: str
    # Of words, characters, types and the values of each token feature: how many have been carried over, and of how many
    # that the new model has.
    carried: dict[str, list[int]]

    def sentence(self) -> str:
        """For people; token features are counted together."""
        plain = {what: tuple(pair) for what, pair in self.carried.items() if what in ("words", "characters", "types")}
        others = [pair for what, pair in self.carried.items() if what not in plain]
        if others:
            plain["values of token features"] = (sum(found for found, _ in others), sum(total for _, total in others))
        counts = ", ".join(f"{found:,} of {total:,} {what}" for what, (found, total) in plain.items())
        return f"begun from {self.model}, {self.checkpoint} checkpoint, epoch {self.epoch}: {counts} were carried over"


def write(run: Path, facts: BegunFrom) -> None:
    with whole_file(run / _NAME) as file:
        file.write(seal(dataclasses.asdict(facts)))


def read(run: Path) -> BegunFrom | None:
    """None for a run that has begun from nothing. Raises ForeignFileError if the file is damaged."""
    path = run / _NAME
    return read_sealed(path, BegunFrom) if path.is_file() else None
