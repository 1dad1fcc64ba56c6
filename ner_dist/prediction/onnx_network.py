"""An exported model as prediction sees it: vocabularies, scores of tag sequences, and emissions by onnxruntime.

No MXNet here: an exported model tags where it is not installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ner_dist.data.batch import Batch
from ner_dist.errors import UserError
from ner_dist.prediction import export_format
from ner_dist.prediction.export_format import CHAR, EMISSION, FORM, LENGTH, MODEL_NAME, WORD, ExportError
from ner_dist.ranks import environment


class OnnxNetwork:
    def __init__(self, directory: Path) -> None:
        """directory: that python -m ner_dist.export wrote. Raises UserError if it is damaged, or of another version."""
        described = export_format.read(directory)
        self.vocabularies, self.transition_scores = described.vocabularies, described.transition_scores
        self._session = _session(directory / MODEL_NAME, environment.prepare())

    def emissions(self, batch: Batch) -> np.ndarray:
        arrays = {
            WORD: batch.word_ids_W[batch.word_TB],
            FORM: batch.spelling_TB.astype(np.int64),
            CHAR: batch.char_NC.astype(np.int64),
            LENGTH: batch.length_B.astype(np.int32),
        }
        for feature, ids_TB in zip(self.vocabularies.features, batch.feature_FTB):
            arrays[feature.name] = ids_TB.astype(np.int64)
        emission_TBK: np.ndarray = self._session.run([EMISSION], arrays)[0]
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
    # Threads that wait busily were 5 % faster on two free cores, and 28 % slower where another process had one of them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Errors alone: its warnings are about hardware that is not there.
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # It has a dozen kinds of exceptions without a common base.
    except Exception as error:
        raise ExportError(f"{path}: onnxruntime {onnxruntime.__version__} cannot read it ({error})") from error
