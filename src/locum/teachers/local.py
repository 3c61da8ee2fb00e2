"""A teacher that runs here: a language model of the Hugging Face hub, a folder or a GGUF file.

Nothing is generated. The model is asked for the probability of every label at once, by the rule of
`locum.teachers.label_trie`; what it would rather say than a label is missing from the sum.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import orjson

from locum.errors import TeacherError, UsageError
from locum.prices import Tokens
from locum.schema import TeacherAnswer, Usage
from locum.teachers.pretrained import Pretrained
from locum.teachers.prompts import build_messages
from locum.teachers.protocol import Answered, AskedTeacher, Failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from locum.schema import Task
    from locum.teachers.label_trie import LabelTrie, Vocabulary
    from locum.teachers.protocol import Question, Till
    from locum.teachers.scorer import Scorer, Scoring

__all__ = ["LocalTeacher"]

# Part of an answer's identity: counts up when a model's distributions come out differently.
_RULE = 1
_DTYPES = ("auto", "bfloat16", "float32", "float16")
_CONTENT_FREE = ("N/A", "[MASK]", "")


class _Loaded(NamedTuple):
    scorer: Scorer
    vocabulary: Vocabulary
    window: int


class _Prepared(NamedTuple):
    task: Task
    trie: LabelTrie
    beginning: list[int]


class LocalTeacher(AskedTeacher):
    """Reads label probabilities from a causal language model; it is loaded when first asked.

    Args:
        model: A name on the Hugging Face hub, a folder, or a GGUF file.
        batch_size: Questions that are answered together; an interrupted run loses at most those.
        dtype: The type of weights and computation: ``auto`` (the one they are stored in),
            ``bfloat16``, ``float32`` or ``float16``.
        device: As torch calls it; by default ``cuda`` where there is one, else ``cpu``.
        gguf_file: The file to take from a folder or repository that holds GGUF files.
        revision: Branch, tag or commit on the hub.
        name: What the report calls the teacher; by default the name of the model, folder or file.

    Raises:
        UsageError: A value is not one of those, or the folder or file does not exist.
    """

    free = True

    def __init__(
        self,
        model: str | Path,
        *,
        batch_size: int = 16,
        dtype: str = "auto",
        device: str | None = None,
        gguf_file: str | None = None,
        revision: str | None = None,
        name: str | None = None,
    ) -> None:
        if batch_size < 1 or dtype not in _DTYPES:
            raise UsageError(
                f"batch_size={batch_size}, dtype={dtype!r}: expected at least 1, and one of "
                f"{', '.join(_DTYPES)}"
            )
        self._pretrained = Pretrained(model, gguf_file, revision)
        self.name = name or self._pretrained.name
        self.batch_size = batch_size
        self.dtype = dtype
        self._device = device
        self._loaded: _Loaded | None = None
        self._prepared: _Prepared | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Show what is asked, and how."""
        how = f", scoring={self.scoring!r}" if self.scoring else ""
        return f"LocalTeacher({self.name!r}, dtype={self.dtype!r}{how})"

    @property
    def scoring(self) -> Scoring | None:
        """How the model is asked, see `locum.teachers.scorer`; ``None`` until it is loaded."""
        return self._loaded.scorer.scoring if self._loaded else None

    def identify(self, task: Task, text: str, draw: int = 0) -> str:
        """Return a SHA-256 of the model's fingerprint and type, the messages and the draw.

        Raises:
            UsageError: The model cannot be found, or the extra is not installed.
        """
        model = [self.name, self._pretrained.fingerprint, self.dtype]
        asked = [_RULE, model, task.labels, build_messages(task, ""), draw]
        digest = hashlib.sha256(orjson.dumps(asked))
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def worst_case(self, task: Task, text: str) -> Tokens:
        """Return the tokens of the prompt, and one for the answer.

        Raises:
            UsageError: The tokenizer cannot be loaded, or the extra is not installed.
        """
        prompt = self._encode(task, text)
        return Tokens(0 if isinstance(prompt, Failure) else len(prompt), 1)

    async def answer(
        self,
        task: Task,
        questions: Sequence[Question],
        till: Till,  # noqa: ARG002 - there is nothing to pay
    ) -> AsyncGenerator[Answered, None]:
        """Yield each question with its answer, the shortest first, a batch at a time.

        Raises:
            TeacherError: The accelerator's memory does not do.
            UsageError: The model cannot be loaded, or the extra is not installed.
        """
        ordered = sorted(questions, key=lambda question: len(question.text))
        for start in range(0, len(ordered), self.batch_size):
            some = ordered[start : start + self.batch_size]
            for answered in await asyncio.to_thread(self._answer_some, task, some):
                yield answered

    def content_free(self, task: Task) -> NDArray[np.float64]:
        """Return the mean distribution over the labels on three inputs that say nothing.

        They are ``N/A``, ``[MASK]`` and the empty text (Zhao et al., Calibrate Before Use, 2021).
        The sum is at most one.

        Raises:
            TeacherError: As `answer`.
            UsageError: As `answer`, or they do not fit into the context window with the prompt.
        """
        with self._lock:
            loaded, prepared = self._load(), self._prepare(task)
            prompts = [self._fitting(loaded, prepared, text) for text in _CONTENT_FREE]
            tokens = [prompt for prompt in prompts if not isinstance(prompt, Failure)]
            for prompt in prompts:
                if isinstance(prompt, Failure):
                    raise UsageError(f"task {task.name!r} cannot be asked: {prompt.reason}")
            mean: NDArray[np.float64] = self._read(loaded, prepared, tokens).mean(axis=0)
            return mean

    def _answer_some(self, task: Task, questions: Sequence[Question]) -> list[Answered]:
        with self._lock:
            loaded, prepared = self._load(), self._prepare(task)
            started = time.perf_counter()
            prompts = [self._fitting(loaded, prepared, question.text) for question in questions]
            tokens = [prompt for prompt in prompts if not isinstance(prompt, Failure)]
            rows = iter(self._read(loaded, prepared, tokens) if tokens else ())
            latency_ms = 1000 * (time.perf_counter() - started) / len(questions)
        return [
            Answered(
                question,
                prompt
                if isinstance(prompt, Failure)
                else self._result(task, next(rows), len(prompt), latency_ms),
            )
            for question, prompt in zip(questions, prompts, strict=True)
        ]

    def _result(
        self, task: Task, row: NDArray[np.float64], tokens: int, latency_ms: float
    ) -> TeacherAnswer | Failure:
        distribution: tuple[float, ...] = tuple(row.tolist())
        if not all(map(math.isfinite, distribution)):
            return Failure("malformed", f"dtype {self.dtype} overflows in this model: take another")
        return TeacherAnswer(
            text=task.labels[int(row.argmax())],
            distribution=distribution,
            usage=Usage(tokens, 1),
            latency_ms=latency_ms,
            version=self._pretrained.fingerprint[:12],
        )

    def _read(
        self, loaded: _Loaded, prepared: _Prepared, prompts: Sequence[list[int]]
    ) -> NDArray[np.float64]:
        import torch

        shared = _count_alike([prepared.beginning, *prompts])
        shortest = min(len(prompt) for prompt in prompts)
        try:
            return loaded.scorer.read(prompts, min(shared, shortest - 1), prepared.trie)
        except torch.OutOfMemoryError:
            raise TeacherError(
                f"model {self.name!r} with batches of {self.batch_size} does not fit into the "
                "memory of the accelerator: take a smaller batch, dtype or model"
            ) from None

    def _load(self) -> _Loaded:
        from locum.teachers.label_trie import read_vocabulary
        from locum.teachers.scorer import Scorer

        if self._loaded is None:
            model = self._pretrained.load(self.dtype, self._device)
            config = model.config.get_text_config()
            tokenizer = self._pretrained.tokenizer
            vocabulary = read_vocabulary(
                tokenizer, config.vocab_size, lines_end=tokenizer.chat_template is None
            )
            window = getattr(config, "max_position_embeddings", tokenizer.model_max_length)
            self._loaded = _Loaded(Scorer(model), vocabulary, window)
        return self._loaded

    def _prepare(self, task: Task) -> _Prepared:
        from locum.teachers.label_trie import build_trie

        if self._prepared is None or self._prepared.task != task:
            tokenizer = self._pretrained.tokenizer
            # Every prompt ends like this one: with what asks for the model's turn.
            turn = self._pretrained.render([{"role": "user", "content": _CONTENT_FREE[0]}])
            trie = build_trie(task.labels, tokenizer, self._load().vocabulary, turn)
            prompts = [self._pretrained.encode(build_messages(task, t)) for t in _CONTENT_FREE]
            self._prepared = _Prepared(task, trie, prompts[0][: _count_alike(prompts)])
        return self._prepared

    def _fitting(self, loaded: _Loaded, prepared: _Prepared, text: str) -> list[int] | Failure:
        prompt = self._encode(prepared.task, text)
        if isinstance(prompt, Failure):
            return prompt
        needed = len(prompt) + prepared.trie.height
        if needed <= loaded.window:
            return prompt
        return Failure(
            "refused",
            f"prompt and label take {needed:,} tokens, more than the {loaded.window:,} of the "
            "model's context window",
        )

    def _encode(self, task: Task, text: str) -> list[int] | Failure:
        try:
            text.encode()
        except UnicodeEncodeError:
            return Failure("refused", "the input is no valid Unicode text")
        return self._pretrained.encode(build_messages(task, text))


def _count_alike(prompts: Sequence[list[int]]) -> int:
    """With how many tokens all begin; the first and the last in order differ the soonest."""
    first, last = min(prompts), max(prompts)
    pairs = enumerate(zip(first, last, strict=False))
    return next((number for number, (one, other) in pairs if one != other), len(first))
