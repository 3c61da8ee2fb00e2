"""Where the distillation of an encoder starts: a teacher, and a smaller student of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.errors import UsageError
from locum.students.encoder_layers import drop_layers
from locum.students.encoder_source import Pooling, import_encoder_extra, load_encoder

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

__all__ = ["EncoderPair", "load_pair", "match_layers"]


class EncoderPair(NamedTuple):
    """Two encoders that read the same tokens.

    Args:
        teacher: The larger one; it does not learn.
        student: The smaller one.
        tokenizer: Content of the ``tokenizer.json`` of both.
        pooling: How the student's last hidden states become one vector.
        most_tokens: How many tokens both have positions for.
    """

    teacher: PreTrainedModel
    student: PreTrainedModel
    tokenizer: bytes
    pooling: Pooling
    most_tokens: int


def load_pair(
    teacher: str | Path, layers: int | None = None, student: str | Path | None = None
) -> EncoderPair:
    """Load a teacher, and a student that begins as some of its layers or as another encoder.

    Args:
        teacher: Folder, or name on the Hugging Face hub.
        layers: How many of the teacher's layers the student keeps (DistilBERT; Sanh et al. 2019).
        student: In the place of ``layers``: an encoder with the same vocabulary.

    Raises:
        UsageError: An encoder cannot be loaded, the vocabularies differ, or not exactly one of
            ``layers`` and ``student`` is given.
    """
    if (layers is None) == (student is None):
        raise UsageError(
            f"layers={layers}, student={student}: expected one of the two, layers to start from "
            "some of the teacher's layers or student to start from a smaller encoder"
        )
    large = load_encoder(str(teacher))
    if layers is not None:
        return EncoderPair(large.model, drop_layers(large.model, layers), *large[1:])
    small = load_encoder(str(student))
    if _vocabulary(small.tokenizer) != _vocabulary(large.tokenizer):
        raise UsageError(
            f"student {str(student)!r} has another vocabulary than teacher {str(teacher)!r}, so "
            "their tokens cannot be compared: take a student of the same vocabulary, or layers=N"
        )
    most_tokens = min(small.most_tokens, large.most_tokens)
    return EncoderPair(large.model, small.model, small.tokenizer, small.pooling, most_tokens)


def match_layers(teacher_layers: int, student_layers: int) -> list[int]:
    """Return the teacher's hidden state that each of the student's imitates, the embeddings first.

    The uniform mapping of TinyBERT (Jiao et al. 2020, section 3.1): state ``m`` of ``M`` imitates
    state ``m N / M`` of ``N``, rounded; so embeddings go to embeddings and last to last.

    Raises:
        UsageError: The student has more layers than the teacher.
    """
    if student_layers > teacher_layers:
        raise UsageError(
            f"the student has {student_layers} layers, the teacher {teacher_layers}: expected a "
            "student with at most as many"
        )
    return [round(m * teacher_layers / student_layers) for m in range(student_layers + 1)]


def _vocabulary(tokenizer: bytes) -> dict[str, int]:
    read = import_encoder_extra("tokenizers").Tokenizer.from_buffer
    vocabulary: dict[str, int] = read(tokenizer).get_vocab()
    return vocabulary
