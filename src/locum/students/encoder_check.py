"""Checks an ONNX file before anything else reads it, with no package but Python.

The file is a protocol buffer: fields of a number, a wire type and a value (Protocol Buffers
encoding; onnx.proto names the fields). Weights are passed over, so that a check takes milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_graph"]

_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
_MICROSOFT_OPERATORS = frozenset(
    {
        "BiasGelu",
        "DynamicQuantizeMatMul",
        "FastGelu",
        "FusedGemm",
        "FusedMatMul",
        "Gelu",
        "MatMulIntegerToFloat",
        "QuickGelu",
        "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization",
    }
)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL_GRAPH, _MODEL_OPSET, _MODEL_FUNCTIONS = 7, 8, 25
_OPSET_DOMAIN = 1
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPHS = 5, {6, 10, 11, 22, 23}
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_MOST_NODES = 100_000


class _Field(NamedTuple):
    """One field of a message: its value is a number, or the bytes between two places."""

    number: int
    value: int
    content: memoryview


def check_graph(content: bytes) -> None:
    """Refuse a graph that is no encoder's.

    It may use ONNX's own operators and those of com.microsoft that encoders are made of. It may
    hold no graph within a graph, no functions, and no tensors that lie in other files.

    Raises:
        ArtefactError: It does, or is no ONNX file.
    """
    try:
        _check_model(memoryview(content))
    except (IndexError, UnicodeDecodeError) as error:
        raise ArtefactError(f"the graph is no ONNX file: {error}") from None


def _check_model(model: memoryview) -> None:
    graphs = 0
    for field in _fields(model):
        if field.number == _MODEL_FUNCTIONS:
            raise ArtefactError("the graph holds functions, which no encoder needs")
        if field.number == _MODEL_OPSET:
            for entry in _fields(field.content):
                if entry.number == _OPSET_DOMAIN:
                    _check_domain(_text(entry))
        if field.number == _MODEL_GRAPH:
            graphs += 1
            _check_fields(field.content)
    if graphs != 1:
        raise ArtefactError(f"the graph is no ONNX file: it holds {graphs} graphs, expected one")


def _check_fields(graph: memoryview) -> None:
    nodes = 0
    for field in _fields(graph):
        if field.number == _GRAPH_NODE:
            nodes += 1
            _check_node(field.content)
        elif field.number == _GRAPH_INITIALIZER:
            _check_tensor(field.content)
        elif field.number == _GRAPH_SPARSE:
            raise ArtefactError("the graph holds sparse tensors, which no encoder needs")
        if nodes > _MOST_NODES:
            raise ArtefactError(f"the graph holds more than {_MOST_NODES:,} operators")


def _check_node(node: memoryview) -> None:
    operator, domain = "", ""
    for field in _fields(node):
        if field.number == _NODE_OPERATOR:
            operator = _text(field)
        elif field.number == _NODE_DOMAIN:
            domain = _text(field)
        elif field.number == _NODE_ATTRIBUTE:
            _check_attribute(field.content)
    _check_domain(domain)
    if domain == "com.microsoft" and operator not in _MICROSOFT_OPERATORS:
        raise ArtefactError(f"the graph uses the operator {operator!r}, which no encoder needs")


def _check_attribute(attribute: memoryview) -> None:
    for field in _fields(attribute):
        if field.number in _ATTRIBUTE_GRAPHS:
            raise ArtefactError("the graph holds a graph within it, which no encoder needs")
        if field.number == _ATTRIBUTE_TENSOR:
            _check_tensor(field.content)


def _check_tensor(tensor: memoryview) -> None:
    for field in _fields(tensor):
        if field.number == _TENSOR_EXTERNAL or (field.number == _TENSOR_LOCATION and field.value):
            raise ArtefactError("the graph holds a tensor that lies in another file")


def _check_domain(domain: str) -> None:
    if domain not in _DOMAINS:
        raise ArtefactError(
            f"the graph uses operators of {domain!r}, expected those of ONNX and com.microsoft"
        )


def _text(field: _Field) -> str:
    return bytes(field.content).decode()


def _fields(message: memoryview) -> Iterator[_Field]:
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        wire = key & 7
        value, end = 0, place
        if wire == _VARINT:
            value, end = _varint(message, place)
        elif wire == _BYTES:
            length, place = _varint(message, place)
            end = place + length
        elif wire in {_FIXED32, _FIXED64}:
            end = place + (4 if wire == _FIXED32 else 8)
        else:
            raise IndexError(f"a field of wire type {wire}")
        if end > len(message):
            raise IndexError("a field ends after its message")
        yield _Field(key >> 3, value, message[place:end])
        place = end


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise IndexError("a number of more than ten bytes")
