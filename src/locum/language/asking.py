"""The teacher of a run: opened, compared, measured, and asked before the training or during it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import UsageError
from locum.language.distributions import TopTokens
from locum.language.server_teacher import ServerTeacher
from locum.language.teachers import ModelTeacher
from locum.teachers.pretrained import Pretrained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from locum.language.distributions import DrawnTokens
    from locum.language.settings import LanguageSettings
    from locum.language.teachers import TokenTeacher
    from locum.language.texts import Texts

__all__ = ["Asked", "open_teacher"]


class Asked(NamedTuple):
    """A teacher, ready to teach.

    Args:
        teacher: What the training asks; ``None`` where it learns from texts alone.
        parameters: Of the teacher.
        held_out: Its cross-entropy on the held-out targets, in nats a token.
        sequences: How many it was asked about before the training.
        cache_bytes: What its answers take on disk.
    """

    teacher: TokenTeacher | None = None
    parameters: int | None = None
    held_out: float | None = None
    sequences: int = 0
    cache_bytes: int = 0


def open_teacher(
    name: str | Path | None,
    served_as: str | None,
    tokenizer: PreTrainedTokenizerBase,
    mode: str,
    kept: TopTokens | DrawnTokens,
    cache: Path,
    texts: Texts,
    settings: LanguageSettings,
    device: str,
    processes: Any,  # noqa: ANN401 - accelerate's state
    say: Callable[[str], None],
) -> Asked:
    """Load a teacher, or find it behind its URL, and let it say what it says before the training.

    Raises:
        UsageError: It cannot be loaded, or has another vocabulary than the student.
    """
    if name is None:
        return Asked()
    if served_as is not None:
        teacher = ServerTeacher(str(name), served_as, tokenizer, count=_count(kept))
        return _ask_before(teacher, kept, cache, texts, settings.sequences_per_pass, processes, say)
    from locum.language.student_step import StudentStep, held_out_loss

    found = Pretrained(name)
    _refuse_other_tokens(found, tokenizer)
    say(f"loading teacher {found.name}")
    model = found.load(settings.precision, device)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    local = ModelTeacher(model, len(tokenizer), f"{found.fingerprint} {settings.precision}")
    measured = StudentStep(model, len(tokenizer), settings.loss, settings.precision)
    size = settings.sequences_per_pass
    held_out = held_out_loss(measured, texts.held_out, size, model.device)
    if mode == "hard":
        return Asked(None, parameters, held_out)
    if mode == "online":
        return Asked(local, parameters, held_out)
    return _ask_before(local, kept, cache, texts, size, processes, say)._replace(
        parameters=parameters, held_out=held_out
    )


def _ask_before(
    teacher: TokenTeacher,
    kept: TopTokens | DrawnTokens,
    folder: Path,
    texts: Texts,
    size: int,
    processes: Any,  # noqa: ANN401 - accelerate's state
    say: Callable[[str], None],
) -> Asked:
    from locum.language.cached_teacher import CachedTeacher, fill_cache
    from locum.language.distribution_cache import DistributionCache

    def tell(done: int, of: int) -> None:
        say(f"asked the teacher about {done:,} of {of:,} sequences")

    cache = DistributionCache(
        folder, teacher=teacher.fingerprint, vocabulary=teacher.vocabulary, settings=kept
    )
    asked = 0
    with processes.main_process_first():
        if processes.is_main_process:
            asked = fill_cache(cache, texts.train, teacher, batch_sequences=size, tell=tell)
    return Asked(CachedTeacher(cache), sequences=asked, cache_bytes=cache.size_in_bytes)


def _count(kept: TopTokens | DrawnTokens) -> int:
    """How many tokens a server is asked for."""
    if isinstance(kept, TopTokens) and kept.temperature == 1:
        return kept.count
    raise UsageError(
        f"kept is {kept}: a server tells its likeliest tokens at temperature 1, so expected "
        "TopTokens at that"
    )


def _refuse_other_tokens(teacher: Pretrained, tokenizer: PreTrainedTokenizerBase) -> None:
    if teacher.tokenizer.get_vocab() != tokenizer.get_vocab():
        raise UsageError(
            f"teacher {teacher.name!r} has other tokens than the student, so what it says of one "
            "is not about the other's: take a student of the teacher's family"
        )
