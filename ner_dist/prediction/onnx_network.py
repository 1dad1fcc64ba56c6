"""An export as a TaggerNetwork: vocabularies, transition scores, and emissions by onnxruntime; no MXNet here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from ner_dist.data.batch import Batch
from ner_dist.prediction import export_format
from ner_dist.prediction.export_format import CHAR, EMISSION, LENGTH, MODEL_NAME, SPELLING, WORD, ExportError
from ner_dist.ranks import environment


class OnnxNetwork:
    def __init__(self, directory: Path) -> None:
        """directory: of the export. Raises UserError if it is damaged, or if it has another format version."""
        self.vocabularies, self.transition_scores, self.origin = export_format.read(directory)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = environment.prepare(), 1
        # Threads that spin were 5 % faster on two free cores, and 28 % slower where another process used one of them.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Errors only: its warnings are about hardware that is not there.
        options.log_severity_level = 3
        path = str(directory / MODEL_NAME)
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        # It raises a dozen kinds of exceptions that have no base in common.
        except Exception as error:
            raise ExportError(f"{path}: onnxruntime {onnxruntime.__version__} cannot read it ({error})") from error

    def emissions(self, batch: Batch) -> np.ndarray:
        """float32 (T, B, K)."""
        inputs = {
            WORD: batch.word_ids_W[batch.word_TB],
            SPELLING: batch.spelling_TB.astype(np.int64),
            CHAR: batch.char_NC.astype(np.int64),
            LENGTH: batch.length_B.astype(np.int32),
        }
        for feature, ids_TB in zip(self.vocabularies.features, batch.feature_FTB):
            inputs[feature.name] = ids_TB.astype(np.int64)
        emission_TBK: np.ndarray = self._session.run([EMISSION], inputs)[0]
        return emission_TBK
