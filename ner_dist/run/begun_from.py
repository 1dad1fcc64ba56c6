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
    # Parts of the new model that the old one does not have at all.
    anew: list[str]

    def sentence(self) -> str:
        """For people; token features are counted together."""
        features = [pair for what, pair in self.carried.items() if what.startswith("feature_")]
        counts = {what: pair for what, pair in self.carried.items() if not what.startswith("feature_")}
        if features:
            found, total = zip(*features)
            counts["values of token features"] = [sum(found), sum(total)]
        shown = ", ".join(f"{found:,} of {total:,} {what}" for what, (found, total) in counts.items())
        anew = f"; begun as usual: {', '.join(self.anew)}" if self.anew else ""
        return f"begun from {self.model}, {self.checkpoint} checkpoint, epoch {self.epoch}: {shown} carried over{anew}"


def write(run: Path, facts: BegunFrom) -> None:
    with whole_file(run / _NAME) as file:
        file.write(seal(dataclasses.asdict(facts)))


def read(run: Path) -> BegunFrom | None:
    """None for a run that has begun from nothing. Raises ForeignFileError if the file is damaged."""
    path = run / _NAME
    return read_sealed(path, BegunFrom) if path.is_file() else None
