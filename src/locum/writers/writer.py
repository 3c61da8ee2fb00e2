"""A causal language model that answers inputs of one task, and says how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
from safetensors.numpy import load_file, save_file

from locum.chat_templates import DAY
from locum.errors import ArtefactError
from locum.writers.backend import InProcess, load_pretrained, load_tokenizer
from locum.writers.draft import Draft
from locum.writers.novelty import KNOWN_BYTES, know_pairs, novelty_of
from locum.writers.prompts import Prompts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from locum.writers.backend import Backend, Written

__all__ = ["Limits", "Writer"]

_FACTS = "writer.json"
_KNOWN = "known.safetensors"


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
        backend: Computes them.
        tokenizer: The model's own.
        instruction: Stands before every input.
        limits: How much is read and written.
        known: What was learned from; see `locum.writers.novelty`.
        day: The date that prompts say; see `Prompts`.
    """

    family = "writer"
    extra = "lm"

    def __init__(
        self,
        backend: Backend,
        tokenizer: PreTrainedTokenizerBase,
        instruction: str,
        limits: Limits,
        known: NDArray[np.uint8],
        day: str | None = DAY,
    ) -> None:
        self.backend = backend
        self.tokenizer = tokenizer
        self.instruction = instruction
        self.limits = limits
        self.day = day
        self.prompts = Prompts(tokenizer, instruction, limits.read, day)
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
        """Return a writer, in this process, of a model that has learned from some texts.

        Its weights are rounded to bfloat16, as they will be saved, and computed with in float32.
        """
        for weight in model.parameters():
            weight.data = weight.data.bfloat16().float()
        model.train(mode=False)
        prompts = Prompts(tokenizer, instruction, limits.read)
        known = know_pairs(map(prompts.tokens, texts))
        return cls(InProcess(model, tokenizer), tokenizer, instruction, limits, known)

    def through(self, backend: Backend) -> Writer:
        """Return the same writer, computed elsewhere."""
        return Writer(backend, self.tokenizer, self.instruction, self.limits, self._known, self.day)

    def write(self, texts: Sequence[str]) -> list[Draft]:
        """Return an answer to each text.

        Raises:
            WriterError: A server that computes it cannot be reached, or does not answer as asked.
        """
        prompts = [self.prompts.prompt(text) for text in texts]
        written = self.backend.go_on(prompts, self.limits.written)
        return [self._draft(text, one) for text, one in zip(texts, written, strict=True)]

    def _draft(self, text: str, written: Written) -> Draft:
        chances = written.log_probabilities
        return Draft(
            text=written.text.strip(),
            ended=written.ended,
            mean=float(chances.mean()),
            least=float(chances.min()),
            tokens=len(chances),
            novelty=novelty_of(self.prompts.tokens(text), self._known),
            characters=len(text),
        )

    def save(self, directory: Path) -> list[Path]:
        """Write its files into a folder; return their paths."""
        self.backend.save(directory)
        # Several chat templates would get a folder; an artefact's files lie side by side.
        self.tokenizer.save_pretrained(directory, save_jinja_files=False)
        save_file({"pairs": self._known}, directory / _KNOWN)
        facts: dict[str, Any] = {
            "instruction": self.instruction,
            "limits": self.limits._asdict(),
            "day": self.day,
        }
        if self.backend.facts:
            facts["backend"] = self.backend.facts
        (directory / _FACTS).write_bytes(orjson.dumps(facts))
        for path in directory.iterdir():
            # safetensors writes what its owner alone may read.
            path.chmod(0o644)
        return sorted(directory.iterdir())

    @classmethod
    def load(cls, directory: Path) -> Writer:
        """Read a writer from its folder; no code that lies in it is run.

        A server is started, or asked, when it first writes.

        Raises:
            ArtefactError: A file is damaged.
            UsageError: The extra is not installed.
        """
        try:
            facts = orjson.loads((directory / _FACTS).read_bytes())
            instruction, limits = str(facts["instruction"]), Limits(**facts["limits"])
            # A student that was saved before reads the day on which it is asked, as it did.
            day = facts.get("day")
            served = _read_served(directory, facts["backend"]) if "backend" in facts else None
            known = load_file(directory / _KNOWN)["pairs"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtefactError(f"{directory} holds no writer: {error}") from None
        if known.dtype != np.uint8 or known.shape != (KNOWN_BYTES,) or min(limits) < 1:
            raise ArtefactError(f"{directory} holds no writer: {_KNOWN} or {_FACTS} is damaged")
        if served is not None:
            return cls(served, load_tokenizer(directory), instruction, limits, known, day)
        model, tokenizer = load_pretrained(directory)
        return cls(InProcess(model, tokenizer), tokenizer, instruction, limits, known, day)


def _read_served(directory: Path, facts: object) -> Backend:
    # What asks servers is not loaded where there are none.
    from locum.writers.served import read_served

    return read_served(directory, facts)
