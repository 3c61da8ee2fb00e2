"""Tasks that look like parts of one.

Prompts may differ in a name alone, such as one of a tenant or a language. A name that has few
values is as frequent as the words around it, so that nothing in a prompt tells it from them: the
calls of each are a task of their own, and each may be too small. Or some calls of a prompt name
their task, and others do not.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, takewhile
from typing import TYPE_CHECKING, NamedTuple

from locum.audit.words import read_words
from locum.schema import plain_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.audit.tasks import TrafficTask

__all__ = ["parts_of_one"]

_LONGEST_NAME = 3
_FEWEST_WORDS = 6
_SHARED = 0.8
_SHOWN = 3


class _Prompt(NamedTuple):
    name: str
    is_named: bool
    words: list[str]
    answers: frozenset[str]
    fingerprints: frozenset[str]


def parts_of_one(tasks: Sequence[TrafficTask]) -> dict[str, list[str]]:
    """Return what there is to say, by the task's name, of those that look like parts of one.

    Prompts differ in a name where they do in up to three words in one place. Answers are alike
    where four fifths of the labels or fields of the task with fewer are the other's.

    Args:
        tasks: Those that an audit found.
    """
    prompts = list(map(_prompt, tasks))
    notes: defaultdict[str, list[str]] = defaultdict(list)
    for said in (_differ_in_a_name(prompts), _have_a_name(prompts)):
        for name, note in said.items():
            notes[name].append(note)
    return dict(notes)


def _differ_in_a_name(found: Sequence[_Prompt]) -> dict[str, str]:
    prompts = [one for one in found if not one.is_named and len(one.words) >= _FEWEST_WORDS]
    names: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for one, other in combinations(prompts, 2):
        apart = _apart(one, other)
        if apart is not None:
            own, others = apart
            names[one.name][other.name] = f"{others!r} for {own!r}"
            names[other.name][one.name] = f"{own!r} for {others!r}"
    return {name: _said(alike) for name, alike in names.items()}


def _have_a_name(prompts: Sequence[_Prompt]) -> dict[str, str]:
    named = [one for one in prompts if one.is_named]
    return {
        one.name: f"calls of {other.name} have the same instruction and output format: locum "
        f"import --task {other.name} gives these calls of a log that name too, and they certify "
        "together"
        for one in prompts
        if not one.is_named
        for other in named
        if one.fingerprints & other.fingerprints and _answer_alike(one, other)
    }


def _prompt(task: TrafficTask) -> _Prompt:
    template, output = task.template, task.measures.output
    words = read_words(f"{template.instruction}\n{template.prompt}").keys
    labels = (plain_key(label) for label, _ in output.labels)
    answers = frozenset(labels) | frozenset(output.fields)
    fingerprints = frozenset(template.fingerprints)
    return _Prompt(task.name, task.kind == "named", list(words), answers, fingerprints)


def _answer_alike(one: _Prompt, other: _Prompt) -> bool:
    fewer = min(len(one.answers), len(other.answers))
    return fewer > 0 and len(one.answers & other.answers) >= _SHARED * fewer


def _apart(one: _Prompt, other: _Prompt) -> tuple[str, str] | None:
    """Return the words in which two prompts differ; ``None`` where they are not alike."""
    if abs(len(one.words) - len(other.words)) >= _LONGEST_NAME or not _answer_alike(one, other):
        return None
    begin = _shared(one.words, other.words)
    own, others = one.words[begin:], other.words[begin:]
    end = _shared(own[::-1], others[::-1])
    named = [words[: len(words) - end] for words in (own, others)]
    if not all(0 < len(words) <= _LONGEST_NAME for words in named):
        return None
    return " ".join(named[0]), " ".join(named[1])


def _shared(words: Sequence[str], others: Sequence[str]) -> int:
    """Count the words with which both begin."""
    pairs = zip(words, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _said(alike: Mapping[str, str]) -> str:
    shown = [f"{how}: {name}" for name, how in list(alike.items())[:_SHOWN]]
    more = len(alike) - len(shown)
    rest = f" and {more:,} more" if more > 0 else ""
    return (
        f"other tasks have its prompt with another name in it ({'; '.join(shown)}{rest}): where "
        "the application gives them all one task's name in the header x-locum-task, or locum "
        "import --task the calls of its log, they certify together"
    )
