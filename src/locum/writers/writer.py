"""A causal language model that answers inputs of one task, and says how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
from safetensors.numpy import load_file, save_file

from locum.errors import ArtefactError, UsageError
from locum.students.encoder_source import quiet
from locum.writers.draft import Draft
from locum.writers.novelty import KNOWN_BYTES, know_pairs, novelty_of
from locum.writers.prompts import Prompts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["Limits", "Writer", "load_pretrained", "window_of"]

_FACTS = "writer.json"
_KNOWN = "known.safetensors"
_MOST_A_BATCH = 32
_WIDEST_BATCH = 16_384
_UNBOUNDED = 1 << 20


class Limits(NamedTuple):
    """How much is read and written at the most, in tokens.

    Args:
        read: Of an input.
        written: Of an answer, with the token that ends it.
    """

    read: int
    written: int


class Writer:
    """Writes answers, always the likeliest token next.

    Args:
        model: The model, in float32.
        tokenizer: Its own.
        instruction: Stands before every input.
        limits: How much is read and written.
        known: What was learned from; see `locum.writers.novelty`.
    """

    family = "writer"
    extra = "lm"

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        instruction: str,
        limits: Limits,
        known: NDArray[np.uint8],
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.instruction = instruction
        self.limits = limits
        self.prompts = Prompts(tokenizer, instruction, limits.read)
        self._known = known

    @classmethod
    def of_trained(
        cls,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        instruction: str,
        limits: Limits,
        texts: Iterable[str],
    ) -> Writer:
        """Return a writer of a model that has learned from some texts.

        Its weights are rounded to bfloat16, as they will be saved, and computed with in float32.
        """
        for weight in model.parameters():
            weight.data = weight.data.bfloat16().float()
        model.train(mode=False)
        prompts = Prompts(tokenizer, instruction, limits.read)
        known = know_pairs(map(prompts.tokens, texts))
        return cls(model, tokenizer, instruction, limits, known)

    def write(self, texts: Sequence[str]) -> list[Draft]:
        """Return an answer to each text; like lengths are written side by side."""
        prompts = [self.prompts.prompt(text) for text in texts]
        drafts: dict[int, Draft] = {}
        for rows in _batches([len(prompt) for prompt in prompts], self.limits.written):
            written = self._go_on([prompts[row] for row in rows])
            for row, (tokens, log_probabilities) in zip(rows, written, strict=True):
                drafts[row] = self._draft(texts[row], tokens, log_probabilities)
        return [drafts[row] for row in range(len(texts))]

    def _draft(self, text: str, tokens: list[int], log_probabilities: NDArray[np.float64]) -> Draft:
        ended = bool(tokens) and tokens[-1] == self.prompts.end_token
        said = self.tokenizer.decode(tokens[:-1] if ended else tokens, skip_special_tokens=True)
        return Draft(
            text=str(said).strip(),
            ended=ended,
            mean=float(log_probabilities.mean()),
            least=float(log_probabilities.min()),
            tokens=len(tokens),
            novelty=novelty_of(self.prompts.tokens(text), self._known),
            characters=len(text),
        )

    def _go_on(self, prompts: list[list[int]]) -> list[tuple[list[int], NDArray[np.float64]]]:
        """Return what is written after each prompt: tokens, and their log-probabilities."""
        import torch
        from transformers import GenerationConfig, LogitsProcessorList

        end = self.prompts.end_token
        width = max(map(len, prompts))
        ids = torch.tensor([[end] * (width - len(p)) + p for p in prompts])
        read = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        device = self.model.device
        chances: list[torch.Tensor] = []

        def note(_: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
            best = logits.max(dim=-1).values.float()
            chances.append(best - logits.float().logsumexp(dim=-1))
            return logits

        configure: Any = GenerationConfig
        settings = configure(
            max_new_tokens=self.limits.written, do_sample=False, eos_token_id=end, pad_token_id=end
        )
        # What the model came with (penalties, sampling) is no part of the student.
        self.model.generation_config = settings
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
        found = []
        for tokens, row in zip(written, log_probabilities, strict=True):
            length = tokens.index(end) + 1 if end in tokens else len(tokens)
            found.append((tokens[:length], row[:length]))
        return found

    def save(self, directory: Path) -> list[Path]:
        """Write its files into a folder, the weights in bfloat16; return their paths."""
        import transformers

        saved: Any = self.model
        saved.config.dtype = "bfloat16"
        with quiet(transformers):
            saved.save_pretrained(
                directory, state_dict=_rounded(saved.state_dict()), max_shard_size="1000GB"
            )
        self.tokenizer.save_pretrained(directory)
        save_file({"pairs": self._known}, directory / _KNOWN)
        facts = {"instruction": self.instruction, "limits": self.limits._asdict()}
        (directory / _FACTS).write_bytes(orjson.dumps(facts))
        for path in directory.iterdir():
            # safetensors writes what its owner alone may read.
            path.chmod(0o644)
        return sorted(directory.iterdir())

    @classmethod
    def load(cls, directory: Path) -> Writer:
        """Read a writer from its folder; no code that lies in it is run.

        Raises:
            ArtefactError: A file is damaged.
            UsageError: The extra is not installed.
        """
        try:
            facts = orjson.loads((directory / _FACTS).read_bytes())
            instruction, limits = str(facts["instruction"]), Limits(**facts["limits"])
            known = load_file(directory / _KNOWN)["pairs"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtefactError(f"{directory} holds no writer: {error}") from None
        if known.dtype != np.uint8 or known.shape != (KNOWN_BYTES,) or min(limits) < 1:
            raise ArtefactError(f"{directory} holds no writer: {_KNOWN} or {_FACTS} is damaged")
        model, tokenizer = load_pretrained(directory)
        return cls(model, tokenizer, instruction, limits, known)


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

    pretrained = Pretrained(place)
    transformers = import_lm("transformers")
    tokenizer = pretrained.tokenizer
    if not isinstance(tokenizer.eos_token_id, int):
        raise UsageError(
            f"the tokenizer of {str(place)!r} has no token that ends a text: set eos_token in its "
            "tokenizer_config.json"
        )
    with quiet(transformers):
        model = pretrained.load("float32", None)
    model.train(mode=False)
    return model, tokenizer


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
