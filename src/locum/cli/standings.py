"""Looks at promoted students, again and again while somebody watches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from locum.cli.options import parse_past
from locum.cli.places import open_existing, whole_name
from locum.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from locum.config import RedactionSettings
    from locum.promotion import OtherPrompt, Standing
    from locum.store import Grouping

__all__ = ["StandingsReader"]

# To find calls of other prompts, all that were recorded since a promotion are summed up: of many
# this takes long, and a twentieth of the time at most goes into it.
_PAUSE_A_SECOND = 19.0


class StandingsReader:
    """Reads how promoted students do.

    Args:
        place: Path or URL of the store.
        task: A promoted task; else all.
        since: What ``--since`` says: a time ago moves on while somebody watches.
        by: Of what rows hold the calls; by default there are none.
        redaction: What the gateway takes out of calls.
    """

    def __init__(
        self,
        place: str | Path,
        task: str | None,
        since: str | None,
        by: Grouping | None,
        redaction: RedactionSettings,
    ) -> None:
        self._place = place
        self._task = task
        self._since = since
        self._by = by
        self._redaction = redaction
        self._prompts: dict[tuple[str, str, float], list[OtherPrompt]] = {}
        self._due = 0.0

    def read(self) -> list[Standing]:
        """Look at the store once: another one may have come to its place.

        Raises:
            InputError: It cannot be read, or the task was never promoted.
            UsageError: A time or the task cannot be used.
        """
        from locum.promotion import Framer, read_standings
        from locum.store import PromotionStore

        begin = None if self._since is None else parse_past("--since", self._since)
        began = time.monotonic()
        framer = Framer(self._redaction) if began >= self._due else None
        task = self._task
        with open_existing(self._place, to_read=True) as database:
            if task is not None:
                task = whole_name(task, PromotionStore(database).revisions())
            standings = read_standings(database, task, since=begin, by=self._by, framer=framer)
        if task is not None and not standings:
            raise InputError(f"task {task!r} was never promoted: locum promote {task}")
        if framer is None:
            return [self._with_prompts(standing) for standing in standings]
        now = time.monotonic()
        self._due = now + _PAUSE_A_SECOND * (now - began)
        self._prompts = {_key(standing): standing.other_prompts for standing in standings}
        return standings

    def _with_prompts(self, standing: Standing) -> Standing:
        """Return a standing with the calls of other prompts that there were before."""
        return standing._replace(other_prompts=self._prompts.get(_key(standing), []))


def _key(standing: Standing) -> tuple[str, str, float]:
    """What calls of other prompts are counted for: from another promotion on they begin anew."""
    return standing.task, standing.artefact, standing.changed
