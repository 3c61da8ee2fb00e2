"""The plain typed data that flows from calls to predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "AROUND",
    "MANIFEST",
    "SPLITS",
    "Call",
    "CallFacts",
    "Endpoint",
    "Example",
    "JsonObject",
    "Outcome",
    "OwnPrice",
    "Prediction",
    "SoftLabelSource",
    "SoftLabels",
    "Split",
    "Task",
    "TeacherAnswer",
    "TokenPosition",
    "Usage",
    "bare_key",
    "check_name",
    "label_key",
]

SoftLabelSource = Literal["distributions", "distributions and single answers", "single answers"]
Split = Literal["train", "validation", "certify", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "certify", "test")
Endpoint = Literal["chat", "completions", "responses", "messages", "embeddings", "other"]
Outcome = Literal["whole", "incomplete", "failed"]
JsonObject = dict[str, Any]

MANIFEST = "manifest.json"
AROUND = " \t\r\n\"'`*_.,:;!?()[]<>\u201c\u201d\u2018\u2019"
_NAME_LENGTH = 100


def label_key(label: str) -> str:
    """Return the form under which two spellings of a label count as the same."""
    return " ".join(label.split()).casefold()


def bare_key(label: str) -> str:
    """Return `label_key` without punctuation around it, unless there is nothing else."""
    return label_key(label).strip(AROUND) or label_key(label)


@dataclass(frozen=True)
class Task:
    """Calls that share one instruction and one closed label set.

    Args:
        name: How the command line, the artefact and the report call the task: letters, digits,
            ``.``, ``_`` and ``-``, starting with a letter or digit.
        labels: The closed label set, at least two, distinct also when case is ignored.
        instruction: What the teacher is asked to do.
        descriptions: For some or all labels, what they mean; part of the prompt.
        examples: Inputs with their labels; shown to the teacher as earlier turns.

    Raises:
        UsageError: A name, label, description or example breaks these rules.
    """

    name: str
    labels: tuple[str, ...]
    instruction: str = "Classify the text."
    descriptions: Mapping[str, str] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the rules."""
        object.__setattr__(self, "labels", tuple(self.labels))
        check_name(self.name)
        _check_labels(self.name, self.labels)
        if any("\ud800" <= character <= "\udfff" for character in self.instruction):
            raise UsageError(f"task {self.name!r}: the instruction is no valid Unicode text")
        for where, labels in (
            ("a description", self.descriptions.keys()),
            ("an example", self.examples.values()),
        ):
            for label in labels:
                if label not in self.labels:
                    raise UsageError(
                        f"task {self.name!r} has {where} for {label!r}, which is not one of its "
                        f"labels ({', '.join(self.labels)}): add the label or correct it"
                    )


def check_name(name: str) -> None:
    """Refuse a task name that could not be a plain folder name everywhere.

    Raises:
        UsageError: The name is empty, too long, or has other characters than ASCII letters,
            digits, ``.``, ``_`` and ``-``, or does not start with a letter or digit.
    """
    plain = name.isascii() and all(c.isalnum() or c in "._-" for c in name)
    if not (plain and name[:1].isalnum() and len(name) <= _NAME_LENGTH):
        raise UsageError(
            f"task name {name!r} cannot be used: expected 1 to {_NAME_LENGTH} ASCII letters, "
            "digits, '.', '_' or '-', starting with a letter or digit"
        )


def _check_labels(name: str, labels: Sequence[str]) -> None:
    if len(labels) < 2:
        raise UsageError(
            f"task {name!r} has {len(labels)} label(s) ({', '.join(labels) or 'none'}): a "
            "classification needs at least two; with one there is nothing to decide"
        )
    seen: dict[str, str] = {}
    for label in labels:
        key = label_key(label)
        if not key:
            raise UsageError(f"task {name!r} has an empty label: name it or leave it out")
        if len(label.splitlines()) > 1:
            raise UsageError(f"task {name!r} has the label {label!r}: a label is one line")
        if key in seen:
            raise UsageError(
                f"task {name!r} has the labels {seen[key]!r} and {label!r}, which differ in case "
                "or spaces alone: keep one of them"
            )
        seen[key] = label


class TokenPosition(NamedTuple):
    """One token of an answer.

    Args:
        token: The text that was written; bytes that are no whole character stand in it as
            surrogate escapes (PEP 383).
        alternatives: Log-probability of each text that might have been written here, of the
            written one too.
    """

    token: str
    alternatives: Mapping[str, float]


class Usage(NamedTuple):
    """Tokens that one or several calls used.

    Args:
        input_tokens: Tokens of the requests, those read from the provider's cache among them.
        output_tokens: Tokens of the answers.
        cached_tokens: Tokens of the requests that were read from the provider's cache.
        written_tokens: Tokens of the requests that were written to it, where that has a price.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    written_tokens: int = 0


class OwnPrice(NamedTuple):
    """What a model costs its user, in US dollars for a million tokens.

    Args:
        input: Tokens of requests.
        output: Tokens of answers.
        cached_input: Tokens of requests that the provider had in its cache; by default as others.
    """

    input: float
    output: float
    cached_input: float | None = None


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known of one call besides what was said in it; every text is redacted.

    Args:
        id: Names the call for good: the same call, recorded or imported again, has the same one.
        time: When it was sent, in seconds since 1970.
        source: ``gateway``, or the format that it was imported from.
        endpoint: Which API was called.
        outcome: ``whole`` where the answer arrived to its end, ``incomplete`` where it broke off,
            ``failed`` where there was none.
        model: The model that was asked for; empty where none was named.
        fingerprint: Twelve hexadecimal digits, alike for calls that share instruction and kind of
            output.
        task: The task that the application or the importing user named; ``None`` where none was.
        application: The application whose key was used, where the gateway knows applications.
        upstream: Who answered, as the gateway's settings call it.
        status: HTTP status of the answer.
        streamed: Whether the answer was streamed.
        latency_ms: From sending the request to the end of its answer.
        first_byte_ms: From sending the request to the first byte of its answer.
        input_tokens: Tokens of the request.
        output_tokens: Tokens of the answer.
        cost_usd: What the call cost, by its record, else by its model's list price.
        preview: The beginning of the input, for lists.
    """

    id: str
    time: float
    source: str
    endpoint: Endpoint
    outcome: Outcome
    model: str
    fingerprint: str
    task: str | None = None
    application: str | None = None
    upstream: str | None = None
    status: int | None = None
    streamed: bool = False
    latency_ms: float | None = None
    first_byte_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    preview: str = ""


class Call(NamedTuple):
    """One recorded request to a model with its answer.

    Args:
        facts: What lists and filters look at.
        request: The body, in the shape of OpenAI's chat completions whatever API was called; as it
            was sent for embeddings and other paths.
        response: Likewise; ``None`` where there is none.
    """

    facts: CallFacts
    request: JsonObject
    response: JsonObject | None


@dataclass(frozen=True, slots=True)
class Example:
    """One input of a task with what is known about it.

    Args:
        text: The input, as it was sent.
        answer: The teacher's answer, as it was written; ``None`` where it is not known.
        distribution: The teacher's probabilities by label, where they were recorded.
        positions: The answer token by token, where its log-probabilities were recorded.
        human: A person's label, where there is one.
        time: When the call was made, in seconds since 1970.
        latency_ms: How long the teacher took.
        cost_usd: What the call cost.
        held_out: Whether the input belongs to a test set that its owner chose.
        call_id: The recorded call that the input stems from.
        synthetic: Whether a model wrote the input; such inputs are learned from, and never
            certified or tested on.
    """

    text: str
    answer: str | None = None
    distribution: Mapping[str, float] | None = None
    positions: tuple[TokenPosition, ...] | None = None
    human: str | None = None
    time: float | None = None
    latency_ms: float | None = None
    cost_usd: float | None = None
    held_out: bool = False
    call_id: str | None = None
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class TeacherAnswer:
    """What a teacher said of one input.

    Args:
        text: The answer as it was written.
        distribution: Probability of every label of the task, in the order of its labels, with
            what is missing to one being mass outside the label set or not seen; ``None`` where
            the teacher gave no log-probabilities.
        usage: Tokens of the call, where they were said.
        latency_ms: How long the call took.
        version: The model that answered, as it calls itself, with its fingerprint where it has one.
        refused: Whether the teacher declined to answer.
        cost_usd: What the call cost, where its price is known.
        votes: From how many answers to the same question the distribution was counted; ``None``
            where it was not.
    """

    text: str
    distribution: tuple[float, ...] | None = None
    usage: Usage | None = None
    latency_ms: float | None = None
    version: str | None = None
    refused: bool = False
    cost_usd: float | None = None
    votes: int | None = None


@dataclass(frozen=True)
class SoftLabels:
    """The teacher's distributions over the labels of a task.

    Args:
        probabilities: ``[N, C]`` float64; rows sum to one.
        source: Where they came from.
    """

    probabilities: NDArray[np.float64]
    source: SoftLabelSource


class Prediction(NamedTuple):
    """What a student says of one input.

    Args:
        label: The most probable label.
        confidence: The student's calibrated probability of that label.
        answered: Whether the certificate covers it; where false, ask the teacher.
    """

    label: str
    confidence: float
    answered: bool
