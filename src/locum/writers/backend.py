"""What computes a writer's tokens: this process, or a server beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from locum.errors import UsageError
from locum.students.encoder_source import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

__all__ = [
    "LOAD_SECONDS",
    "Backend",
    "InProcess",
    "Written",
    "load_pretrained",
    "load_tokenizer",
    "window_of",
]

# Until what computes a writer is loaded: gigabytes may come from a slow disk.
LOAD_SECONDS = 600.0
_MOST_A_BATCH = 32
_WIDEST_BATCH = 16_384
_UNBOUNDED = 1 << 20


class Written(NamedTuple):
    """What was written after a prompt.

    Args:
        text: Without the token that ends it.
        ended: Whether it came to its end.
        log_probabilities: Of its tokens, as far as the backend tells them, that of the one that
            ends it among them, ``[T]``.
    """

    text: str
    ended: bool
    log_probabilities: NDArray[np.float64]


class Backend(Protocol):
    """Writes after prompts, always the likeliest token next.

    Where it may answer was measured on numbers of one backend. Those of another differ a little,
    so that a writer keeps the one that it was certified with.
    """

    @property
    def name(self) -> str:
        """What a person calls it."""

    @property
    def facts(self) -> dict[str, str]:
        """What it is loaded by; empty for this process."""

    def go_on(self, prompts: Sequence[list[int]], most: int) -> list[Written]:
        """Return what is written after each prompt.

        Args:
            prompts: Tokens.
            most: Tokens that are written after one at the most, the one that ends it among them.

        Raises:
            WriterError: It cannot be reached, or does not answer as asked.
        """

    def save(self, directory: Path) -> None:
        """Write the weights that it needs into a folder."""


class InProcess:
    """Computes here, by transformers.

    Args:
        model: The model, in float32.
        tokenizer: Its own.
    """

    name = "this process"

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model = model
        self._tokenizer: Any = tokenizer

    @property
    def facts(self) -> dict[str, str]:
        """It needs no more than its weights."""
        return {}

    def go_on(self, prompts: Sequence[list[int]], most: int) -> list[Written]:
        """Return what is written after each prompt; like lengths are written side by side."""
        found: dict[int, Written] = {}
        for rows in _batches([len(prompt) for prompt in prompts], most):
            side_by_side = self._go_on([prompts[row] for row in rows], most)
            found |= dict(zip(rows, side_by_side, strict=True))
        return [found[row] for row in range(len(prompts))]

    def _go_on(self, prompts: list[list[int]], most: int) -> list[Written]:
        import torch
        from transformers import LogitsProcessorList

        end = int(self._tokenizer.eos_token_id)
        width = max(map(len, prompts))
        ids = torch.tensor([[end] * (width - len(p)) + p for p in prompts])
        read = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        device = self.model.device
        chances: list[torch.Tensor] = []

        def note(_: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
            best = logits.max(dim=-1).values.float()
            chances.append(best - logits.float().logsumexp(dim=-1))
            return logits

        settings = self._choose_likeliest(max_new_tokens=most)
        generate: Any = self.model.generate
        with torch.inference_mode():
            whole = generate(
                input_ids=ids.to(device),
                attention_mask=read.to(device),
                generation_config=settings,
                logits_processor=LogitsProcessorList([note]),
            )
        written = whole[:, width:].tolist()
        log_probabilities = torch.stack(chances, dim=1).double().cpu().numpy()
        return [
            self._written(tokens, row, end)
            for tokens, row in zip(written, log_probabilities, strict=True)
        ]

    def _written(self, tokens: list[int], row: NDArray[np.float64], end: int) -> Written:
        length = tokens.index(end) if end in tokens else len(tokens)
        ended = length < len(tokens)
        text = self._tokenizer.decode(tokens[:length], skip_special_tokens=True)
        return Written(str(text), ended, row[: length + ended])

    def _choose_likeliest(self, **limits: int) -> GenerationConfig:
        """Take off what the model came with: penalties and sampling are no part of the student."""
        from transformers import GenerationConfig

        end = int(self._tokenizer.eos_token_id)
        configure: Any = GenerationConfig
        settings: GenerationConfig = configure(
            do_sample=False, eos_token_id=end, pad_token_id=end, **limits
        )
        self.model.generation_config = settings
        return settings

    def save(self, directory: Path) -> None:
        """Write the weights in bfloat16."""
        import transformers

        self._choose_likeliest()
        saved: Any = self.model
        saved.config.dtype = "bfloat16"
        with quiet(transformers):
            saved.save_pretrained(
                directory, state_dict=_rounded(saved.state_dict()), max_shard_size="1000GB"
            )


def load_pretrained(place: str | Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return a causal language model in float32, and its tokenizer.

    Args:
        place: A folder, a GGUF file, or a name on the Hugging Face hub.

    Raises:
        UsageError: There is none, it cannot be loaded, its tokenizer has no token that ends a text,
            or the extra ``lm`` is not installed.
    """
    # Reading an artefact of another kind needs nothing of what asks teachers.
    from locum.teachers.pretrained import Pretrained, import_lm

    transformers = import_lm("transformers")
    tokenizer = load_tokenizer(place)
    with quiet(transformers):
        model = Pretrained(place).load("float32", None)
    model.train(mode=False)
    return model, tokenizer


def load_tokenizer(place: str | Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model.

    Args:
        place: As of `load_pretrained`.

    Raises:
        UsageError: As `load_pretrained`.
    """
    from locum.teachers.pretrained import Pretrained

    tokenizer = Pretrained(place).tokenizer
    if not isinstance(tokenizer.eos_token_id, int):
        raise UsageError(
            f"the tokenizer of {str(place)!r} has no token that ends a text: set eos_token in its "
            "tokenizer_config.json"
        )
    return tokenizer


def _rounded(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in bfloat16; those that are one under several names stay one."""
    found: dict[int, Tensor] = {}
    for weight in weights.values():
        found.setdefault(
            weight.data_ptr(), weight.bfloat16() if weight.is_floating_point() else weight
        )
    return {name: found[weight.data_ptr()] for name, weight in weights.items()}


def window_of(model: PreTrainedModel) -> int:
    """Return how many tokens a model has positions for."""
    found = getattr(model.config, "max_position_embeddings", None)
    return found if isinstance(found, int) and found > 0 else _UNBOUNDED


def _batches(lengths: Sequence[int], written: int) -> list[list[int]]:
    """Return rows that are written side by side, the longest first."""
    found: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        last = found[-1] if found else []
        width = (lengths[last[0]] if last else 0) + written
        if last and len(last) < _MOST_A_BATCH and (len(last) + 1) * width <= _WIDEST_BATCH:
            last.append(row)
        else:
            found.append([row])
    return found
