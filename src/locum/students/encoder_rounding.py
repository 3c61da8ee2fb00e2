"""Rounds the weights of an ONNX graph to 8 bits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import ModelProto, NodeProto

__all__ = ["WEIGHTS", "Weights", "round_weights"]

Weights = Literal["int8", "int8 with float32 second layers", "float32"]
WEIGHTS: tuple[Weights, ...] = ("int8", "int8 with float32 second layers", "float32")

Floats = NDArray[np.float32]

_MICROSOFT = "com.microsoft"
_MATRIX_LEVELS = 63
_TABLE_LEVELS = 127
_SMALL_TABLE = 16_384


class _Rounded(NamedTuple):
    """Whole numbers, and what one of them stands for."""

    numbers: NDArray[np.int8]
    unit: Floats


def round_weights(graph: ModelProto, weights: Weights) -> ModelProto:
    """Return the graph with 8-bit weights, or the graph itself for ``float32``.

    A matrix is rounded by column to whole numbers from -63 to 63: processors without VNNI add up
    two products in 16 bits, which larger ones would overflow. Its input is rounded to 256 levels
    between its least and largest number whenever it is run. A table of embeddings is rounded by
    row, from -127 to 127.

    With float32 second layers, products that take more numbers than they give keep float32. They
    follow the activation function, and their inputs are the hardest to round.
    """
    import onnx

    if weights == "float32":
        return graph
    rounded = onnx.ModelProto()
    rounded.CopyFrom(graph)
    _Rounding(rounded, keep_narrowing=weights != "int8").run()
    return rounded


class _Rounding:
    """Rounds a graph in place."""

    def __init__(self, model: ModelProto, *, keep_narrowing: bool) -> None:
        from onnx import numpy_helper

        self._model, self._graph = model, model.graph
        self._keep_narrowing = keep_narrowing
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
            if self._is_product(node):
                replaced += self._product(node, following[node.output[0]])
            elif self._is_table(node):
                replaced += self._table(node)
            else:
                replaced.append(node)
        del self._graph.node[:]
        self._graph.node.extend(replaced)
        self._drop_unused()
        self._declare_domain()

    def _is_product(self, node: NodeProto) -> bool:
        if node.op_type != "MatMul" or node.input[1] not in self._constants:
            return False
        inputs, outputs = (*self._constants[node.input[1]].shape, 0, 0)[:2]
        kept = self._keep_narrowing and inputs > outputs
        return self._constants[node.input[1]].ndim == 2 and not kept

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
            "MatMulIntegerToFloat", inputs, [output], name=f"{matrix}.product", domain=_MICROSOFT
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
