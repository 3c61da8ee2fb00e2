"""Makes the inputs of matrix products easier to round: weights take over large channels."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from locum.students.encoder_session import INPUT
from locum.students.encoder_source import import_encoder_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto, NodeProto

__all__ = ["balance_products"]

Floats = NDArray[np.float32]

_SHARE = 0.75
_LEAST = 1e-5


def balance_products(
    graph: ModelProto, products: Sequence[NodeProto], examples: Sequence[NDArray[np.int64]]
) -> None:
    """Divide the inputs of matrix products by channel, and multiply the weights to match.

    SmoothQuant (Xiao et al. 2023): a few channels of an encoder's activations are ten times as
    large as the others, and would use up most of the 256 levels that all channels share. The
    divisor of channel ``j`` is ``max |x_j|^0.75 / max |W_j|^0.25``, over the examples and over the
    matrices that share the input. What the graph computes stays the same but for rounding.

    Args:
        graph: In float32; changed in place.
        products: Those of its ``MatMul`` nodes of which input and matrix will be rounded.
        examples: Tokens of some inputs.
    """
    from onnx import helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    uses = Counter(name for node in graph.graph.node for name in node.input)
    sharing: dict[str, list[str]] = defaultdict(list)
    for node in products:
        if uses[node.input[1]] == 1:
            sharing[node.input[0]].append(node.input[1])
    if not sharing:
        return
    ranges = _measure_ranges(graph, list(sharing), examples)
    divisors: dict[str, NodeProto] = {}
    for source, names in sharing.items():
        matrices = [numpy_helper.to_array(tensors[name]) for name in names]
        divisor = _divisor(ranges[source], matrices)
        for name, matrix in zip(names, matrices, strict=True):
            scaled = np.ascontiguousarray(matrix * divisor[:, None])
            tensors[name].CopyFrom(numpy_helper.from_array(scaled, name))
        factor = numpy_helper.from_array(1 / divisor, f"{source}.factor")
        graph.graph.initializer.append(factor)
        divisors[source] = helper.make_node("Mul", [source, factor.name], [f"{source}.balanced"])
    _insert(graph, divisors, {name for names in sharing.values() for name in names})


def _measure_ranges(
    graph: ModelProto, sources: Sequence[str], examples: Sequence[NDArray[np.int64]]
) -> dict[str, Floats]:
    """Largest absolute value of each channel of some values within the graph."""
    import onnx
    from onnx import helper

    onnxruntime = import_encoder_extra("onnxruntime")
    open_graph = onnx.ModelProto()
    open_graph.CopyFrom(graph)
    open_graph.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in sources)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        open_graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    ranges: dict[str, Floats] = {}
    for example in examples:
        for name, value in zip(sources, session.run(sources, {INPUT: example[None]}), strict=True):
            largest = np.abs(value).reshape(-1, value.shape[-1]).max(axis=0)
            ranges[name] = np.maximum(ranges.get(name, largest), largest)
    return ranges


def _divisor(largest: Floats, matrices: Sequence[Floats]) -> Floats:
    weights = np.max([np.abs(matrix).max(axis=1) for matrix in matrices], axis=0)
    logarithms = _SHARE * np.log(np.maximum(largest, _LEAST))
    logarithms -= (1 - _SHARE) * np.log(np.maximum(weights, _LEAST))
    divisor: Floats = np.exp(logarithms - logarithms.mean()).astype(np.float32)
    return divisor


def _insert(graph: ModelProto, divisors: dict[str, NodeProto], matrices: set[str]) -> None:
    """Let products take their divided input, each after the node that divides it."""
    nodes: list[NodeProto] = []
    divided: set[str] = set()
    for node in graph.graph.node:
        if node.op_type == "MatMul" and node.input[1] in matrices:
            source = node.input[0]
            if source not in divided:
                divided.add(source)
                nodes.append(divisors[source])
            node.input[0] = f"{source}.balanced"
        nodes.append(node)
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
