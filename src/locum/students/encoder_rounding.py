"""Rounds the weights of an ONNX graph to 8 bits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.students.encoder_balance import balance_products

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import ModelProto, NodeProto

    from locum.students.encoder_weights import Weights

__all__ = ["round_weights"]

Floats = NDArray[np.float32]

_MICROSOFT = "com.microsoft"
_MATRIX_LEVELS = 63
_TABLE_LEVELS = 127
_SMALL_TABLE = 16_384


class _Rounded(NamedTuple):
    """Whole numbers, and what one of them stands for."""

    numbers: NDArray[np.int8]
    unit: Floats


def round_weights(
    graph: ModelProto, weights: Weights, examples: Sequence[NDArray[np.int64]] = ()
) -> ModelProto:
    """Return the graph with 8-bit weights, or the graph itself for ``float32``.

    A matrix is rounded by column to whole numbers from -63 to 63: processors without VNNI add up
    two products in 16 bits, which larger ones would overflow. Its input is rounded to 256 levels
    between its least and largest number whenever it is run. Examples make these levels go further
    (see `balance_products`). A table of embeddings is rounded by row, from -127 to 127.

    With float32 second layers, products that take more numbers than they give keep float32. They
    follow the activation function, and their inputs are the hardest to round.

    Args:
        graph: In float32.
        weights: How they are rounded.
        examples: Tokens of some inputs.
    """
    import onnx

    if weights == "float32":
        return graph
    rounded = onnx.ModelProto()
    rounded.CopyFrom(graph)
    if examples:
        balance_products(rounded, _products(rounded, weights), examples)
    _Rounding(rounded, {node.output[0] for node in _products(rounded, weights)}).run()
    return rounded


def _products(model: ModelProto, weights: Weights) -> list[NodeProto]:
    """The products of a variable and a matrix that are to be rounded."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    found = []
    for node in model.graph.node:
        shape = shapes.get(node.input[1]) if node.op_type == "MatMul" else None
        if shape is not None and len(shape) == 2:
            inputs, outputs = shape
            if weights == "int8" or inputs <= outputs:
                found.append(node)
    return found


class _Rounding:
    """Rounds a graph in place."""

    def __init__(self, model: ModelProto, products: set[str]) -> None:
        from onnx import numpy_helper

        self._model, self._graph = model, model.graph
        self._products = products
        self._constants: dict[str, Floats] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        self._uses = Counter(name for node in model.graph.node for name in node.input)
        self._uses.update(output.name for output in model.graph.output)
        self._rounded_inputs: set[str] = set()
        self._done: set[str] = set()

    def run(self) -> None:
        """Replace the products and the tables, then drop what is no longer used."""
        nodes = list(self._graph.node)
        following = {name: node for node in nodes for name in node.input}
        replaced: list[NodeProto] = []
        for node in nodes:
            if node.output[0] in self._done:
                continue
            if node.output[0] in self._products:
                replaced += self._product(node, following[node.output[0]])
            elif self._is_table(node):
                replaced += self._table(node)
            else:
                replaced.append(node)
        del self._graph.node[:]
        self._graph.node.extend(replaced)
        self._drop_unused()
        self._declare_domain()

    def _is_table(self, node: NodeProto) -> bool:
        table = self._constants.get(node.input[0]) if node.op_type == "Gather" else None
        return (
            table is not None
            and table.ndim == 2
            and table.size > _SMALL_TABLE
            and table.dtype == np.float32
            and not any(attribute.name == "axis" and attribute.i for attribute in node.attribute)
        )

    def _product(self, node: NodeProto, following: NodeProto) -> Iterator[NodeProto]:
        """The nodes of a product, and of the bias that is added to it if there is one."""
        from onnx import helper

        source, matrix = node.input
        parts = [f"{source}.{part}" for part in ("rounded", "unit", "zero")]
        if source not in self._rounded_inputs:
            self._rounded_inputs.add(source)
            yield helper.make_node("DynamicQuantizeLinear", [source], parts)
        rounded = _round(self._constants[matrix], axis=0, levels=_MATRIX_LEVELS)
        numbers, unit = self._store(matrix, rounded._replace(unit=rounded.unit[0]))
        bias = self._bias(node, following)
        inputs = [parts[0], numbers, parts[1], unit, parts[2], "", bias]
        output = following.output[0] if bias else node.output[0]
        if bias:
            self._done.add(output)
        yield helper.make_node(
            "MatMulIntegerToFloat", inputs, [output], name=f"{output}.product", domain=_MICROSOFT
        )

    def _bias(self, node: NodeProto, following: NodeProto) -> str:
        if following.op_type != "Add" or self._uses[node.output[0]] != 1:
            return ""
        (other,) = (name for name in following.input if name != node.output[0])
        held = self._constants.get(other)
        return other if held is not None and held.ndim == 1 else ""

    def _table(self, node: NodeProto) -> Iterator[NodeProto]:
        """The nodes that look rows up, and multiply each with its unit."""
        from onnx import TensorProto, helper

        table, indices = node.input
        output = node.output[0]
        rounded = _round(self._constants[table], axis=1, levels=_TABLE_LEVELS)
        numbers, unit = self._store(table, rounded)
        yield helper.make_node("Gather", [numbers, indices], [f"{output}.numbers"])
        yield helper.make_node("Gather", [unit, indices], [f"{output}.unit"])
        yield helper.make_node(
            "Cast", [f"{output}.numbers"], [f"{output}.float"], to=TensorProto.FLOAT
        )
        yield helper.make_node("Mul", [f"{output}.float", f"{output}.unit"], [output])

    def _store(self, name: str, rounded: _Rounded) -> tuple[str, str]:
        """Names of the whole numbers and of their units, stored once."""
        from onnx import numpy_helper

        names = (f"{name}.numbers", f"{name}.unit")
        if name not in self._done:
            self._done.add(name)
            for stored, array in zip(names, rounded, strict=True):
                self._graph.initializer.append(
                    numpy_helper.from_array(np.ascontiguousarray(array), stored)
                )
        return names

    def _drop_unused(self) -> None:
        used = {name for node in self._graph.node for name in node.input}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)
        del self._graph.value_info[:]

    def _declare_domain(self) -> None:
        from onnx import helper

        if all(imported.domain != _MICROSOFT for imported in self._model.opset_import):
            self._model.opset_import.append(helper.make_opsetid(_MICROSOFT, 1))


def _round(array: Floats, axis: int, levels: int) -> _Rounded:
    unit = np.abs(array).max(axis=axis, keepdims=True) / np.float32(levels)
    unit[unit == 0] = 1
    return _Rounded(np.rint(array / unit).astype(np.int8), unit)
