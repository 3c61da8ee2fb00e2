"""Names that an audit gave to calls which name no task."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from locum.store import CallFilter, Database

__all__ = ["forget_audited", "with_audited_calls"]


def with_audited_calls(database: Database, where: CallFilter) -> CallFilter:
    """Return a filter that takes the calls of a task also by the name that an audit gave it.

    Calls that name no task are told by what they say, and so are read and taken by their ids; any
    other filter is returned as it is.

    Args:
        database: The store.
        where: The filter, with the name for its task.

    Raises:
        InputError: The store cannot be read, or another version of Locum found the task.
        UsageError: They are too many.
    """
    from locum.audit import calls_of_task
    from locum.store import MOST_IDS, AuditedTaskStore

    if where.task is None or AuditedTaskStore(database).find(where.task) is None:
        return where
    calls = calls_of_task(database, where.task, replace(where, task=None, named=False))
    ids = tuple(call.facts.id for call in islice(calls, MOST_IDS + 1))
    if len(ids) > MOST_IDS:
        raise UsageError(
            f"--task {where.task!r}: more than {MOST_IDS:,} calls are of it that name no task: ask "
            "for fewer by --since and --until, or give fingerprints, which locum calls totals shows"
        )
    return replace(where, or_ids=ids)


def forget_audited(database: Database, deleted: Collection[str]) -> list[str]:
    """Forget the tasks of an audit that had deleted calls alone; see `locum.audit.forget_tasks`."""
    from locum.store import AuditedTaskStore

    if not AuditedTaskStore(database).names():
        return []
    from locum.audit import forget_tasks

    return forget_tasks(database, deleted)
