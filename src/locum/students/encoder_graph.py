"""An encoder as an ONNX graph: exported once, given weights, rounded to 8 bits, given a head."""

from __future__ import annotations

import logging
import tempfile
import warnings
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.students.encoder_check import check_graph
from locum.students.encoder_pooling import pooled
from locum.students.encoder_rounding import round_weights
from locum.students.encoder_session import EMBEDDING, INPUT, LOGITS
from locum.students.encoder_source import import_encoder_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from onnx import ModelProto, TensorProto
    from torch import Tensor
    from transformers import PreTrainedModel

    from locum.students.encoder_source import Pooling
    from locum.students.encoder_weights import Weights

__all__ = [
    "STATES",
    "Product",
    "add_head",
    "add_outputs",
    "compile_graph",
    "export_graph",
    "export_states",
    "replace_head",
    "replace_weights",
]

STATES = "states"

_OPSET = 20
_EXAMPLE_TOKENS = 9
_PREFIX = "encoder."
_HEAD = ("head.weights", "head.intercept")
_LOGGERS = ("torch.fx", "torch.onnx", "onnxscript", "root")
_STRUCTURES: dict[str, bytes] = {}
# Two steps are faster apart: onnxruntime's joint kernel takes three times as long as its
# normalisation alone.
_SLOW_FUSIONS = ["SkipLayerNormFusion"]


class Product(NamedTuple):
    """An affine map of an output of a graph.

    Args:
        source: Name of that output, ``[..., d]``.
        weights: ``[d, C]``.
        intercept: ``[C]``.
    """

    source: str
    weights: NDArray[np.float32]
    intercept: NDArray[np.float32]


def export_graph(model: PreTrainedModel, pooling: Pooling, most_tokens: int) -> ModelProto:
    """Return the graph from the tokens of one input, ``[1, T]``, to what `pooled` makes of it.

    It takes one input at a time, so it needs no mask.
    """
    return _exported(
        model, lambda ids: pooled(model, pooling, ids, None), [EMBEDDING], pooling, most_tokens
    )


def export_states(model: PreTrainedModel, most_tokens: int) -> ModelProto:
    """Return the graph from the tokens of one input to its last hidden states, ``[1, T, d]``.

    Their mean is its second output, ``[1, d]``. It takes one input at a time, so it needs no mask.
    """

    def states_and_mean(ids: Tensor) -> tuple[Tensor, Tensor]:
        states: Tensor = model(input_ids=ids, attention_mask=None).last_hidden_state
        return states, states.mean(dim=1)

    return _exported(model, states_and_mean, [STATES, EMBEDDING], "states", most_tokens)


def _exported(
    model: PreTrainedModel,
    compute: Callable[[Tensor], Tensor | tuple[Tensor, ...]],
    outputs: list[str],
    kind: str,
    most_tokens: int,
) -> ModelProto:
    """Export what is computed with a model; encoders that differ in weights alone are done once.

    Exporting takes seconds.
    """
    import onnx

    settings = [type(model).__name__, kind, str(most_tokens), model.config.to_json_string()]
    key = "\n".join(settings)
    if key not in _STRUCTURES:
        exported = _export(model, compute, outputs, most_tokens)
        for tensor in exported.graph.initializer:
            if _parameter(tensor) in dict(model.named_parameters()):
                tensor.ClearField("raw_data")
        _STRUCTURES[key] = exported.SerializeToString()
    graph = onnx.ModelProto()
    graph.ParseFromString(_STRUCTURES[key])
    replace_weights(graph, {name: p.detach().numpy() for name, p in model.named_parameters()})
    return graph


def _export(
    model: PreTrainedModel,
    compute: Callable[[Tensor], Tensor | tuple[Tensor, ...]],
    outputs: list[str],
    most_tokens: int,
) -> ModelProto:
    import torch

    class _Computation(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = model

        def forward(self, ids: Tensor) -> Tensor | tuple[Tensor, ...]:
            return compute(ids)

    example = torch.ones((1, min(_EXAMPLE_TOKENS, most_tokens)), dtype=torch.int64)
    tokens = torch.export.Dim("tokens", min=1, max=most_tokens)
    module = _Computation()
    module.train(mode=False)
    with _quiet(), torch.no_grad():
        exported = torch.onnx.export(
            module,
            (example,),
            input_names=[INPUT],
            output_names=outputs,
            dynamic_shapes=({1: tokens},),
            opset_version=_OPSET,
            dynamo=True,
            optimize=False,
            verbose=False,
        )
    assert exported is not None
    graph: ModelProto = exported.model_proto
    return graph


def replace_weights(graph: ModelProto, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Give the graph other weights of the model that it was exported from, by the model's names."""
    from onnx import numpy_helper

    for tensor in graph.graph.initializer:
        if _parameter(tensor) in weights:
            tensor.CopyFrom(numpy_helper.from_array(weights[_parameter(tensor)], tensor.name))


def _parameter(tensor: TensorProto) -> str:
    """The model's name of the weights that a tensor holds."""
    name: str = tensor.name.removeprefix(_PREFIX)
    return name


def compile_graph(
    graph: ModelProto,
    weights: Weights = "int8",
    examples: Sequence[NDArray[np.int64]] = (),
) -> ModelProto:
    """Return the graph with rounded weights and fused operators, ready to be run as it is.

    Args:
        graph: As exported.
        weights: How they are rounded; see `round_weights`.
        examples: Tokens of some inputs, which tell how to round.

    Raises:
        ArtefactError: It uses what could not be loaded again (see `check_graph`).
    """
    import onnx

    with tempfile.TemporaryDirectory(prefix="locum-") as scratch:
        folder = Path(scratch)
        onnx.save(graph, folder / "exported.onnx")
        _optimise(folder / "exported.onnx", folder / "folded.onnx", "ORT_ENABLE_BASIC")
        rounded = round_weights(onnx.load(folder / "folded.onnx"), weights, examples)
        onnx.save(rounded, folder / "rounded.onnx")
        _optimise(folder / "rounded.onnx", folder / "fused.onnx", "ORT_ENABLE_EXTENDED")
        fused = onnx.load(folder / "fused.onnx")
    # onnxruntime names all domains that it knows.
    used = {node.domain for node in fused.graph.node}
    imported = [entry for entry in fused.opset_import if entry.domain in used]
    del fused.opset_import[:]
    fused.opset_import.extend(imported)
    check_graph(fused.SerializeToString())
    return fused


def _optimise(source: Path, target: Path, level: str) -> None:
    onnxruntime = import_encoder_extra("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(target)
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    onnxruntime.InferenceSession(
        str(source),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=_SLOW_FUSIONS,
    )


def add_head(
    graph: ModelProto, weights: NDArray[np.float32], intercept: NDArray[np.float32]
) -> bytes:
    """Return the graph with logits ``[1, C]`` as its first output, in float32.

    Args:
        graph: Its one output is an embedding ``[1, d]``.
        weights: ``[d, C]``.
        intercept: ``[C]``.
    """
    import onnx
    from onnx import helper

    whole = onnx.ModelProto()
    whole.CopyFrom(graph)
    whole.graph.initializer.extend(_head_tensors(weights, intercept))
    whole.graph.node.append(helper.make_node("Gemm", [EMBEDDING, *_HEAD], [LOGITS], name="head"))
    shape = [1, len(intercept)]
    logits = helper.make_tensor_value_info(LOGITS, onnx.TensorProto.FLOAT, shape)
    whole.graph.output.insert(0, logits)
    del whole.metadata_props[:]
    content: bytes = whole.SerializeToString(deterministic=True)
    return content


def replace_head(
    content: bytes, weights: NDArray[np.float32], intercept: NDArray[np.float32]
) -> bytes:
    """Return what `add_head` returned, with another head of the same size."""
    import onnx

    whole = onnx.ModelProto()
    whole.ParseFromString(content)
    tensors = {tensor.name: tensor for tensor in whole.graph.initializer}
    for tensor in _head_tensors(weights, intercept):
        tensors[tensor.name].CopyFrom(tensor)
    again: bytes = whole.SerializeToString(deterministic=True)
    return again


def _head_tensors(
    weights: NDArray[np.float32], intercept: NDArray[np.float32]
) -> list[TensorProto]:
    from onnx import numpy_helper

    return [
        numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name)
        for name, array in zip(_HEAD, (weights, intercept), strict=True)
    ]


def add_outputs(graph: ModelProto, products: Mapping[str, Product]) -> bytes:
    """Return the graph with other outputs, each an affine map of one that it has, in float32.

    Args:
        graph: Its outputs are those that are mapped.
        products: By the name of the new output.
    """
    import onnx
    from onnx import helper, numpy_helper

    whole = onnx.ModelProto()
    whole.CopyFrom(graph)
    del whole.graph.output[:]
    for name, (source, weights, intercept) in products.items():
        held = {f"{name}.weights": weights, f"{name}.intercept": intercept}
        for tensor, array in held.items():
            content = np.ascontiguousarray(array, np.float32)
            whole.graph.initializer.append(numpy_helper.from_array(content, tensor))
        inner, (first, second) = f"{name}.product", held
        whole.graph.node.append(helper.make_node("MatMul", [source, first], [inner], name=inner))
        whole.graph.node.append(helper.make_node("Add", [inner, second], [name], name=name))
        whole.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    del whole.metadata_props[:]
    serialised: bytes = whole.SerializeToString(deterministic=True)
    return serialised


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the notes of exporters on what other models would need."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    # Of a model that it cannot export, torch prints the whole code.
    with warnings.catch_warnings(), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
