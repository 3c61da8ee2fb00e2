"""The teacher of a run: opened, compared, measured, and asked before the training or during it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import UsageError
from locum.language.distributions import TopTokens
from locum.language.measuring import cross_entropy
from locum.language.models import refuse_too_long
from locum.language.projected_teacher import ProjectedTeacher
from locum.language.server_teacher import ServerTeacher
from locum.language.teachers import ModelTeacher
from locum.language.vocabularies import renamed_tokens, same_tokens
from locum.teachers.pretrained import Pretrained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from locum.language.distributions import DrawnTokens
    from locum.language.packing import Packed
    from locum.language.settings import LanguageSettings
    from locum.language.teachers import TokenTeacher
    from locum.language.texts import Texts

__all__ = ["Asked", "Asking", "open_teacher"]

# Of a teacher of other tokens: at every step, and at least where fewer are kept.
_LISTED = 100
_LEAST_SPOKEN_OF = 0.1


class Asking(NamedTuple):
    """What a teacher is asked, and how.

    Args:
        mode: See `locum.language.distill_language_model`, as for the next.
        kept: What is kept of what it says.
        cache: Folder where it is kept.
        texts: The texts.
        vocabulary: How many of the student's logits are of tokens.
        settings: Of the training.
        device: Where a model computes.
        processes: Accelerate's state of the processes that share the training.
        say: Is told what is being done.
    """

    mode: str
    kept: TopTokens | DrawnTokens
    cache: Path
    texts: Texts
    vocabulary: int
    settings: LanguageSettings
    device: str
    processes: Any
    say: Callable[[str], None]


class Asked(NamedTuple):
    """A teacher, ready to teach.

    Args:
        teacher: What the training asks; ``None`` where it learns from texts alone.
        parameters: Of the teacher.
        held_out: Its cross-entropy on the held-out targets, in nats a token; ``None`` where it has
            not all their tokens.
        sequences: How many it was asked about before the training.
        cache_bytes: What its answers take on disk.
        train: The texts with those targets alone that it speaks of, where these are not all.
    """

    teacher: TokenTeacher | None = None
    parameters: int | None = None
    held_out: float | None = None
    sequences: int = 0
    cache_bytes: int = 0
    train: Packed | None = None


class _Loaded(NamedTuple):
    """A model, its tokenizer, and a text that tells what it says from what others say."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    fingerprint: str


def open_teacher(
    name: str | Path | None,
    served_as: str | None,
    tokenizer: PreTrainedTokenizerBase,
    how: Asking,
) -> Asked:
    """Load a teacher, or find it behind its URL, and let it say what it says before the training.

    Args:
        name: Of the teacher, or its URL.
        served_as: Its name at that URL.
        tokenizer: Of the student.
        how: What it is asked.

    Raises:
        UsageError: It cannot be loaded, or has other tokens than the student, of a kind or for a
            training that cannot be.
    """
    if name is None:
        return Asked()
    if served_as is not None:
        count = _count(how.kept)
        return _ask_before(ServerTeacher(str(name), served_as, tokenizer, count=count), how)
    source = Pretrained(name)
    how.say(f"loading teacher {source.name}")
    model = source.load(how.settings.precision, how.device, whole=True)
    loaded = _Loaded(model, source.tokenizer, f"{source.fingerprint} {how.settings.precision}")
    shared = same_tokens(loaded.tokenizer, tokenizer)
    if shared:
        asked = _ask_alike(loaded, tokenizer, how, shared)
    else:
        asked = _ask_other(loaded, tokenizer, how)
    parameters = sum(weight.numel() for weight in model.parameters())
    return asked._replace(parameters=parameters)


def _ask_alike(
    loaded: _Loaded, tokenizer: PreTrainedTokenizerBase, how: Asking, shared: int
) -> Asked:
    """Measure a teacher of the student's own tokens, and ask it; either may have added some.

    Raises:
        UsageError: It is to speak of texts that hold a token of the student alone.
    """
    highest = max(int(part.ids_SL.max()) for part in (how.texts.train, how.texts.held_out))
    if highest >= shared:
        if how.mode == "hard":
            return Asked()
        raise UsageError(
            f"the texts hold the token {str(tokenizer.convert_ids_to_tokens(highest))!r} of the "
            f"student, number {highest:,}, and the teacher has the first {shared:,} alone: take a "
            "teacher that knows it, or a student that writes without it"
        )
    for mine, theirs in renamed_tokens(loaded.tokenizer, tokenizer, shared).items():
        how.say(f"the teacher calls the special token {mine} {theirs}: both have one role for it")
    refuse_too_long(loaded.model, how.texts.longest, "teacher")
    precision = how.settings.precision
    vocabulary = min(how.vocabulary, shared)
    teacher = ModelTeacher(loaded.model, vocabulary, loaded.fingerprint, precision)
    held_out = cross_entropy(
        loaded.model,
        how.texts.held_out,
        vocabulary=vocabulary,
        precision=precision,
        sequences_per_pass=how.settings.sequences_per_pass,
    )
    if how.mode == "offline":
        return _ask_before(teacher, how)._replace(held_out=held_out)
    return Asked(teacher if how.mode == "online" else None, held_out=held_out)


def _ask_other(loaded: _Loaded, tokenizer: PreTrainedTokenizerBase, how: Asking) -> Asked:
    """Ask a teacher of other tokens, which speaks where both have a token's end.

    Raises:
        UsageError: It is to speak at another temperature than one, or of what the student writes.
    """
    if how.mode == "hard":
        return Asked()
    temperature, on_policy_share = how.settings.loss.temperature, how.settings.on_policy_share
    if temperature != 1 or on_policy_share:
        raise UsageError(
            f"temperature={temperature}, on_policy_share={on_policy_share}: the teacher has other "
            "tokens than the student, and speaks of texts at temperature 1 alone"
        )
    from locum.language.aligned_teacher import AlignedTeacher

    said_by = f"{loaded.fingerprint} aligned"
    listed = max(_LISTED, how.kept.count) if isinstance(how.kept, TopTokens) else _LISTED
    teacher = AlignedTeacher(
        loaded.model, loaded.tokenizer, tokenizer, said_by, listed=listed, whole_classes=True
    )
    train = teacher.aligned(how.texts.train)
    how.say(
        f"the teacher has other tokens: it speaks of {train.rows:,} of "
        f"{how.texts.train.rows:,} targets, where both have a token's end"
    )
    if train.rows < _LEAST_SPOKEN_OF * how.texts.train.rows:
        raise UsageError(
            f"the teacher has other tokens and speaks of {train.rows:,} of "
            f"{how.texts.train.rows:,} targets: expected a tenth at least; where special tokens "
            "stand in the texts, as in conversations, take a teacher that knows them by the same "
            "names, or give texts without"
        )
    asked = Asked(teacher)
    if how.mode == "offline":
        asked = _ask_before(teacher, how._replace(texts=how.texts._replace(train=train)))
    assert asked.teacher is not None
    return asked._replace(teacher=ProjectedTeacher(asked.teacher, teacher.project), train=train)


def _ask_before(teacher: TokenTeacher, how: Asking) -> Asked:
    """Fill the cache with what the training will read; one process does, and the others wait."""
    from locum.language.cached_teacher import CachedTeacher, fill_cache
    from locum.language.distribution_cache import DistributionCache
    from locum.language.schedule import Schedule

    def tell(done: int, of: int) -> None:
        how.say(f"asked the teacher about {done:,} of {of:,} sequences")

    cache = DistributionCache(
        how.cache, teacher=teacher.fingerprint, vocabulary=teacher.vocabulary, settings=how.kept
    )
    asked, size = 0, how.settings.sequences_per_pass
    train = how.texts.train
    with how.processes.main_process_first():
        if how.processes.is_main_process:
            read = train.some(Schedule(len(train.ids_SL), how.settings).read())
            asked = fill_cache(cache, read, teacher, batch_sequences=size, tell=tell)
    return Asked(CachedTeacher(cache), sequences=asked, cache_bytes=cache.size_in_bytes)


def _count(kept: TopTokens | DrawnTokens) -> int:
    """How many tokens a server is asked for."""
    if isinstance(kept, TopTokens) and kept.temperature == 1:
        return kept.count
    raise UsageError(
        f"kept is {kept}: a server tells its likeliest tokens at temperature 1, so expected "
        "TopTokens at that"
    )
