"""The command `synth`: a corpus that is made up."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from data_prep.synthesis.synth import synthesise
from ner_dist.cli.options import option
from ner_dist.cli.progress_bar import progress_bar


@dataclasses.dataclass(frozen=True)
class SynthCommand:
    """Generate a tagged corpus: train.conll, dev.conll, test.conll."""

    sentences: int = option()
    """sentences in all (80, 10, 10 %)"""
    out: Path = option(metavar="DIR")
    """directory of the three files"""
    seed: int = 0
    """another seed gives another corpus"""

    def run(self) -> int:
        with progress_bar(self.sentences, " sentences", "write") as writing:
            paths = synthesise(self.sentences, self.seed, self.out, writing)
        print("\n".join(map(str, paths.values())))
        return 0
