"""What an audit finds in traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from locum.audit.pattern import Pattern
    from locum.audit.replaced import Replacement
    from locum.evaluation import Interval
    from locum.schema import JsonObject
    from locum.store.promotions import PromotionState

__all__ = [
    "Discovery",
    "Measures",
    "OtherCalls",
    "OutputKind",
    "SampledCall",
    "SelfAgreement",
    "StandIn",
    "TaskKind",
    "TaskTemplate",
    "TrafficTask",
    "Volume",
]

TaskKind = Literal["named", "instruction", "prompt", "examples", "conversation", "agent"]
"""How a task was told from others: by its name, by what the model is told to do, by the text around
its input, by examples in earlier turns; or it is talk of several turns, or the work of an agent."""


_TIMES_SILENT, _SILENT = 2, 0.1


class TaskTemplate(NamedTuple):
    """What is alike in all calls of a task.

    Args:
        instruction: What the model is told to do, with ``{}`` for what varies in it; empty where
            nothing is said.
        prompt: The last user message, with ``{}`` for what varies.
        pattern: The prompt as segments of words.
        fingerprints: Of its calls, sorted; those of a call in the sample, where they are too many.
    """

    instruction: str
    prompt: str
    pattern: Pattern
    fingerprints: tuple[str, ...]


class Volume(NamedTuple):
    """How much a task is used; US dollars, milliseconds, seconds since 1970.

    Args:
        calls: How many there are; the nearest whole number where they were estimated.
        left: Those that a student left to the model. They are recorded, and no fair sample: nothing
            but volume is measured on them.
        unrecorded: Those that a student answered without the model, of which no record was made.
        exact: Whether they were counted: else they are the share of those that were read.
        read: Calls that were read.
        first: Time of its first call, of those that were read where calls were estimated.
        last: Likewise of its last one.
        timed: Whether its calls tell a pace: not where they come at a few moments, as those of logs
            without times do. Then all that there are count as those of a month.
        begin: Time from which on its pace is taken: of its first call, but for one in a hundred
            that came long before the others.
        days: Days that the calls of a month are foreseen from: from there to the last call of any
            task, and one day where that is less, so that a burst is not taken for the pace of a
            month.
        silent_days: Days from its last call to the last one of any task.
        longest_gap_days: The longest time between two of its calls that were read and came one
            after the other; 0 where fewer than two were.
        calls_a_month: In 30.44 days, at the pace of those days.
        cost_usd: What those calls cost whose cost is known; ``None`` where it is of none.
        priced: Share of calls whose cost is known.
        cost_a_month_usd: What those of a month cost whose cost is known.
        models: Share of each model that was asked, the largest first.
        replacement: Whether the model that answered was replaced, by the calls that were read.
        applications: Share of each application, of the calls that were read; empty names are
            calls without one.
        latency_p50_ms: Median of those that were read; ``None`` where it is not known.
        latency_p95_ms: 95th percentile.
        input_tokens: Mean of a request; ``None`` where it is not known.
        output_tokens: Mean of an answer.
    """

    calls: int
    left: int
    unrecorded: int
    exact: bool
    read: int
    first: float
    last: float
    timed: bool
    begin: float
    days: float
    silent_days: float
    longest_gap_days: float
    calls_a_month: float
    cost_usd: float | None
    priced: float
    cost_a_month_usd: float | None
    models: tuple[tuple[str, float], ...]
    replacement: Replacement | None
    applications: tuple[tuple[str, float], ...]
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    input_tokens: float | None
    output_tokens: float | None

    @property
    def has_ended(self) -> bool:
        """Whether it was silent for much longer at last than ever between two of its calls.

        That is for twice as long, and for a tenth of the days since its first call.
        """
        return (
            self.timed
            and self.longest_gap_days > 0
            and self.silent_days > max(_TIMES_SILENT * self.longest_gap_days, _SILENT * self.days)
        )

    @property
    def fair(self) -> int:
        """Recorded calls that no student chose: what a certificate may be tested on."""
        return self.calls - self.left - self.unrecorded


class StandIn(NamedTuple):
    """What promoted students did with the calls of a task, in the time that was looked at.

    Args:
        task: What it was promoted by: the task's name, or the fingerprint of its calls.
        state: ``active``, ``demoted`` or ``revoked``: of the last one.
        since: When the first hour begins in which calls came, in seconds since 1970; when the last
            student's state changed where none did.
        calls: Calls that came to a gateway since then.
        answered: Those of them that a student answered.
        counted: Whether the volume counts them: not under a filter that they tell nothing of, such
            as one by model.
    """

    task: str
    state: PromotionState
    since: float
    calls: int
    answered: int
    counted: bool


class SampledCall(NamedTuple):
    """One call of a task, drawn at random.

    Args:
        call_id: Its id.
        time: When it was sent, in seconds since 1970.
        model: The model that was asked for.
        text: The part of the last user message that varies.
        message: The whole message, as a student would read it.
        answer: What was answered; ``None`` where that is no text.
    """

    call_id: str
    time: float
    model: str
    text: str
    message: str
    answer: str | None


class OutputKind(NamedTuple):
    """What the answers are.

    Args:
        kind: ``closed set`` of labels, ``schema`` for JSON objects, ``lists`` of JSON objects,
            ``free text``, or ``tools`` that are called.
        labels: Share of each label of a closed set, the most frequent first.
        fields: Fields of the objects, of the schema that was asked for where there is one.
    """

    kind: Literal["closed set", "schema", "lists", "free text", "tools"]
    labels: tuple[tuple[str, float], ...] = ()
    fields: tuple[str, ...] = ()


class SelfAgreement(NamedTuple):
    """How often a teacher gave the same answer to the same question.

    Args:
        pairs: Questions that were asked again; of each, the first two askings count.
        share: Share of them answered alike.
        interval: Of that share, 95%, exact (Clopper and Pearson 1934).
    """

    pairs: int
    share: float
    interval: Interval


class Measures(NamedTuple):
    """What the calls of a task are like, by those that were read.

    Args:
        output: What the answers are.
        narrowness: From 0 to 1; see `locum.audit.measures.narrowness`.
        exact_duplicates: Share of calls whose input was there before, but for case, spaces and
            numbers. Where not all calls were read it is too low, as the other call may not have
            been read.
        near_duplicates: Share of other calls whose input is a near-copy of an earlier one;
            likewise.
        repeated: Share of calls whose whole request the same application sent before, model and
            settings too; likewise. Those that cost nothing, where others did, are left out: a cache
            has answered them.
        cacheable: Share of calls that are such at temperature 0, which a cache may answer.
        cacheable_cost: Share of the cost that is theirs; their share of calls where nothing has a
            cost.
        self_agreement: ``None`` where no question was asked twice.
        turns: Mean number of the model's answers before the one that was asked for.
        tools: Share of calls in which a model may choose among tools.
        streamed: Share of answers that were streamed.
        batched: Share of calls that were paid at the price of batches.
        temperature: Median of those that were asked for; ``None`` where none was.
        input_words: Median words of the part that varies.
        answer_words: Median words of an answer.
        refused: Share of calls without an answer in text.
        thought: Share of calls whose answer begins with the model's thoughts, which count as no
            part of it here.
        instruction_varies: Whether the instruction has parts that vary: a student that reads the
            user's message alone does not see them.
        talk: Share of calls after turns that are no examples, as fewer than 2% of the calls have
            the same.
        answerable: Share of calls that a student in a gateway may answer, whatever it has learned.
        hindrance: What most others have that keeps it from them; empty where there are none.
        recognised: Share of calls that a gateway would recognise: those of the answerable ones to a
            model, with an instruction and settings that at least 2% of these have; where these are
            new ones again and again, the share that what the older half has would recognise of the
            newer.
    """

    output: OutputKind
    narrowness: float
    exact_duplicates: float
    near_duplicates: float
    repeated: float
    cacheable: float
    cacheable_cost: float
    self_agreement: SelfAgreement | None
    turns: float
    tools: float
    streamed: float
    batched: float
    temperature: float | None
    input_words: float
    answer_words: float
    refused: float
    thought: float
    instruction_varies: bool
    talk: float
    answerable: float
    hindrance: str
    recognised: float


class TrafficTask(NamedTuple):
    """A task in traffic.

    Args:
        name: Names it for good: the named task, or words of the instruction or the prompt and
            digits of their hash.
        kind: How it was told from others.
        template: What is alike in all of its calls.
        definition: How its calls are found again, as JSON; empty for a named task.
        volume: How much it is used.
        sample: At most 8,000 of its calls, drawn uniformly at random, fewer where they are long.
            Those that a student left to the model are not drawn from.
        measures: What its calls are like.
        student: What stands in for the model; ``None`` where nothing ever did.
    """

    name: str
    kind: TaskKind
    template: TaskTemplate
    definition: JsonObject
    volume: Volume
    sample: tuple[SampledCall, ...]
    measures: Measures
    student: StandIn | None = None

    @property
    def is_answered(self) -> bool:
        """Whether a student stands in for the model now."""
        return self.student is not None and self.student.state == "active"


class OtherCalls(NamedTuple):
    """Calls that are no task.

    Args:
        reason: Why.
        calls: How many; estimated where they were told apart by reading some.
        cost_usd: What they cost, in US dollars; ``None`` where that is not known.
    """

    reason: str
    calls: int
    cost_usd: float | None


class Discovery(NamedTuple):
    """The tasks of a store.

    Args:
        tasks: Those with the highest cost first, then those with most calls.
        others: Calls that are no task, the most first.
        calls: All calls that were looked at, and those that students answered without a record.
        read: Calls whose bodies were read.
        damaged: Calls whose bodies could not be read, of those that were to be.
        first: Time of the first call with a whole answer, in seconds since 1970; ``None`` where
            there is none.
        last: Likewise of the last one.
    """

    tasks: list[TrafficTask]
    others: list[OtherCalls]
    calls: int
    read: int
    damaged: int
    first: float | None
    last: float | None
