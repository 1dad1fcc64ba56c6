"""A tagger's parameters -> the ONNX graph of its network, from ids to emissions; no MXNet here.

Axes: T tokens, B sentences, N distinct forms, C characters of the longest with padding on both sides, S windows around
them, K tags, V words or characters, D units of one, F filters, X units of whatever a layer yields, H units of an LSTM's
direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ner_dist.contract.shard_format import PAD_ID
from ner_dist.prediction.export_format import CHAR, EMISSION, FORM, LENGTH, WORD, ExportError, array, input_names
from ner_dist.prediction.vocabularies import Vocabularies

# What runtimes of 2023 and later read, onnxruntime 1.16 among them.
_OPSET, _IR_VERSION = 17, 8
# A file of ONNX is one message of Protocol Buffers, of less than 2 GiB; some of it is for the nodes.
MOST_BYTES = (1 << 31) - (1 << 20)
# MXNet's gates come in the order input, forget, cell, output; ONNX has input, output, forget, cell.
_GATES = [0, 3, 1, 2]
# What filters see at padding: less than anywhere else.
_NOTHING = np.float32(-1e30)

Parameters = Mapping[str, np.ndarray]


class _Graph:
    """Nodes and constants as they are added; each bears the name of the value that it yields."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._num_bytes = 0

    def constant(self, name: str, values: np.ndarray) -> str:
        self._num_bytes += values.nbytes
        if self._num_bytes > MOST_BYTES:
            raise ExportError(
                f"the network has more than {self._num_bytes / 1e6:,.0f} MB, of which a file of ONNX holds "
                f"{MOST_BYTES / 1e6:,.0f}; train with fewer words (data_prep build --vector-words corpus)"
            )
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, name: str, operator: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name


def network(parameters: Parameters, word_VD: np.ndarray, vocabularies: Vocabularies) -> onnx.ModelProto:
    """The whole network, checked. Raises ExportError if it is too large for a file of ONNX.

    parameters: by structural name (Checkpoint.parameters); word_VD: the embeddings of all words.
    """
    graph = _Graph()
    parts_TBX = [graph.node("word_units", "Gather", graph.constant("word_table", word_VD), WORD)]
    if "char_cnn.weight" in parameters:
        spelling_NF = _forms(graph, parameters, np.asarray(vocabularies.character_types))
        parts_TBX.append(graph.node("form_units", "Gather", spelling_NF, FORM))
    for name in (feature.name for feature in vocabularies.features):
        table_VD = graph.constant(f"{name}_table", parameters[f"feature_{name}.weight"])
        parts_TBX.append(graph.node(f"{name}_units", "Gather", table_VD, name))
    x_TBX = graph.node("layer_0", "Concat", *parts_TBX, axis=2)
    for layer in range(sum(name.endswith(".forward_lstm") for name in parameters)):
        x_TBX = _bilstm(graph, parameters, layer, x_TBX)
    weight_XK = graph.constant("emission_weight", parameters["emission.weight"].T)
    product_TBK = graph.node("emission_product", "MatMul", x_TBX, weight_XK)
    graph.node(EMISSION, "Add", product_TBK, graph.constant("emission_bias", parameters["emission.bias"]))
    return _model(graph, input_names(vocabularies), len(parameters["emission.bias"]))


def _forms(graph: _Graph, parameters: Parameters, type_V: np.ndarray) -> str:
    """The character CNN, what each filter sees most in each form: (N, F).

    What a character adds to a window depends on the character and its place there alone. So the convolution is a sum
    of rows of small tables, one a place, of the products of embeddings and filters; see char_cnn.py.
    """
    units_VD = parameters["char_cnn.char.weight"]
    if "char_cnn.char_type.weight" in parameters:
        units_VD = np.concatenate((units_VD, parameters["char_cnn.char_type.weight"][type_V]), 1)
    filter_FDW = parameters["char_cnn.weight"]
    width = filter_FDW.shape[2]
    axis = graph.constant("char_axis", np.array([1]))
    seen_NSF = ""
    for place in range(width):
        added_VF = units_VD @ filter_FDW[:, :, place].T
        if place == width // 2:
            # What is around padding is no window, and never the maximum.
            added_VF[PAD_ID] = _NOTHING
        table_VF = graph.constant(f"char_table_{place}", added_VF)
        # The characters at this place of the windows: but for so many columns at the beginning and at the end.
        first = graph.constant(f"char_first_{place}", np.array([place]))
        end = graph.constant(f"char_end_{place}", np.array([place + 1 - width or np.iinfo(np.int64).max]))
        char_NS = graph.node(f"char_{place}", "Slice", CHAR, first, end, axis)
        added_NSF = graph.node(f"char_added_{place}", "Gather", table_VF, char_NS)
        seen_NSF = graph.node(f"char_seen_{place}", "Add", seen_NSF, added_NSF) if seen_NSF else added_NSF
    maximum_NF = graph.node("char_maximum", "ReduceMax", seen_NSF, axes=[1], keepdims=0)
    return graph.node("forms", "Add", maximum_NF, graph.constant("char_bias", parameters["char_cnn.bias"]))


def _bilstm(graph: _Graph, parameters: Parameters, layer: int, x_TBX: str) -> str:
    """A bidirectional layer, blind to padding: (T, B, X) -> (T, B, 2H)."""
    # Emissions are made of both directions of the last layer, and all layers have as many units.
    units = parameters["emission.weight"].shape[1] // 2
    directions = [_matrices(parameters[f"lstm.{layer}.{name}_lstm"], units) for name in ("forward", "backward")]
    names = [
        graph.constant(f"lstm_{layer}_{name}", np.stack(arrays))
        for name, arrays in zip(("input_weight", "recurrent_weight", "bias"), zip(*directions))
    ]
    y_T2BH = graph.node(f"lstm_{layer}", "LSTM", x_TBX, *names, LENGTH, hidden_size=units, direction="bidirectional")
    y_TB2H = graph.node(f"lstm_{layer}_by_token", "Transpose", y_T2BH, perm=[0, 2, 1, 3])
    shape = graph.constant(f"lstm_{layer}_shape", np.array([0, 0, 2 * units]))
    return graph.node(f"layer_{layer + 1}", "Reshape", y_TB2H, shape)


def _matrices(vector: np.ndarray, units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One direction's parameters (layers.BiLSTM) as ONNX has them: input (4H, X), recurrent (4H, H), bias (8H)."""
    rows = 4 * units
    columns = len(vector) // rows - units - 2, units, 1, 1
    parts = np.split(vector, rows * np.cumsum(columns)[:-1])
    in_order = [part.reshape(4, units, -1)[_GATES].reshape(rows, -1) for part in parts]
    return in_order[0], in_order[1], np.concatenate(in_order[2:]).ravel()


def _model(graph: _Graph, inputs: list[str], num_tags: int) -> onnx.ModelProto:
    types = {"int64": TensorProto.INT64, "int32": TensorProto.INT32, "float32": TensorProto.FLOAT}

    def info(name: str) -> onnx.ValueInfoProto:
        axes = [num_tags if axis == "K" else axis for axis in array(name).axes]
        return helper.make_tensor_value_info(name, types[array(name).type], axes)

    made = helper.make_graph(graph.nodes, "tagger", list(map(info, inputs)), [info(EMISSION)], graph.constants)
    opset = helper.make_opsetid("", _OPSET)
    model = helper.make_model(made, ir_version=_IR_VERSION, opset_imports=[opset], producer_name="ner_dist")
    onnx.checker.check_model(model, full_check=True)
    return model
