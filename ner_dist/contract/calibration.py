"""By what the confidences of a model are calibrated, as its run or export states it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ner_dist.foreign.errors import refuse

# Beyond these, probabilities would hardly depend on the scores, or on nothing but the best.
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.1, 10.0


@dataclasses.dataclass
class Calibration:
    # What scores are divided by before they become probabilities.
    temperature: float
    # What it was fitted to, and the expected calibration error there before and after, over so many predicted entities.
    split: str
    error_before: float
    error_after: float
    entities: int

    def check(self, path: Path) -> None:
        """Raises ForeignFileError if it cannot be a calibration. path: of the file that has it."""
        if not LEAST_TEMPERATURE <= self.temperature <= MOST_TEMPERATURE:
            refuse(path, f"the temperature is {self.temperature}", f"{LEAST_TEMPERATURE:g} to {MOST_TEMPERATURE:g}")
        if not 0 <= self.error_before <= 1 or not 0 <= self.error_after <= 1 or self.entities < 0:
            refuse(path, "error_before, error_after or entities is out of range", "errors from 0 to 1, and a count")
