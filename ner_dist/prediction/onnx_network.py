"""An exported model as prediction sees it: vocabularies, scores of tag sequences, and emissions by onnxruntime.

No MXNet here: an exported model tags where it is not installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from launch import environment
from ner_dist.batches import Batch
from ner_dist.errors import UserError
from ner_dist.exporting import description
from ner_dist.exporting.description import CHAR, FORM, LENGTH, MODEL_NAME, WORD, ExportError


class OnnxNetwork:
    def __init__(self, directory: Path) -> None:
        """directory: that python -m ner_dist.export wrote. Raises UserError if it is damaged, or of another version."""
        described = description.read(directory)
        self.vocabularies, self.scores = described.vocabularies, described.scores
        self._session = _session(directory / MODEL_NAME, environment.prepare())
        self._inputs = [argument.name for argument in self._session.get_inputs()]

    def emissions(self, batch: Batch) -> np.ndarray:
        arrays = {
            WORD: batch.word_ids_W[batch.word_TB],
            FORM: batch.form_TB.astype(np.int64),
            CHAR: batch.char_NC.astype(np.int64),
            LENGTH: batch.length_B.astype(np.int32),
        }
        for feature, ids_TB in zip(self.vocabularies.features, batch.feature_FTB):
            arrays[feature.name] = ids_TB.astype(np.int64)
        # A model without characters takes none.
        emission_TBK: np.ndarray = self._session.run(None, {name: arrays[name] for name in self._inputs})[0]
        return emission_TBK


def _session(path: Path, num_threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            f"{path}: exported models are run by onnxruntime, which is not installed; pip install -e '.[export]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
    # What it remembers of the memory for each shape is of no use: batches come in ever new shapes.
    options.enable_mem_pattern = False
    # Errors alone: its warnings are about hardware that is not there.
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # It has a dozen kinds of exceptions without a common base.
    except Exception as error:
        raise ExportError(f"{path}: onnxruntime {onnxruntime.__version__} cannot read it ({error})") from error
