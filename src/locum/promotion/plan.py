"""The plan of a promotion: what is kept of recorded calls so that a student can take them over."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from locum.errors import InputError
from locum.promotion.frame import Frame  # noqa: TC001 - pydantic reads it
from locum.promotion.recognition import Recognition
from locum.promotion.token_lines import TokenLine, estimate_tokens
from locum.promotion.wording import LabelWording, ObjectWording  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.schema import JsonObject
    from locum.store import Promotion

__all__ = ["AnswerText", "Plan", "read_plan", "write_plan"]


class AnswerText(NamedTuple):
    """An answer as it is written, and about how many tokens the teacher would have needed."""

    text: str
    tokens: int


class Plan(NamedTuple):
    """How a task's calls are recognised, and how its student answers them.

    Args:
        recognition: Which calls are the task's.
        labels: How each label is worded, by the fingerprint of the call; empty for JSON.
        objects: What stands around JSON, by the fingerprint of the call; empty for labels.
        prompt_tokens: How many tokens the prompts have.
        call_usd: What one of the teacher's answers costs in the mean; ``None`` where not known.
        call_ms: How long one takes at the median; likewise.
        target: The promised agreement on what the student answers.
        confidence: Of the promise.
        coverage: Share of calls that the student is expected to answer.
        teacher: Who answers else.
        models: How the teacher's answers name the model, by the name that it was asked under.
        texts: Fingerprints of the calls whose answers are free text, given as they are written.
        patterns: Digest of what was searched for in prompts; empty where that is not known.
        thoughts: Tags of thoughts that the teacher's answers begin with, by the fingerprint of the
            call; a student's answers begin with them too, and nothing between.
        answer_tokens: How many tokens objects and texts have, by the fingerprint of the call; none
            where that is not known.
    """

    recognition: Recognition
    labels: dict[str, dict[str, LabelWording]]
    objects: dict[str, ObjectWording]
    prompt_tokens: TokenLine
    call_usd: float | None
    call_ms: float | None
    target: float
    confidence: float
    coverage: float
    teacher: str
    models: Mapping[str, str] = MappingProxyType({})
    texts: tuple[str, ...] = ()
    patterns: str = ""
    thoughts: Mapping[str, str] = MappingProxyType({})
    answer_tokens: Mapping[str, TokenLine] = MappingProxyType({})

    def word(self, fingerprint: str, said: str) -> AnswerText | None:
        """Return what a student says as the teacher would write it.

        Args:
            fingerprint: Of the call.
            said: A label, an object as JSON, or a text.

        Returns:
            ``None`` where it is not known how the teacher writes that.
        """
        worded = self._word(fingerprint, said)
        thought = self.thoughts.get(fingerprint)
        if worded is None or not thought:
            return worded
        return AnswerText(thought + worded.text, worded.tokens + estimate_tokens(thought))

    def _word(self, fingerprint: str, said: str) -> AnswerText | None:
        if fingerprint in self.texts:
            return self._counted(fingerprint, said)
        around = self.objects.get(fingerprint)
        if around is not None:
            return self._counted(fingerprint, f"{around.before}{said}{around.after}")
        label = self.labels.get(fingerprint, {}).get(said)
        if label is None:
            return None
        return AnswerText(label.text, label.tokens or estimate_tokens(label.text))

    def _counted(self, fingerprint: str, text: str) -> AnswerText:
        line = self.answer_tokens.get(fingerprint)
        return AnswerText(text, line.count(text) if line else estimate_tokens(text))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


Finite = Annotated[float, Field(allow_inf_nan=False)]


class _PlanEntry(_Strict):
    """A plan as it is kept."""

    frames: list[Frame]
    before: str
    after: str
    by_name: bool
    longest: int
    labels: dict[str, dict[str, LabelWording]]
    objects: dict[str, ObjectWording]
    prompt_tokens: TokenLine
    call_usd: Finite | None
    call_ms: Finite | None
    target: Finite
    confidence: Finite
    coverage: Finite
    teacher: str
    models: dict[str, str] = {}
    texts: tuple[str, ...] = ()
    patterns: str = ""
    thoughts: dict[str, str] = {}
    answer_tokens: dict[str, TokenLine] = {}


def write_plan(plan: Plan) -> JsonObject:
    """Return a plan as JSON."""
    recognition = plan.recognition
    rest = {k: v for k, v in plan._asdict().items() if k != "recognition"}
    return _PlanEntry(
        frames=sorted(recognition.frames),
        before=recognition.before,
        after=recognition.after,
        by_name=recognition.by_name,
        longest=recognition.longest,
        **rest,
    ).model_dump(mode="json")


def read_plan(promotion: Promotion) -> Plan:
    """Return the plan of a promotion.

    Raises:
        InputError: It is none, or another version's.
    """
    try:
        read = _PlanEntry.model_validate(promotion.plan)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "plan"
        raise InputError(
            f"made by another version of Locum, or damaged ({place}: {first['msg']}): "
            f"locum distill {promotion.task}, then locum promote {promotion.task}"
        ) from None
    recognition = Recognition(
        frozenset(read.frames), read.before, read.after, read.by_name, read.longest
    )
    rest = {name: getattr(read, name) for name in Plan._fields if name != "recognition"}
    return Plan(recognition, **rest)
