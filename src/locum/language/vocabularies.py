"""What a teacher says in its own tokens, in a student's.

**The same vocabulary.** Models are published with more rows of embeddings than there are tokens
(152,064 in Qwen2.5-72B, 151,936 in Qwen2.5-0.5B, 151,665 tokens in both). A row that stands for
nothing has no probability: `SharedVocabulary.cut` cuts both models' logits before any softmax.

**Different vocabularies.** Both models read the same bytes. Where both have a token boundary, each
has a distribution over what comes next, in its own tokens. Equal byte strings are not equal events:
a student that lacks `` Paris`` writes `` Par`` and `` is``, so its `` Par`` holds what its teacher
says of `` Paris``, and a teacher's own `` Par`` means every word but that one. Universal Logit
Distillation (Boizard et al. 2024) compares sorted probabilities and does not ask what they are of.

Here each token counts for one *shared* token: itself where both vocabularies have it; otherwise
the one that the other tokenizer would begin its bytes with, and so on down, as each step is
shorter. Both models' tokens fall into the same classes, one a shared token, and two first tokens
of the same continuation are always in the same class. So these classes are events of which both
distributions are known, nothing is renormalised, and no mass is lost. A class of which the student
has a single token is that token's probability, which is what `locum.losses.SparseTargets` lists;
the other classes, and special tokens without a counterpart, are one event, its tail.

What is approximate: that a tokenizer writes a token's bytes as it does inside a text (`` 12``
before a third digit may be split otherwise), and that models put no mass on spellings that their
tokenizer would not choose. `benchmarks/vocabulary_alignment.py` counts how often a text's two next
tokens fall into the same class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.errors import UsageError
from locum.language.token_bytes import TokenBytes
from locum.teachers.pretrained import logits_of_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "SharedVocabulary",
    "align",
    "renamed_tokens",
    "same_tokens",
    "shared_vocabulary",
]


class SharedVocabulary(NamedTuple):
    """What two vocabularies have in common.

    Attributes:
        same: Whether a token has the same id in both, see `same_tokens`; then the teacher reads the
            student's ids.
        size: Of the same vocabulary: how many tokens there are. Otherwise 0.
        student_ids: Ids of the shared tokens in the student's vocabulary, in rising order; of the
            same vocabulary all.
        teacher_ids: Ids of the same tokens in the teacher's.
        student_class: For each of the student's tokens, the student's id of the shared token that
            it counts for; -1 for none.
        teacher_class: The same for each of the teacher's tokens, by the student's ids too.
    """

    same: bool
    size: int
    student_ids: list[int]
    teacher_ids: list[int]
    student_class: list[int]
    teacher_class: list[int]

    def cut(self, logits: Tensor) -> Tensor:
        """Return the logits ``[..., V]`` of tokens that there are: ``[..., size]``.

        Raises:
            UsageError: The vocabularies differ.
        """
        if not self.same:
            raise UsageError("the vocabularies differ, so their logits cannot be cut alike")
        return logits[..., : self.size]

    def listed(self) -> list[int]:
        """For each teacher's token the student's that its probability is listed for, or -1.

        Those are the classes of which the student has one token.
        """
        tokens: dict[int, int] = {}
        for found in self.student_class:
            tokens[found] = tokens.get(found, 0) + 1
        return [found if tokens.get(found) == 1 else -1 for found in self.teacher_class]


def shared_vocabulary(
    teacher: PreTrainedTokenizerBase,
    student: PreTrainedTokenizerBase,
    special: Mapping[str, str] | None = None,
) -> SharedVocabulary:
    """Return what two tokenizers' vocabularies have in common.

    Args:
        teacher: Tokenizer of the teacher.
        student: Tokenizer of the student.
        special: Special tokens of the student with the same meaning for the teacher, by their
            names. The ends of text are always paired, and others of one name.

    Raises:
        UsageError: The vocabularies differ and one is no byte-level or byte-fallback BPE, they
            share nothing, or a special token does not exist.
    """
    size = same_tokens(teacher, student)
    if size:
        every = list(range(size))
        return SharedVocabulary(True, size, every, every, every, every)  # noqa: FBT003 - a field
    mine, theirs = TokenBytes(student), TokenBytes(teacher)
    by_bytes = {text: token for token, text in enumerate(mine.texts) if text}
    teachers = {text: token for token, text in enumerate(theirs.texts) if text}
    roots = _Roots(mine, theirs, by_bytes, teachers)
    student_class = [roots.of_student(text) for text in mine.texts]
    teacher_class = [roots.of_teacher(text) for text in theirs.texts]
    ends = {teacher.eos_token, student.eos_token}
    alike = {name: name for name in mine.special & theirs.special - ends}
    for one, other in _special_pairs(teacher, student, alike | dict(special or {})):
        student_class[one] = teacher_class[other] = one
    shared = {text: token for text, token in by_bytes.items() if text in teachers}
    if not shared:
        raise UsageError("the vocabularies of teacher and student have no token in common")
    ids = sorted((token, teachers[text]) for text, token in shared.items())
    return SharedVocabulary(
        same=False,
        size=0,
        student_ids=[one for one, _ in ids],
        teacher_ids=[other for _, other in ids],
        student_class=student_class,
        teacher_class=teacher_class,
    )


def same_tokens(teacher: PreTrainedTokenizerBase, student: PreTrainedTokenizerBase) -> int:
    """Return how many tokens both have where each id of both is one token; 0 if they differ.

    A special token that has another name in each is one token where it has the same role in both,
    such as the end of text. Without a role its name alone says what it stands for.
    """
    size = min(logits_of_tokens(teacher), logits_of_tokens(student))
    theirs, mine = _names(teacher, size), _names(student, size)
    if mine.keys() != theirs.keys():
        return 0
    ours, others = _roles(student), _roles(teacher)
    renamed = [token for token, name in mine.items() if name != theirs[token]]
    alike = all(token in ours and ours[token] == others.get(token) for token in renamed)
    return size if alike else 0


def renamed_tokens(
    teacher: PreTrainedTokenizerBase, student: PreTrainedTokenizerBase, size: int
) -> dict[str, str]:
    """Return those of the first ``size`` tokens that have another name for the teacher, with it."""
    theirs, mine = _names(teacher, size), _names(student, size)
    return {name: theirs[token] for token, name in mine.items() if name != theirs[token]}


def _names(tokenizer: PreTrainedTokenizerBase, size: int) -> dict[int, str]:
    return {token: name for name, token in tokenizer.get_vocab().items() if token < size}


def _roles(tokenizer: PreTrainedTokenizerBase) -> dict[int, set[str]]:
    """Return what special tokens stand for; a filler stands for nothing beside what else it is."""
    found: dict[int, set[str]] = {}
    for role in tokenizer.SPECIAL_TOKENS_ATTRIBUTES:
        token = getattr(tokenizer, f"{role}_id")
        if token is not None:
            found.setdefault(token, set()).add(role)
    return {token: roles - {"pad_token"} or roles for token, roles in found.items()}


def _special_pairs(
    teacher: PreTrainedTokenizerBase, student: PreTrainedTokenizerBase, named: Mapping[str, str]
) -> list[tuple[int, int]]:
    pairs = [(student.eos_token_id, teacher.eos_token_id)]
    mine, theirs = student.get_vocab(), teacher.get_vocab()
    for one, other in named.items():
        if one not in mine or other not in theirs:
            raise UsageError(
                f"special={{{one!r}: {other!r}}}: expected a token of the student, and one of the "
                "teacher"
            )
        pairs.append((mine[one], theirs[other]))
    return [(one, other) for one, other in pairs if one is not None and other is not None]


class _Roots:
    """Finds the shared token that bytes count for."""

    def __init__(
        self,
        student: TokenBytes,
        teacher: TokenBytes,
        by_bytes: Mapping[bytes, int],
        teachers: Mapping[bytes, int],
    ) -> None:
        self._student, self._teacher = student, teacher
        self._by_bytes, self._teachers = by_bytes, teachers

    def of_student(self, text: bytes | None) -> int:
        return -1 if not text else self._of(text, ours=True)

    def of_teacher(self, text: bytes | None) -> int:
        return -1 if not text else self._of(text, ours=False)

    def _of(self, text: bytes, *, ours: bool) -> int:
        while not (text in self._by_bytes and text in self._teachers):
            other = self._teacher if ours else self._student
            token = other.first(text)
            begun = other.texts[token] if token is not None else None
            if not begun or len(begun) >= len(text) or not text.startswith(begun):
                return -1
            text, ours = begun, not ours
        return self._by_bytes[text]


def align(teacher_ends: Sequence[int], student_ends: Sequence[int]) -> list[tuple[int, int]]:
    """Return where two token sequences of the same bytes have a boundary both.

    Args:
        teacher_ends: At which byte each of the teacher's tokens ends.
        student_ends: The same of the student's.

    Returns:
        Pairs of the teacher's and the student's number of tokens before a common boundary, in
        order; of several at one byte, the last.
    """
    teachers = {end: count for count, end in enumerate(teacher_ends, start=1)}
    students = {end: count for count, end in enumerate(student_ends, start=1)}
    return [(teachers[end], count) for end, count in students.items() if end in teachers]
