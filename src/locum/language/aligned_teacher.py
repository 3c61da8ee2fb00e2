"""A teacher with another tokenizer than its student's."""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import torch

from locum.errors import UsageError
from locum.language.models import find_halves, refuse_too_long
from locum.language.token_bytes import TokenBytes
from locum.language.vocabularies import align, shared_vocabulary
from locum.losses import SparseTargets
from locum.losses.signals import NOTHING
from locum.training.modes import evaluated
from locum.writers.prompts import text_beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from locum.language.packing import Packed
    from locum.language.vocabularies import SharedVocabulary

__all__ = ["AlignedTeacher"]

_ROWS_AT_ONCE = 256
_NOTHING_BELOW = 80.0


class _Piece(NamedTuple):
    """A document of a batch for both: the teacher's tokens, and where rows meet them."""

    teacher_ids: list[int]
    places: dict[tuple[int, int], int]  # place of a target -> the teacher's place that foretells it


class AlignedTeacher:
    """Says of the student's next tokens what a model with another tokenizer thinks of them.

    The teacher reads the same bytes in its own tokens, from the beginning of each document. It
    speaks where both have a token boundary, by the classes of `locum.language.vocabularies`; at
    other targets it has nothing to say, and `aligned` takes those out. Distributions are at
    temperature 1, since tokens cannot be put together after softening.

    Args:
        model: The teacher. It is asked, never changed.
        teacher: Its tokenizer.
        student: The student's tokenizer.
        fingerprint: What tells the teacher from others; its own tells the student's tokens too.
        listed: How many tokens are listed for each row; the others are one event.
        whole_classes: List classes of several student's tokens too. The loss then takes the
            student's logits as `project` gives them; otherwise it takes them as they are.
        special: As for `locum.language.vocabularies.shared_vocabulary`. Rows after a special token
            that has no counterpart are taken out too, as the teacher cannot read it.

    Raises:
        UsageError: A tokenizer is of a kind whose bytes are not known, both have the same
            vocabulary, a special token is paired with one that is text, or the model changes its
            logits after the head.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        teacher: PreTrainedTokenizerBase,
        student: PreTrainedTokenizerBase,
        fingerprint: str,
        *,
        listed: int = 100,
        whole_classes: bool = False,
        special: Mapping[str, str] | None = None,
    ) -> None:
        if listed < 1:
            raise UsageError(f"listed={listed}: expected at least 1")
        self.shared = shared_vocabulary(teacher, student, special)
        if self.shared.same:
            raise UsageError(
                "teacher and student have the same vocabulary: ask the teacher directly, and cut "
                f"both models' logits to {self.shared.size} tokens"
            )
        self._model, self._halves = model, find_halves(model)
        self._student, self._teacher = TokenBytes(student), TokenBytes(teacher)
        self.whole_classes = whole_classes
        classes = self.shared.teacher_class if whole_classes else self.shared.listed()
        self.vocabulary = self._size = len(self.shared.student_class)
        self._listed = min(listed, len(set(classes) - {-1}))
        self._column = torch.tensor(
            [self._size if token < 0 else token for token in classes], device=model.device
        )
        self._beginning = text_beginning(teacher)
        self._starting = text_beginning(student)
        self._pairs = _special_pairs(self.shared, self._student, self._teacher)
        self.fingerprint = f"{fingerprint} {self._hash_of_tokens()}"

    def aligned(self, packed: Packed) -> Packed:
        """Return a batch with only those targets that the teacher has something to say of.

        Raises:
            UsageError: There are none, as where every document begins with a special token that
                has no counterpart.
        """
        learned_SL = torch.zeros_like(packed.learned_SL)
        for piece in self._pieces(packed):
            for row, column in piece.places:
                learned_SL[row, column] = packed.learned_SL[row, column]
        if not learned_SL.any():
            raise UsageError(
                "the teacher has nothing to say of any target: expected documents of text that "
                "both tokenizers keep byte by byte; pair special tokens by special={...}"
            )
        return packed._replace(learned_SL=learned_SL)

    def project(self, logits_NV: Tensor) -> Tensor:
        """Return the student's logits of classes, with which ``whole_classes`` is compared.

        Args:
            logits_NV: The student's logits, of any number of rows.

        Returns:
            ``[N, V' + 1]``, the logarithm of the sum of exponentials of each class at the place of
            its shared token; the last column is of tokens in no class, and other places are 80
            below the row's highest. Softmax gives the classes' probabilities.
        """
        classes = self.shared.student_class
        column = torch.full((logits_NV.shape[-1],), self._size, device=logits_NV.device)
        known = torch.tensor(classes[: len(column)], device=logits_NV.device)
        column[: len(known)] = torch.where(known < 0, self._size, known)
        long_NV = logits_NV.float()
        most_NC = long_NV.new_full((len(long_NV), self._size + 1), NOTHING)
        most_NC.scatter_reduce_(1, column.expand_as(long_NV), long_NV.detach(), "amax")
        sums_NC = torch.zeros_like(most_NC).index_add(
            1, column, (long_NV - most_NC[:, column]).exp()
        )
        summed_NC = sums_NC.clamp(min=0.5).log() + most_NC
        # No mass in float32, and yet finite where rounding leaves the teacher's tail some.
        nothing_N1 = long_NV.detach().amax(-1, keepdim=True) - _NOTHING_BELOW
        return torch.where(sums_NC > 0, summed_NC, nothing_N1)

    def ask(self, batch: Packed) -> Callable[[slice], SparseTargets]:
        """Return what the teacher says of a batch's targets, by their rows in reading order.

        Raises:
            UsageError: The teacher has nothing to say of a target: call `aligned` first.
        """
        found: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        wanted = {(int(s), int(place)) for s, place in batch.learned_SL.nonzero().tolist()}
        for piece in self._pieces(batch):
            places = {target: at for target, at in piece.places.items() if target in wanted}
            if places:
                ids_NK, log_probabilities_NK = self._read(piece.teacher_ids, list(places.values()))
                said = zip(ids_NK, log_probabilities_NK, strict=True)
                found |= dict(zip(places, said, strict=True))
        missing = sorted(wanted - found.keys())
        if missing:
            raise UsageError(
                f"the teacher has nothing to say of {len(missing)} targets, the first at "
                f"{missing[0]}: call aligned first, which takes them out"
            )
        rows = [found[target] for target in sorted(wanted)]
        ids_NK = torch.stack([ids for ids, _ in rows]).to(batch.ids_SL.device)
        log_probabilities_NK = torch.stack([row for _, row in rows]).to(batch.ids_SL.device)
        return SparseTargets(ids_NK, log_probabilities_NK).rows

    def _read(self, ids: list[int], places: list[int]) -> tuple[Tensor, Tensor]:
        model = self._model
        kept_ids, kept = [], []
        with torch.inference_mode(), evaluated(model):
            tokens_1L = torch.tensor([ids], device=model.device)
            read = self._halves.body(input_ids=tokens_1L, use_cache=False)
            hidden_LD = read.last_hidden_state[0]
            for start in range(0, len(places), _ROWS_AT_ONCE):
                some_ND = hidden_LD[places[start : start + _ROWS_AT_ONCE]]
                logits_NV = self._halves.head(some_ND).float()
                # Rows of the head that stand for no token have no probability.
                shares_NV = logits_NV[:, : len(self._column)].softmax(-1)
                classes_NC = shares_NV.new_zeros(len(shares_NV), self._size + 1)
                classes_NC.index_add_(1, self._column, shares_NV)
                best = classes_NC[:, : self._size].topk(self._listed)
                kept_ids.append(best.indices)
                kept.append(best.values.clamp(max=1).log())
        return torch.cat(kept_ids).clone(), torch.cat(kept).clone()

    def _hash_of_tokens(self) -> str:
        """Tell apart what the teacher's words are put into: classes, bytes and special tokens."""
        tokens = (
            self._column.tolist(),
            self.shared.student_class,
            self._student.texts,
            self._beginning,
            self._starting,
            sorted(self._pairs.items()),
        )
        return hashlib.sha256(repr(tokens).encode()).hexdigest()[:16]

    def _pieces(self, packed: Packed) -> Iterator[_Piece]:
        ids = packed.ids_SL.tolist()
        for row, start, end in packed.spans():
            piece = self._piece(row, start, ids[row][start:end])
            refuse_too_long(self._model, len(piece.teacher_ids), "teacher")
            yield piece

    def _piece(self, row: int, start: int, ids: Sequence[int]) -> _Piece:
        """Runs of text between special tokens; what comes after one without counterpart is out."""
        teacher_ids, places = list(self._beginning), dict[tuple[int, int], int]()
        unread = self._inside_character(ids)
        at = unread or int(list(ids[:1]) == self._starting)
        while at < len(ids):
            run = at
            while run < len(ids) and self._text(ids[run]) is not None:
                run += 1
            written = self._write(ids[at:run])
            if written is None:
                break
            more, pairs, whole = written
            for teacher_count, student_count in pairs:
                foretelling = len(teacher_ids) + teacher_count - 1
                if foretelling >= 0 and unread < at + student_count < len(ids):
                    places[row, start + at + student_count] = foretelling
            teacher_ids.extend(more)
            if run < len(ids) and ids[run] in self._pairs and whole:
                teacher_ids.append(self._pairs[ids[run]])
            elif run < len(ids):
                places.pop((row, start + run), None)
                break
            at = run + 1
        return _Piece(teacher_ids, places)

    def _inside_character(self, ids: Sequence[int]) -> int:
        """How many tokens a document that was cut goes on with before a character begins."""
        whole = (n for n, token in enumerate(ids) if not _goes_on(self._text(token)))
        return next(whole, len(ids))

    def _text(self, token: int) -> bytes | None:
        texts = self._student.texts
        return texts[token] if token < len(texts) else None

    def _write(self, ids: Sequence[int]) -> tuple[list[int], list[tuple[int, int]], bool] | None:
        """The teacher's tokens of a run, the boundaries that both have, and whether it is whole."""
        ends = self._student.ends(ids)
        if ends is None:
            return None
        said = b"".join(self._student.texts[token] or b"" for token in ids)
        # A document that is cut off may end inside a character, which no tokenizer can be given.
        text = said.decode(errors="ignore")
        if not said.startswith(text.encode()) or len(said) - len(text.encode()) > 3:
            return None
        written = self._teacher.write(text)
        if written is None:
            return None
        teacher_ids, teacher_ends = written
        pairs = [*self._beginnings(teacher_ids, teacher_ends), *align(teacher_ends, ends)]
        return teacher_ids, pairs, len(said) == len(text.encode())

    def _beginnings(self, ids: Sequence[int], ends: Sequence[int]) -> list[tuple[int, int]]:
        """Where both stand before a run: the teacher behind a space that it puts there itself.

        Where that is one token with the first word, it has nothing to say of the word without it.
        """
        if self._teacher.ends(ids) == ends:
            return [(0, 0)]
        return [(1, 0)] if ends[0] == 0 else []


def _goes_on(text: bytes | None) -> bool:
    """Tell whether some bytes of UTF-8 begin inside a character."""
    return bool(text and text[0] & 0b1100_0000 == 0b1000_0000)


def _special_pairs(
    shared: SharedVocabulary, student: TokenBytes, teacher: TokenBytes
) -> dict[int, int]:
    """The student's special tokens with the teacher's that stand for the same."""
    found: dict[int, int] = {}
    for other, one in enumerate(shared.teacher_class):
        if one < 0 or student.texts[one] is not None:
            continue
        if teacher.texts[other] is not None:
            raise UsageError(
                f"the teacher's token {_name(teacher, other)!r} is text to it, and "
                f"{_name(student, one)!r} is special to the student: pair it with a token that is "
                "special to the teacher too"
            )
        found.setdefault(one, other)
    return found


def _name(tokens: TokenBytes, token: int) -> str:
    return str(tokens.tokenizer.convert_ids_to_tokens(token))
