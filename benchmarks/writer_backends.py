"""What computes a student that writes: time of an answer, and how its numbers differ.

    python -m benchmarks.writer_backends STUDENT CALLS.csv

STUDENT is the folder of a student that ``locum distill`` certified, in this process or through
llama.cpp, whose ``llama-server`` has to be on the PATH; CALLS has its inputs. The same weights
are computed by transformers in float32 and by llama.cpp in several types. Printed are the size of
the weights, the median time of an answer to one text, that of an answer where many are asked for
at once, the share of texts that are the same as in this process, and how far the mean
log-probabilities of the same texts lie apart (mean of absolute differences, in nats).
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import locum
from locum.language import save_gguf
from locum.teachers.pretrained import Pretrained
from locum.writers import InProcess
from locum.writers.served import LlamaServer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from locum.writers import Backend, Draft, Writer

__all__ = ["main"]

KINDS = ("f32", "bf16", "q8_0", "q4_0")
ALONE = 8


def _model_of(folder: Path, writer: Writer) -> PreTrainedModel:
    if isinstance(writer.backend, InProcess):
        return writer.backend.model
    return Pretrained(folder / "model.gguf").load("float32", None, whole=True)


def _measure(writer: Writer, texts: Sequence[str]) -> tuple[list[Draft], float, float]:
    """Return answers, and the milliseconds of one alone and of one among all."""
    writer.write(texts[:1])
    alone = []
    for text in texts[:ALONE]:
        began = time.perf_counter()
        writer.write([text])
        alone.append(time.perf_counter() - began)
    began = time.perf_counter()
    drafts = writer.write(texts)
    each = (time.perf_counter() - began) / len(texts)
    return drafts, 1000 * statistics.median(alone), 1000 * each


def main() -> None:
    """Print a line for each backend."""
    parser = argparse.ArgumentParser()
    parser.add_argument("student", type=Path)
    parser.add_argument("calls", type=Path)
    parser.add_argument("--texts", type=int, default=32)
    asked = parser.parse_args()
    with asked.calls.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][-asked.texts :]
    student = locum.load(asked.student)
    assert isinstance(student, locum.CertifiedWriter)
    writer = student.model
    model = _model_of(asked.student, writer)
    context = max(len(writer.prompts.prompt(text)) for text in texts) + writer.limits.written
    print(f"{len(texts)} texts\nbackend              MB  alone ms  each ms    same  nats apart")
    with TemporaryDirectory() as scratch:
        backends: list[tuple[str, Backend, float]] = [
            ("this process", InProcess(model, writer.tokenizer), 4.0 * model.num_parameters())
        ]
        for kind in KINDS:
            file_of_kind = Path(scratch) / f"{kind}.gguf"
            save_gguf(model, writer.tokenizer, file_of_kind, kind)
            server = LlamaServer(file_of_kind, kind, context)
            backends.append((f"llama.cpp {kind}", server, file_of_kind.stat().st_size))
        here: list[Draft] = []
        for name, backend, size in backends:
            drafts, alone, each = _measure(writer.through(backend), texts)
            here = here or drafts
            pairs = [(a, b) for a, b in zip(here, drafts, strict=True) if a.text == b.text]
            apart = statistics.fmean(abs(a.mean - b.mean) for a, b in pairs) if pairs else 0.0
            print(
                f"{name:16}{size / 1e6:7.0f}{alone:10.0f}{each:9.0f}"
                f"{len(pairs) / len(texts):8.1%}{apart:12.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
