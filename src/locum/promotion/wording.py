"""How a teacher words its answers: what a student's answer is to look like."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError
from locum.teachers import LabelParser

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["LabelWording", "ObjectWording", "word_labels", "word_objects"]

_LEAST_SHARE = 0.5
_SAME_FRAME_SHARE = 0.9
_SHOWN = 60


class LabelWording(NamedTuple):
    """An answer that gives a label.

    Args:
        text: As the teacher most often writes it.
        tokens: How many tokens that takes; ``None`` where it is not known.
    """

    text: str
    tokens: int | None


class ObjectWording(NamedTuple):
    """What stands around an object: a code fence, or nothing."""

    before: str = ""
    after: str = ""


class Worded(NamedTuple):
    """A recorded answer, and how many tokens it took where that is known."""

    text: str
    tokens: int | None


def word_labels(labels: Sequence[str], answers: Iterable[Worded]) -> dict[str, LabelWording]:
    """Return how each label is written.

    A label that was never answered is written as it stands, if the others are; else it is left out.
    So is one whose answers are hardly ever alike, such as a rare one in as many spellings.

    Args:
        labels: Those of the task.
        answers: The teacher's.

    Raises:
        InputError: Most answers are of labels whose answers are hardly ever alike: they say more.
    """
    parse = LabelParser(labels)
    texts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    tokens: dict[str, int | None] = {}
    for answer in answers:
        index = parse(answer.text)
        if index is not None:
            texts[labels[index]][answer.text] += 1
            tokens[answer.text] = answer.tokens
    if not texts:
        raise InputError(
            f"no answer of the teacher is one of the labels, such as {labels[0]!r}: distil the "
            "task again, from calls whose answers are"
        )
    unlike = {label: said for label, said in texts.items() if not _are_alike(said)}
    counts = {label: said.total() for label, said in texts.items()}
    if sum(counts[label] for label in unlike) > _LEAST_SHARE * sum(counts.values()):
        label = max(unlike, key=counts.__getitem__)
        text, _ = unlike[label].most_common(1)[0]
        raise InputError(
            f"the teacher's answers say more than the label {label!r}, such as "
            f"{text[:_SHOWN]!r}, and hardly two are alike, so that a student's would look "
            "different: distil the task as JSON, with --schema and --leave-out"
        )
    worded = {}
    for label, said in texts.items():
        if label not in unlike:
            text, _ = said.most_common(1)[0]
            worded[label] = LabelWording(text, tokens[text])
    if all(wording.text == label for label, wording in worded.items()):
        worded |= {label: LabelWording(label, None) for label in labels if label not in texts}
    return worded


def _are_alike(spellings: Counter[str]) -> bool:
    [(_, count)] = spellings.most_common(1)
    return count >= _LEAST_SHARE * spellings.total()


def word_objects(answers: Iterable[Worded]) -> ObjectWording:
    """Return what stands around the objects of answers, where it is nearly always the same.

    Where that is not so of all that stands there, as with a sentence before each code fence, it may
    be so of the line before an object and of the one after it.
    """
    around = []
    for answer in answers:
        before, brace, _ = answer.text.partition("{")
        _, end, after = answer.text.rpartition("}")
        if brace and end:
            around.append(ObjectWording(before, after))
    return _shared(around) or _shared(map(_nearest, around)) or ObjectWording()


def _shared(around: Iterable[ObjectWording]) -> ObjectWording | None:
    counts = Counter(around)
    for wording, count in counts.most_common(1):
        if count >= _SAME_FRAME_SHARE * counts.total():
            return wording
    return None


def _nearest(around: ObjectWording) -> ObjectWording:
    """Return the last line before an object and the first after it that are not blank."""
    before, after = (part.splitlines(keepends=True) for part in around)
    last = max((place for place, line in enumerate(before) if line.strip()), default=0)
    first = next((place for place, line in enumerate(after) if line.strip()), 0)
    return ObjectWording("".join(before[last:]), "".join(after[: first + 1]).rstrip("\r\n"))
