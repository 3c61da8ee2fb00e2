"""What a training cannot be asked for, said before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from locum.errors import UsageError
from locum.language.distributions import TopTokens
from locum.language.packing import refuse_unpacked
from locum.language.settings import LanguageLoss, Mode
from locum.language.teachers import refuse_unasked
from locum.teachers.urls import check_url
from locum.writable import why_unwritable

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

    from locum.language.distributions import DrawnTokens
    from locum.language.origin import Origin
    from locum.language.packing import Packed
    from locum.language.settings import LanguageSettings
    from locum.language.teachers import TokenTeacher

__all__ = ["refuse_kept", "refuse_run", "refuse_training", "refuse_unused"]


def refuse_run(
    folder: Path,
    teacher: str | Path | None,
    served_as: str | None,
    origin: Origin,
    mode: Mode,
    settings: LanguageSettings,
) -> None:
    """See that the arguments of `locum.language.distill_language_model` go together.

    Raises:
        UsageError: They do not, or no folder can be made there.
    """
    if mode not in get_args(Mode):
        raise UsageError(f"mode is {mode!r}, expected {', '.join(get_args(Mode))}")
    reason = why_unwritable(folder)
    if reason is not None:
        raise UsageError(f"{folder} cannot be made: {reason}")
    if folder.exists():
        raise UsageError(f"{folder} exists: expected the place of a folder to be made")
    if teacher is None and mode != "hard":
        raise UsageError(f"mode {mode} needs a teacher; without one there is mode hard")
    if teacher is None and origin.model is None:
        raise UsageError("neither a teacher nor a student's model is given: expected one of them")
    served = str(teacher).startswith(("http://", "https://"))
    if served:
        check_url(str(teacher), "teacher")
    if served != (served_as is not None) or (served and mode != "offline"):
        raise UsageError(
            f"teacher={str(teacher)!r}, served_as={served_as!r}, mode={mode}: expected all of a "
            "URL, the model's name there, and mode offline; or none"
        )
    if served and origin.model is None:
        raise UsageError(
            "the teacher is behind a URL, so the student cannot be made of it: give a model"
        )
    if settings.on_policy_share and mode != "online":
        raise UsageError(
            f"on_policy_share={settings.on_policy_share} in mode {mode}: what the student writes "
            "is judged as it is written, so expected mode online"
        )


def refuse_unused(
    kept: TopTokens | DrawnTokens | None,
    cache: str | Path | None,
    mode: Mode,
    settings: LanguageSettings,
) -> None:
    """See that nothing is asked for that changes nothing."""
    if cache is not None or kept is not None:
        raise UsageError(
            f"mode {mode} keeps nothing of what a teacher says: expected neither a cache nor what "
            "to keep of each token, or mode offline"
        )
    if mode == "hard" and settings.loss != LanguageLoss():
        raise UsageError(
            f"mode hard learns the tokens of the texts alone, and the loss is {settings.loss}: "
            "leave it out, or take mode offline or online"
        )


def refuse_kept(kept: TopTokens | DrawnTokens, settings: LanguageSettings) -> None:
    """See that a loss can be had of what is kept, before a teacher is asked for it."""
    loss = settings.loss
    if kept.temperature != loss.temperature:
        raise UsageError(
            f"kept is {kept} and the loss is at temperature {loss.temperature}: expected the same "
            "temperature"
        )
    if not isinstance(kept, TopTokens) and loss.name != "forward_kl":
        raise UsageError(
            f"kept is {kept} and the loss {loss.name}: draws serve forward_kl alone; take it, or "
            "TopTokens"
        )


def refuse_training(
    student: PreTrainedModel,
    packed: Packed,
    teacher: TokenTeacher | None,
    held_out: Packed | None,
    settings: LanguageSettings,
) -> None:
    """See that the arguments of `locum.language.train_language_model` go together.

    Raises:
        UsageError: They do not.
    """
    import torch

    refuse_unpacked(packed)
    if held_out is not None:
        refuse_unpacked(held_out)
    if teacher is not None:
        refuse_unasked(teacher)
    learning = {p.dtype for p in student.parameters() if p.requires_grad}
    if not learning:
        raise UsageError(
            "none of the student's weights learns: expected some with requires_grad; a model that "
            "was given to ModelTeacher has none, so make the student of a copy"
        )
    if learning != {torch.float32}:
        kinds = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in learning))
        raise UsageError(
            f"the student's weights that learn are {kinds}, expected float32: load it "
            "with dtype='float32'; precision='bfloat16' computes in the shorter type"
        )
    if settings.on_policy_share and teacher is None:
        raise UsageError(
            f"on_policy_share={settings.on_policy_share} without a teacher: expected one that says "
            "what it would have written"
        )
    if settings.on_policy_share and getattr(teacher, "asked_before", False):
        raise UsageError(
            f"on_policy_share={settings.on_policy_share} with a {type(teacher).__name__}, which "
            "was asked before the student writes: expected the teacher itself, such as "
            "ModelTeacher, or on_policy_share=0"
        )
