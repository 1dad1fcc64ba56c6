"""A tagger's parameters -> the ONNX graph of its network, from ids to emissions; no MXNet here.

Axes: T tokens, B sentences, N distinct spellings, C characters of the longest with padding on both sides, S positions
of a filter on them, K tags, V words or characters, D units of one, F filters, X units of a layer's output, H units of
one direction of an LSTM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ner_dist.contract.shard_format import PAD_ID
from ner_dist.contract.vocabularies import Vocabularies
from ner_dist.prediction import export_format
from ner_dist.prediction.export_format import CHAR, EMISSION, LENGTH, SPELLING, WORD, ExportError

# Runtimes from 2023 on can read these versions, such as onnxruntime 1.16.
_OPSET, _IR_VERSION = 17, 8
# An ONNX file is one Protocol Buffers message of less than 2 GiB; the last MiB is for the nodes.
MAX_BYTES = (1 << 31) - (1 << 20)
# MXNet orders gates as input, forget, cell, output; ONNX as input, output, forget, cell.
_GATES = [0, 3, 1, 2]
# A filter's output at padding: less than anywhere else.
_AT_PADDING = np.float32(-1e30)

Parameters = Mapping[str, np.ndarray]


# Of an LSTM whose arithmetic is in 8 bits, too; see lstm_arithmetic.py.
ARITHMETIC = "int8 arithmetic"


class Storage(NamedTuple):
    """How the numbers of a part are stored: float32, float16, or int8 with a scale for each row."""

    # The embeddings of words; the rows are words.
    words: str = "float32"
    # The LSTM's matrices, not their biases; the rows are the outputs of a gate. Or ARITHMETIC.
    lstm: str = "float32"


FULL = Storage()


class _Graph:
    """Collects nodes and constants; each is named after the value that it gives."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._num_bytes = 0

    def constant(self, name: str, values: np.ndarray) -> str:
        self._num_bytes += values.nbytes
        if self._num_bytes > MAX_BYTES:
            raise ExportError(
                f"the network has more than {self._num_bytes / 1e6:,.0f} MB, and an ONNX file holds at most "
                f"{MAX_BYTES / 1e6:,.0f}; train with fewer words (data_prep build --vector-words corpus)"
            )
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, name: str, operator: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name


def network(
    parameters: Parameters, word_VD: np.ndarray, vocabularies: Vocabularies, storage: Storage = FULL
) -> onnx.ModelProto:
    """The whole network, checked. Raises ExportError if it is too large for an ONNX file.

    parameters: by structural name (Checkpoint.parameters); word_VD: the embeddings of all words.
    """
    graph = _Graph()
    parts_TBX = [_words(graph, word_VD, storage.words)]
    if "char_cnn.weight" in parameters:
        spelling_NF = _char_cnn(graph, parameters, np.asarray(vocabularies.character_types))
        parts_TBX.append(graph.node("form_units", "Gather", spelling_NF, SPELLING))
    for name in (feature.name for feature in vocabularies.features):
        table_VD = graph.constant(f"{name}_table", parameters[f"feature_{name}.weight"])
        parts_TBX.append(graph.node(f"{name}_units", "Gather", table_VD, name))
    x_TBX = graph.node("layer_0", "Concat", *parts_TBX, axis=2)
    for layer in range(sum(name.endswith(".forward_lstm") for name in parameters)):
        x_TBX = _bilstm(graph, parameters, layer, x_TBX, storage.lstm)
    weight_XK = graph.constant("emission_weight", parameters["emission.weight"].T)
    product_TBK = graph.node("emission_product", "MatMul", x_TBX, weight_XK)
    graph.node(EMISSION, "Add", product_TBK, graph.constant("emission_bias", parameters["emission.bias"]))
    return _model(graph, export_format.input_names(vocabularies), len(parameters["emission.bias"]))


def _words(graph: _Graph, word_VD: np.ndarray, storage: str) -> str:
    """The embeddings of the words, (T, B, D) in float32: only the rows that are looked up are converted."""
    if storage == "float32":
        return graph.node("word_units", "Gather", graph.constant("word_table", word_VD), WORD)
    if storage == "float16":
        rows_TBD = graph.node("word_rows", "Gather", graph.constant("word_table", word_VD.astype(np.float16)), WORD)
        return graph.node("word_units", "Cast", rows_TBD, to=TensorProto.FLOAT)
    table_VD, scale_V1 = _in_8_bits(word_VD)
    rows_TBD = graph.node("word_rows", "Gather", graph.constant("word_table", table_VD), WORD)
    numbers_TBD = graph.node("word_numbers", "Cast", rows_TBD, to=TensorProto.FLOAT)
    scales_TB1 = graph.node("word_scales", "Gather", graph.constant("word_scale", scale_V1), WORD)
    return graph.node("word_units", "Mul", numbers_TBD, scales_TB1)


def _in_8_bits(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the last axis as int8, and their scales: values = int8 * scale, with an error of half a scale at most."""
    scale = np.abs(values).max(-1, keepdims=True).astype(np.float32) / 127
    # Rows of zeros, such as that of padding.
    scale[scale == 0] = 1
    return np.rint(values / scale).astype(np.int8), scale


def _char_cnn(graph: _Graph, parameters: Parameters, type_V: np.ndarray) -> str:
    """The character CNN: the maximum of each filter over each spelling, (N, F).

    What a character adds to a filter's output depends only on the character and its position under the filter. So the
    convolution is a sum of look-ups in small tables, one per position: embeddings times that column of the filters; see
    char_cnn.py.
    """
    units_VD = parameters["char_cnn.char.weight"]
    if "char_cnn.char_type.weight" in parameters:
        units_VD = np.concatenate((units_VD, parameters["char_cnn.char_type.weight"][type_V]), 1)
    filter_FDW = parameters["char_cnn.weight"]
    width = filter_FDW.shape[2]
    axis = graph.constant("char_axis", np.array([1]))
    sum_NSF = ""
    for place in range(width):
        added_VF = units_VD @ filter_FDW[:, :, place].T
        if place == width // 2:
            # Positions centred on padding must never be the maximum.
            added_VF[PAD_ID] = _AT_PADDING
        table_VF = graph.constant(f"char_table_{place}", added_VF)
        # The characters at this position under the filter, as it moves along.
        first = graph.constant(f"char_first_{place}", np.array([place]))
        end = graph.constant(f"char_end_{place}", np.array([place + 1 - width or np.iinfo(np.int64).max]))
        char_NS = graph.node(f"char_{place}", "Slice", CHAR, first, end, axis)
        added_NSF = graph.node(f"char_added_{place}", "Gather", table_VF, char_NS)
        sum_NSF = graph.node(f"char_seen_{place}", "Add", sum_NSF, added_NSF) if sum_NSF else added_NSF
    maximum_NF = graph.node("char_maximum", "ReduceMax", sum_NSF, axes=[1], keepdims=0)
    return graph.node("forms", "Add", maximum_NF, graph.constant("char_bias", parameters["char_cnn.bias"]))


def _bilstm(graph: _Graph, parameters: Parameters, layer: int, x_TBX: str, storage: str) -> str:
    """A bidirectional layer that ignores padding: (T, B, X) -> (T, B, 2H)."""
    # Emissions are computed from both directions of the last layer, and all layers have the same size.
    units = parameters["emission.weight"].shape[1] // 2
    directions = [_matrices(parameters[f"lstm.{layer}.{name}_lstm"], units) for name in ("forward", "backward")]
    *matrices, bias = (np.stack(arrays) for arrays in zip(*directions))
    names = [
        *(
            _matrix(graph, f"lstm_{layer}_{name}", values, storage)
            for name, values in zip(("input_weight", "recurrent_weight"), matrices)
        ),
        graph.constant(f"lstm_{layer}_bias", bias),
    ]
    y_T2BH = graph.node(f"lstm_{layer}", "LSTM", x_TBX, *names, LENGTH, hidden_size=units, direction="bidirectional")
    y_TB2H = graph.node(f"lstm_{layer}_by_token", "Transpose", y_T2BH, perm=[0, 2, 1, 3])
    shape = graph.constant(f"lstm_{layer}_shape", np.array([0, 0, 2 * units]))
    return graph.node(f"layer_{layer + 1}", "Reshape", y_TB2H, shape)


def _matrix(graph: _Graph, name: str, values: np.ndarray, storage: str) -> str:
    """A constant in float32. If it is stored in 8 bits, a runtime converts it once, when it loads the network."""
    if storage != "int8":
        return graph.constant(name, values)
    numbers, scale = _in_8_bits(values)
    stored = graph.node(f"{name}_numbers", "Cast", graph.constant(f"{name}_int8", numbers), to=TensorProto.FLOAT)
    return graph.node(name, "Mul", stored, graph.constant(f"{name}_scale", scale))


def _matrices(vector: np.ndarray, units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One direction's parameters (layers.BiLSTM) in ONNX's layout: input (4H, X), recurrent (4H, H), bias (8H)."""
    rows = 4 * units
    columns = len(vector) // rows - units - 2, units, 1, 1
    parts = np.split(vector, rows * np.cumsum(columns)[:-1])
    in_order = [part.reshape(4, units, -1)[_GATES].reshape(rows, -1) for part in parts]
    return in_order[0], in_order[1], np.concatenate(in_order[2:]).ravel()


def _model(graph: _Graph, inputs: list[str], num_tags: int) -> onnx.ModelProto:
    types = {"int64": TensorProto.INT64, "int32": TensorProto.INT32, "float32": TensorProto.FLOAT}

    def info(name: str) -> onnx.ValueInfoProto:
        spec = export_format.tensor_spec(name)
        axes = [num_tags if axis == "K" else axis for axis in spec.axes]
        return helper.make_tensor_value_info(name, types[spec.type], axes)

    made = helper.make_graph(graph.nodes, "tagger", list(map(info, inputs)), [info(EMISSION)], graph.constants)
    opset = helper.make_opsetid("", _OPSET)
    model = helper.make_model(made, ir_version=_IR_VERSION, opset_imports=[opset], producer_name="ner_dist")
    onnx.checker.check_model(model, full_check=True)
    return model
