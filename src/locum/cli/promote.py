"""``locum promote`` and ``locum demote``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from locum.cli.options import Config, Home
from locum.cli.output import command_to_type, print_json, say
from locum.cli.places import (
    find_artefact,
    open_existing,
    project_settings,
    store_place,
    whole_name,
)
from locum.errors import InputError, QualityGateError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from locum.promotion.prepare import Prepared
    from locum.store import Database, Promotion

__all__ = ["demote_command", "promote_command", "refuse_revoked"]

_BROKEN = (
    "the student of {task!r} {reason}. Train another on what was recorded since, with "
    "locum distill {task} --refresh, or let this one be scored beside its teacher, with --percent 0"
)


def promote_command(
    task: Annotated[str, typer.Argument(help="Name of a distilled task.")],
    *,
    percent: Annotated[
        float,
        typer.Option(help="Of how many calls in 100 the student is asked; 0 only scores it."),
    ] = 100.0,
    shadow: Annotated[
        float, typer.Option(help="Share of calls on which the teacher is asked besides.")
    ] = 0.02,
    config: Config = None,
    home: Home = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of text.")
    ] = False,
) -> None:
    """Let a student answer in the gateway, where its certificate covers it.

    A running gateway follows within about a second. Calls are recognised by instruction, schema,
    model and settings, as they were in the calls that the student learned from; all others go to
    the teacher. The student is kept in the store as it is now, and distilling the task again does
    not change it.
    """
    from locum.export import read_manifest
    from locum.promotion import promote_student
    from locum.replacing import read_whole

    _check_shares(percent, shadow)
    settings = project_settings(config)
    folder = find_artefact(task, home)
    name = read_whole(folder, read_manifest).task.name
    with open_existing(store_place(home, settings)) as database:
        if percent:
            refuse_revoked(database, name, folder)
        promotion, prepared, learned_from_deleted = promote_student(
            database, folder, percent=percent, shadow=shadow, redaction=settings.redaction
        )
    if json_output:
        said = prepared.to_object() | {"learned_from_deleted": learned_from_deleted}
        print_json(_to_object(promotion) | said)
        return
    plan = prepared.plan
    models = ", ".join(sorted({frame.model for frame in plan.recognition.frames}))
    say(_describe(promotion))
    say(f"recognises  {_recognised(prepared, left=learned_from_deleted)}; model {models}")
    if prepared.foreseen and prepared.varying:
        newer, recognised = prepared.foreseen
        say(
            f"foresees    that few calls to come are recognised: promoted half-way, it would have "
            f"recognised {recognised:,} of the {newer:,} newer calls, as {prepared.varying.part} "
            f"has {prepared.varying.values:,} values, and goes on changing. Let the application "
            "move what varies, such as a date, into the user's message, and distil the task again"
        )
    say(
        f"promise     agreement of {plan.target:g} with {plan.teacher} on what it answers, with "
        f"confidence {plan.confidence:g}; it is expected to answer {plan.coverage:.1%}"
        f"{' of those that are recognised' if prepared.foreseen else ''}"
    )
    if prepared.unworded:
        say(
            f"leaves out  {len(prepared.unworded):,} of the labels, such as "
            f"{prepared.unworded[0]!r}: the teacher was not seen to write them, or not in one way"
        )
    for warning in prepared.warnings:
        say(f"warning     {warning}")
    if plan.thoughts:
        say(
            "thoughts    its answers begin with the tags of thoughts, as those that it learned "
            "from do, and with nothing between"
        )
    if plan.recognition.by_name:
        say(f"needs       the header x-locum-task: {name} in the application's calls")
    if prepared.stored:
        say(
            f"needs       store: false in the application's calls: without it, {prepared.stored:,} "
            "of these would be the teacher's, as its provider keeps their answers"
        )
    say(f"next        {command_to_type('status', name, config=config, home=home)}")


def demote_command(
    task: Annotated[str, typer.Argument(help="Name of a promoted task.")],
    *,
    config: Config = None,
    home: Home = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of text.")
    ] = False,
) -> None:
    """Let the teacher answer all calls of a task again; a running gateway follows at once."""
    from locum.store import PromotionStore

    with open_existing(store_place(home, project_settings(config))) as database:
        store = PromotionStore(database)
        promoted = store.all()
        ended = store.end(whole_name(task, [one.task for one in promoted]), "demoted", "")
        if ended is None:
            active = [one.task for one in promoted if one.state == "active"]
            raise InputError(
                f"no student stands in for task {task!r} (promoted: {', '.join(active) or 'none'})"
            )
    if json_output:
        print_json(_to_object(ended))
    else:
        say(_describe(ended))


def _check_shares(percent: float, shadow: float) -> None:
    if not 0 <= percent <= 100:
        raise UsageError(f"--percent {percent:g}: expected a number from 0 to 100")
    if not 0 < shadow <= 1:
        raise UsageError(
            f"--shadow {shadow:g}: expected a share above 0, at most 1: without sampled calls "
            "nobody would see that the promise is broken"
        )


def refuse_revoked(database: Database, task: str, folder: Path) -> None:
    """Refuse a student that broke its promise, also where it was only scored since.

    Args:
        database: The store.
        task: Of which task.
        folder: The student's artefact.

    Raises:
        QualityGateError: It did.
    """
    from locum.promotion import artefact_sha256
    from locum.store import PromotionStore, ShadowStore

    artefact = artefact_sha256(folder)
    if not ShadowStore(database).is_broken(task, artefact):
        return
    before = PromotionStore(database).find(task)
    told = before is not None and before.state == "revoked" and before.artefact == artefact
    reason = f"was revoked: {before.reason}" if before and told else "broke its promise"
    raise QualityGateError(_BROKEN.format(task=task, reason=reason))


def _recognised(prepared: Prepared, *, left: bool) -> str:
    """What it recognises of the calls that it learned from, or of those that are left."""
    if not prepared.calls:
        return "what it did before, as calls that it learned from were deleted since"
    calls = f"{prepared.calls:,} calls{' left' * left}"
    return f"{prepared.recognised:,} of the {calls} that it learned from"


def _describe(promotion: Promotion) -> str:
    if promotion.state != "active":
        return f"{promotion.task}: {promotion.state}; the teacher answers all calls"
    if not promotion.percent:
        return f"{promotion.task}: scored beside the teacher, which answers all calls"
    return (
        f"{promotion.task}: promoted, {promotion.percent:g}% of calls, {promotion.shadow:.1%} "
        "shadowed"
    )


def _to_object(promotion: Promotion) -> dict[str, object]:
    return {name: value for name, value in promotion._asdict().items() if name != "plan"}
