"""What the student itself would write after the beginnings of texts.

A student that only ever reads others' texts never learns to go on from its own mistakes; one whose
own continuations the teacher judges does (GKD; Agarwal et al. 2024).

Shapes: S sequences, L tokens; D documents, P tokens of the longest beginning.
"""

# ruff: noqa: N806 - names end in their shapes

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from locum.language.precision import computing_in
from locum.training.modes import evaluated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from transformers import PreTrainedModel

    from locum.language.packing import Packed
    from locum.language.settings import Precision

__all__ = ["Writer"]

# Writing is done in the room of so many sequences: without gradients a place takes little. It does
# not follow the passes, since other texts side by side would be other random numbers.
_SEQUENCES_AT_ONCE = 16


class _Part(NamedTuple):
    """A document in a sequence: from ``start``, kept up to ``kept``, written anew up to ``end``."""

    sequence: int
    start: int
    kept: int
    end: int


class Writer:
    """Writes continuations, never longer than the ones they stand for.

    Args:
        student: Whoever writes, at temperature one.
        prompt_tokens: How many tokens of a text without a prompt are kept.
        precision: What it computes in.
        vocabulary: How many of its logits are of tokens; it writes no other.
    """

    def __init__(
        self, student: PreTrainedModel, prompt_tokens: int, precision: Precision, vocabulary: int
    ) -> None:
        self._student = student
        self._vocabulary = vocabulary
        self._prompt_tokens = prompt_tokens
        self._precision: Precision = precision

    def rewrite(self, batch: Packed) -> Packed:
        """Return the batch with what is learned written anew.

        Where the student ends a text sooner, the targets after its end are none.
        """
        parts = [part for part in self._parts(batch) if part.kept < part.end]
        if not parts:
            return batch
        ends = self._ends()
        ids_SL, learned_SL = batch.ids_SL.clone(), batch.learned_SL.clone()
        for part, written in zip(parts, self._continue(batch, parts), strict=True):
            room = part.end - part.kept
            ended = next((n + 1 for n, token in enumerate(written) if token in ends), room)
            length = min(len(written), ended, room)
            ids_SL[part.sequence, part.kept : part.kept + length] = torch.tensor(
                written[:length], device=ids_SL.device
            )
            learned_SL[part.sequence, part.start : part.end] = False
            learned_SL[part.sequence, part.kept : part.kept + length] = True
        return batch._replace(ids_SL=ids_SL, learned_SL=learned_SL)

    def _parts(self, batch: Packed) -> list[_Part]:
        found = []
        learned = batch.learned_SL.tolist()
        for sequence, start, end in batch.spans():
            flags = learned[sequence][start:end]
            if any(flags):
                first = flags.index(True)
                # A prompt is kept whole; a plain text has none, and is kept in part.
                kept = first if first > 1 else min(self._prompt_tokens, (end - start) // 2)
                found.append(_Part(sequence, start, start + max(kept, 1), end))
        return found

    def _continue(self, batch: Packed, parts: list[_Part]) -> list[list[int]]:
        """Let the student go on from each part's beginning."""
        found: dict[int, list[int]] = {}
        for numbers in _side_by_side(parts, _SEQUENCES_AT_ONCE * batch.ids_SL.shape[1]):
            written = self._write(batch, [parts[number] for number in numbers])
            found |= dict(zip(numbers, written, strict=True))
        return [found[number] for number in range(len(parts))]

    def _write(self, batch: Packed, parts: list[_Part]) -> list[list[int]]:
        """Let the student go on from some beginnings at once."""
        beginnings = [
            batch.ids_SL[part.sequence, part.start : part.kept].tolist() for part in parts
        ]
        widest = max(map(len, beginnings))
        device = batch.ids_SL.device
        fill = [[0] * (widest - len(beginning)) for beginning in beginnings]
        ids_DP = torch.tensor([f + b for f, b in zip(fill, beginnings, strict=True)], device=device)
        read_DP = torch.tensor(
            [[0] * len(f) + [1] * len(b) for f, b in zip(fill, beginnings, strict=True)],
            device=device,
        )
        most = max(part.end - part.kept for part in parts)
        with (
            torch.no_grad(),
            evaluated(self._student),
            computing_in(self._precision, self._student),
            self._freely(most),
        ):
            written = self._student.generate(  # type: ignore[operator]
                input_ids=ids_DP, attention_mask=read_DP
            )
        continuations: list[list[int]] = written[:, widest:].tolist()
        return continuations

    @contextmanager
    def _freely(self, most: int) -> Iterator[None]:
        """Have the student's own distribution sampled, whatever its settings bend it to."""
        from transformers import GenerationConfig

        # What is not given to `generate` is taken from the model's settings, so these make way.
        inner: Any = getattr(self._student, "get_base_model", lambda: self._student)()
        usual, ends = inner.generation_config, sorted(self._ends())
        held = inner.config.get_text_config().vocab_size
        make: Callable[..., GenerationConfig] = GenerationConfig
        inner.generation_config = make(
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=most,
            eos_token_id=ends or None,
            pad_token_id=ends[0] if ends else 0,
            suppress_tokens=list(range(self._vocabulary, held)) or None,
        )
        try:
            yield
        finally:
            inner.generation_config = usual

    def _ends(self) -> set[int]:
        found = self._student.generation_config.eos_token_id
        if found is None:
            return set()
        return {found} if isinstance(found, int) else set(found)


def _side_by_side(parts: Sequence[_Part], places: int) -> list[list[int]]:
    """Return the numbers of parts that are written at once: of like length, and in their order.

    All begin together and end with the longest, which together takes so many ``places`` at most.
    """
    found: list[list[int]] = []
    width = room = 0
    for number in sorted(
        range(len(parts)), key=lambda number: parts[number].end - parts[number].start
    ):
        part = parts[number]
        width, room = max(width, part.kept - part.start), max(room, part.end - part.kept)
        if found and (len(found[-1]) + 1) * (width + room) <= places:
            found[-1].append(number)
        else:
            found.append([number])
            width, room = part.kept - part.start, part.end - part.kept
    return [sorted(numbers) for numbers in found]
