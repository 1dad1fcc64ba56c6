"""An export as a TaggerNetwork: vocabularies, transition scores, and emissions by onnxruntime; no MXNet here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from ner_dist.data.batch import Batch
from ner_dist.prediction import export_format
from ner_dist.prediction.export_format import CHAR, EMISSION, LENGTH, MODEL_NAME, SPELLING, WORD, ExportError
from ner_dist.prediction.identity import identity_of_export
from ner_dist.ranks import environment

# How the name of a file with a tensor's values begins; that file could be any on the machine.
_ELSEWHERE = b"\n\x08location\x12"


class OnnxNetwork:
    def __init__(self, directory: Path) -> None:
        """directory: of the export. Raises UserError if it is damaged, or if it has another format version."""
        found, content = export_format.read_with_network(directory)
        self.vocabularies, self.transition_scores, self.origin = found[:3]
        self.temperature = 1.0 if found.calibration is None else found.calibration.temperature
        self.identity = identity_of_export(directory, found)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = environment.prepare(), 1
        # Threads that spin were 5 % faster on two free cores, and 28 % slower where another process used one of them.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Errors only: its warnings are about hardware that is not there.
        options.log_severity_level = 3
        self._path = path = directory / MODEL_NAME
        try:
            if _ELSEWHERE in content:
                raise ExportError(f"{path}: has parts in other files, expected one that is complete")
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except ExportError:
            raise
        # It raises a dozen kinds of exceptions that have no base in common.
        except Exception as error:
            raise ExportError(f"{path}: onnxruntime {onnxruntime.__version__} cannot read it ({error})") from error
        names = [each.name for each in (*self._session.get_inputs(), *self._session.get_outputs())]
        if names != (expected := [*export_format.input_names(self.vocabularies), EMISSION]):
            raise ExportError(f"{path}: its inputs and outputs are {', '.join(names)}, expected {', '.join(expected)}")

    @property
    def examples(self) -> list[str]:
        return self.origin.get("examples") or []

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
        try:
            emission_TBK: np.ndarray = self._session.run([EMISSION], inputs)[0]
        # As above: a network with fewer rows than there are words, for example.
        except Exception as error:
            raise ExportError(f"{self._path}: the network does not take its own vocabularies' ids ({error})") from error
        expected = (*batch.word_TB.shape, len(self.transition_scores.start_K))
        if emission_TBK.shape != expected:
            raise ExportError(f"{self._path}: emissions of shape {emission_TBK.shape}, expected {expected}")
        return emission_TBK
