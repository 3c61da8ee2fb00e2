"""Runs an encoder's ONNX graph, one input at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.errors import ArtefactError, UsageError
from locum.processes import processors

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EMBEDDING", "INPUT", "LOGITS", "EncoderOutputs", "EncoderSession", "import_onnx_extra"]

INPUT, LOGITS, EMBEDDING = "input_ids", "logits", "pooled"

Floats = NDArray[np.float32]

_INPUTS_FOR_THREADS = 16


class EncoderOutputs(NamedTuple):
    """What the graph makes of ``N`` inputs: logits ``[N, C]`` and embeddings ``[N, d]``."""

    logits: Floats
    embeddings: Floats


class EncoderSession:
    """An ONNX graph from tokens ``[1, T]`` to logits ``[1, C]`` and an embedding ``[1, d]``.

    Each input is run by itself. With 8 bits, activations are rounded by the range of all that is in
    a run, so that an input's answer would depend on those that share its run, and on padding. What
    was certified must be what is served. Many inputs are spread over the processor's cores.

    Args:
        content: The graph, in ONNX's format; nothing beside it is read.

    Raises:
        ArtefactError: It is no such graph.
        UsageError: The extra is not installed.
    """

    def __init__(self, content: bytes) -> None:
        runtime = import_onnx_extra("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False
        options.log_severity_level = 4
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._content = content
        try:
            self._session = runtime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no class
            raise ArtefactError(f"the graph cannot be read: {_first_line(error)}") from None

    def __reduce__(self) -> tuple[type[EncoderSession], tuple[bytes]]:
        """Let a copy be made of the graph, as onnxruntime's session cannot be copied."""
        return EncoderSession, (self._content,)

    def embed(self, rows: Sequence[NDArray[np.int64]]) -> Floats:
        """Return the embeddings of inputs, each given as its tokens: ``[N, d]``."""
        return self._run(rows, [EMBEDDING])[0]

    def run(self, rows: Sequence[NDArray[np.int64]]) -> EncoderOutputs:
        """Return logits and embeddings of inputs, each given as its tokens."""
        return EncoderOutputs(*self._run(rows, [LOGITS, EMBEDDING]))

    def _run(self, rows: Sequence[NDArray[np.int64]], names: list[str]) -> list[Floats]:
        if len(rows) < _INPUTS_FOR_THREADS:
            found = [self.run_one(row, names) for row in rows]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(processors()) as pool:
                found = list(pool.map(lambda row: self.run_one(row, names), rows))
        return [np.concatenate(arrays) for arrays in zip(*found, strict=True)]

    def run_one(self, row: NDArray[np.int64], names: list[str]) -> list[Floats]:
        """Return some outputs of one input, given as its tokens."""
        try:
            outputs: list[Floats] = self._session.run(names, {INPUT: row[None]})
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no class
            raise ArtefactError(f"the graph cannot be run: {_first_line(error)}") from None
        return outputs


def import_onnx_extra(module: str) -> Any:  # noqa: ANN401 - a module
    """Return a module of the extra that runs encoders.

    Raises:
        UsageError: It is not installed.
    """
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(
            f"an encoder needs packages that are not installed ({error.name or error}): "
            "pip install 'locum[onnx]'"
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0][:300]
