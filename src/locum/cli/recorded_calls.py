"""What recorded calls have in common, counted while they are read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from locum.cli.instructions import Instructions
from locum.cli.recorded_notes import describe_models, describe_replaced

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from locum.schema import Call, JsonObject

__all__ = ["RecordedCalls"]


class RecordedCalls:
    """Models, instructions and schemas of the calls of a task.

    Args:
        untimed: Ids of calls whose time was made up, each with that time.
        timed: Whether those are left out, as only calls of after some moment are wanted.
        has_teacher: Whether a teacher may be asked, so that it matters what calls told theirs.
    """

    def __init__(
        self, untimed: Collection[tuple[str, float]], *, timed: bool, has_teacher: bool
    ) -> None:
        self._untimed = untimed
        self._timed = timed
        self._has_teacher = has_teacher
        self._models: Counter[str] = Counter()
        self._answers: list[tuple[float, str]] = []
        self._told: Counter[str | None] = Counter()
        self._instructions = Instructions()
        self._schemas: Counter[bytes] = Counter()
        self._as_sent: dict[bytes, JsonObject] = {}
        self._left_out = 0

    def chosen(self, calls: Iterable[Call]) -> Iterator[Call]:
        """Yield the calls that are not left out."""
        for call in calls:
            if self._timed and (call.facts.id, call.facts.time) in self._untimed:
                self._left_out += 1
            else:
                yield call

    def counted(self, calls: Iterable[Call]) -> Iterator[Call]:
        """Yield calls, and count them; they come in the order of their times."""
        from locum.audit import answering_model
        from locum.traffic.json_requests import asked_schema
        from locum.traffic.strict_json import canonical_json

        for call in calls:
            self._models[call.facts.model] += 1
            if (call.facts.id, call.facts.time) not in self._untimed:
                self._answers.append((call.facts.time, answering_model(call)))
            self._told[_told(call) if self._has_teacher else None] += 1
            self._instructions.take(call)
            schema = asked_schema(call.request)
            if schema is not None:
                key = canonical_json(schema)
                self._schemas[key] += 1
                self._as_sent.setdefault(key, schema)
            yield call

    @property
    def teacher(self) -> str:
        """The model that most of them asked for."""
        [(teacher, _)] = self._models.most_common(1)
        return teacher

    @property
    def schema(self) -> JsonObject | None:
        """What answers had to satisfy, where that was the same in more than half."""
        [(schema, count)] = self._schemas.most_common(1) or [(b"", 0)]
        return self._as_sent[schema] if 2 * count > self._models.total() else None

    @property
    def instruction(self) -> str | None:
        """What the model was told besides the input, where that was the same in more than half."""
        [(instruction, count)] = self._told.most_common(1)
        return instruction if 2 * count > self._told.total() else None

    def describe(self, task: str, *, is_promoted: bool) -> list[str]:
        """Return what there is to say of them, a sentence each.

        Args:
            task: Of which task.
            is_promoted: Whether a student of it was promoted.
        """
        left_out = f"{self._left_out:,} calls are left out: nobody knows when they were sent"
        return [
            *[left_out] * bool(self._left_out),
            *describe_models(self._models),
            *describe_replaced(task, self._answers, is_promoted=is_promoted),
            *self._instructions.describe(),
        ]


def _told(call: Call) -> str | None:
    """What a call told its model besides the input; ``None`` where that was more than words."""
    from locum.traffic import instruction, split_request

    split = split_request(call.request, call.facts.endpoint)
    # What names no model was no request: nothing says what the model was told.
    if isinstance(split, str) or not split.rest["model"]:
        return None
    shown = any(turn["role"] in {"user", "assistant"} for turn in split.rest["messages"])
    return None if shown else instruction(call.request).strip()
