"""Whether written answers can be compared while a student stands in."""

from __future__ import annotations

from locum.errors import UsageError
from locum.writers import Acceptance

__all__ = ["check_comparable"]


def check_comparable(task: str, rule: str) -> None:
    """Refuse a student whose promise nobody could watch.

    Args:
        task: Of which task.
        rule: By which its answers are accepted.

    Raises:
        UsageError: Its rule asks a judge or an encoder, or needs what is not installed.
    """
    if not Acceptance(rule).is_on_texts:
        raise UsageError(
            f"task {task!r} is certified by {rule!r}, and a gateway that watches its promise asks "
            "no judge and no encoder: distil the task with a rule on the texts alone, such as "
            "--accept 'chrF>=0.6'"
        )
