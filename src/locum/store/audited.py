"""What tasks an audit found, so that their names can be used later."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from locum.schema import JsonObject
    from locum.store.database import Database

__all__ = ["AuditedTask", "AuditedTaskStore"]


class AuditedTask(NamedTuple):
    """A task that was found in calls that name none.

    Args:
        name: Of the task.
        definition: How its calls are told from others, as JSON.
        time: When it was last found, in seconds since 1970.
    """

    name: str
    definition: JsonObject
    time: float


class AuditedTaskStore:
    """The tasks that audits of a store found; threads may share it.

    Every method raises `InputError` where the store cannot be read or written.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, tasks: Iterable[AuditedTask]) -> None:
        """Keep tasks, in the place of those of the same name."""
        rows = [(task.name, orjson.dumps(task.definition).decode(), task.time) for task in tasks]
        with self._database.transaction():
            self._database.executemany(
                "INSERT INTO audited_tasks (name, definition, time) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, "
                "time = excluded.time",
                sorted(rows),
            )

    def find(self, name: str) -> AuditedTask | None:
        """Return a task by its name."""
        query = "SELECT name, definition, time FROM audited_tasks WHERE name = ?"
        for name_kept, definition, moment in self._database.execute(query, (name,)):
            return AuditedTask(name_kept, orjson.loads(definition), moment)
        return None

    def forget(self, names: Iterable[str]) -> None:
        """Delete tasks, and what was kept of them."""
        rows = [(name,) for name in names]
        if rows:
            self._database.executemany("DELETE FROM audited_tasks WHERE name = ?", rows)
            self._database.empty_log()

    def names(self) -> list[str]:
        """Return the names of all tasks, in order."""
        rows = self._database.execute("SELECT name FROM audited_tasks ORDER BY name")
        return [name for (name,) in rows]
