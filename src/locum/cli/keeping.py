"""What becomes of a distillation: its student, its report, and what is promoted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from locum.cli.kept_files import keep_report, keep_student, put_aside
from locum.cli.refreshing import keep_or_promote

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.cli.distilled import AnyDistillation
    from locum.cli.places import TaskFolder
    from locum.cli.refreshing import Refresh
    from locum.config import Settings
    from locum.promotion import Refreshed
    from locum.schema import Example

__all__ = ["Kept", "keep_result"]


class Kept(NamedTuple):
    """What is left of a distillation.

    Args:
        student: Whether its student lies in the task's folder.
        report: Where its report lies.
        is_reported: Whether it could be written.
        refreshed: What became of a refresh; ``None`` where none was wished.
    """

    student: bool
    report: Path
    is_reported: bool = True
    refreshed: Refreshed | None = None


def keep_result(
    result: AnyDistillation,
    folder: TaskFolder,
    before: Refresh | None,
    settings: Settings,
    examples: Sequence[Example],
    place: str | Path,
    *,
    is_recorded: bool,
) -> Kept:
    """Keep what was made; a refresh that promotes nothing leaves student and report as they were.

    Args:
        result: What was found out.
        folder: Where the task's files lie.
        before: The promotion that a better student may take over; ``None`` where none is to.
        settings: Those of the project.
        examples: What it learned from.
        place: The store.
        is_recorded: Whether that are recorded calls, which were redacted.

    Raises:
        InputError: Calls that it was made of were deleted meanwhile, or the store cannot be used.
        QualityGateError: A student was to be promoted that broke its promise.
    """
    report = folder.report if before is None else folder.refreshed
    # Before what may fail: all of the work is in it.
    is_reported = keep_report(result, report, examples, place)
    if before is not None:
        refreshed = keep_or_promote(before, result, folder, settings, examples, place)
        if refreshed.better and is_reported:
            report = report.replace(folder.report)
        return Kept(refreshed.better, report, is_reported, refreshed)
    if result.student is None:
        put_aside(folder.student, place)
        return Kept(student=False, report=report, is_reported=is_reported)
    certified = replace(result.student, redaction=settings.redaction if is_recorded else None)
    keep_student(certified, folder.student, examples, place)
    return Kept(student=True, report=report, is_reported=is_reported)
