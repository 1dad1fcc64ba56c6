"""The options of the command `predict`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Optional

from ner_dist.cli.options import nested, option
from ner_dist.engines.choose_engine import EngineChoice
from ner_dist.prediction import output_formats
from ner_dist.prediction.reading import ReadingOptions
from ner_dist.prediction.thresholds import METAVAR, Threshold, parse_threshold
from ner_dist.stores.named_files import Place


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """Find entities in text with a trained run or an export: in one file by one process or every rank of horovodrun, or
    in many files, each of which becomes a file in the folder --out.

    The order of the input is kept. After an interrupt, the same command goes on with the files that are not done.
    """

    run: Place = option(positional=True, metavar="RUN", stores=True)
    """directory of a run, or of an export (python -m ner_dist.export); as all files, also by an address in a store"""
    file: Optional[Place] = option(None, positional=True, metavar="FILE", stores=True)
    """input in UTF-8, may be .gz; - or nothing for standard input; a folder with all that is in it; or a pattern in
    quotes, such as 'texts/*.txt', where ** is any number of folders"""
    output_format: str = option(
        "auto",
        names=("--to",),
        choices=("auto", *output_formats.FORMATS),
        type=output_formats.usual_name,
        metavar=None,
    )
    """jsonl: entities with character positions, type and confidence; conll: a token and its BIO tag per line; inline:
    the text with <TYPE>...</TYPE>; html: a page of coloured entities; doccano, label-studio and prodigy: what these
    tools import, with the entities as suggestions; docbin: spaCy's .spacy; parquet: as Hugging Face's datasets has it,
    a row for each sentence; auto: by the name of --out, else jsonl"""
    out: Optional[Place] = option(None, metavar="FILE", stores=True)
    """where to write, whole or not at all; standard output if not given; of many files, the folder for their outputs,
    which have their names with the ending of the format"""
    threshold: Optional[Threshold] = option(None, type=parse_threshold, metavar=METAVAR)
    """confidence below which entities are left out: one for all types, or PER=0.9,LOC=0.5,*=0.7, where * is all other
    types (python -m ner_dist.evaluate RUN --find-threshold finds one)"""
    workers: int = option(1, metavar="N", group="many files")
    """files that are tagged at the same time, each by a process with its share of the cores"""
    engine: str = option("processes", metavar="ENGINE", group="many files")
    """where the workers are; processes: on this machine; dask, ray: on this machine, by Dask or Ray, or ray in the
    cluster of RAY_ADDRESS; dask://HOST:PORT, ray://HOST:PORT: in a cluster that runs already and sees the same disks"""
    worker_memory_gb: Optional[float] = option(None, metavar="GB", group="many files")
    """the most memory that a worker may take (default: no limit)"""
    reading: ReadingOptions = nested(ReadingOptions)

    @property
    def engine_choice(self) -> EngineChoice:
        return EngineChoice(self.engine, self.workers, self.worker_memory_gb)

    @property
    def format_name(self) -> str:
        """The format to write."""
        return output_formats.format_of(Path(self.out.name) if self.out else None, self.output_format)
