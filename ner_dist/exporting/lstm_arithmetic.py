"""A network whose LSTM multiplies in 8 bits: faster, and only for onnxruntime, whose own operator it needs.

The operator finds the range of its inputs anew in each batch, so how a text is rounded depends on those beside it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic


def to_8_bit_arithmetic(path: Path) -> None:
    """Replace a network's file by one in which each LSTM is a DynamicQuantizeLSTM, with a scale for each output."""
    full = path.with_name(f"{path.name}.full")
    path.rename(full)
    # It advises to simplify the network before, which there is nothing to gain from.
    logging.disable(logging.WARNING)
    try:
        quantize_dynamic(full, path, op_types_to_quantize=["LSTM"], per_channel=True, weight_type=QuantType.QInt8)
    finally:
        logging.disable(logging.NOTSET)
    full.unlink()
