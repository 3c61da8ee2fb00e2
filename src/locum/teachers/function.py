"""A Python function as a teacher."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import json
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

from locum.errors import TeacherError, UsageError
from locum.prices import Tokens
from locum.schema import TeacherAnswer
from locum.teachers.given import MOST_PROBABILITY, answer_of_probabilities
from locum.teachers.parsing import LabelParser
from locum.teachers.protocol import Answered, AskedTeacher, Failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from locum.schema import Task
    from locum.teachers.protocol import Question, Till

__all__ = ["BatchFunction", "FunctionTeacher", "Said", "SingleFunction"]

Said = str | Mapping[str, float] | TeacherAnswer
"""What a function may say of one text: a label, probabilities by label, or a whole answer."""

BatchFunction = Callable[[list[str]], Sequence[Said]]
SingleFunction = Callable[[str], Awaitable[Said]]

_SHOWN_CHARACTERS = 200


class FunctionTeacher(AskedTeacher):
    """Asks a Python function for labels.

    A function that raises for several texts at once is asked again for each of them, so that one
    text that it cannot take costs no other its answer. One that raises 20 times in a row ends the
    run, unless it is known to have answered before.

    Args:
        function: Takes a list of texts and returns a list with as many items: each a label,
            probabilities by label, or a `TeacherAnswer`. Or a coroutine function that takes one
            text and returns one such item. Functions that are no coroutines run in a thread.
        name: How the report calls it.
        version: To be changed when the function would answer otherwise though the source of its
            module is the same, as where that reads a file: answers are kept by both, by the name,
            and by the function's own qualified name. Of a function of a script or a notebook its
            own source counts, rather than all of that; where there is none, as at Python's prompt,
            what it was compiled to.
        batch_size: How many texts a function gets at once; how many calls of a coroutine function
            run at once.

    Raises:
        UsageError: There is no name, ``batch_size`` is below 1, or the function cannot be called.
    """

    free = True

    def __init__(
        self,
        function: BatchFunction | SingleFunction,
        name: str,
        *,
        version: str = "",
        batch_size: int = 64,
    ) -> None:
        if not callable(function) or not name or batch_size < 1:
            raise UsageError(
                f"function={function!r}, name={name!r}, batch_size={batch_size}: expected "
                "something to call, a name, and at least 1"
            )
        self.name = name
        self.version = version
        self.batch_size = batch_size
        self._function: Callable[..., Any] = function
        self._takes_one = _is_coroutine_function(function)
        self._called = _qualified_name(function)
        self._source = hashlib.sha256(_find_source(function).encode()).hexdigest()

    def __repr__(self) -> str:
        """Show what is asked."""
        return f"FunctionTeacher({self._called}, {self.name!r}, version={self.version!r})"

    def identify(self, task: Task, text: str, draw: int = 0) -> str:
        """Return a SHA-256 of the function's names, version and source, the prompt and the draw."""
        function = ["function", self.name, self.version, self._called, self._source]
        asked = [function, task.labels, task.instruction, text, draw]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def worst_case(self, task: Task, text: str) -> Tokens:  # noqa: ARG002 - it uses no tokens
        """Return no tokens."""
        return Tokens(0, 0)

    async def answer(
        self,
        task: Task,
        questions: Sequence[Question],
        till: Till,  # noqa: ARG002 - there is nothing to pay
    ) -> AsyncGenerator[Answered, None]:
        """Yield each question with its answer, or with a failure where the function raised.

        Raises:
            TeacherError: The function returned something else than it should, or raised that
                itself.
        """
        reader = _Reader(task, self._called)
        waiting = deque(_lots(questions, self.batch_size))
        while waiting:
            some = waiting.popleft()
            items = await self._ask([question.text for question in some])
            if items is None:
                waiting.extendleft([question] for question in reversed(some))
                continue
            for question, item in zip(some, items, strict=True):
                if not isinstance(item, _Raised):
                    yield Answered(question, reader.read(item))
                    continue
                if isinstance(item.error, TeacherError):
                    raise item.error
                reason = f"{self._called} {item.words}"
                yield Answered(question, Failure("unavailable", reason, item.error))

    async def _ask(self, texts: list[str]) -> list[object] | None:
        """What the function says of each text; ``None`` where it raised for several at once."""
        if self._takes_one:
            return await asyncio.gather(*map(self._ask_one, texts))
        try:
            returned = await asyncio.to_thread(self._call, texts)
        except TeacherError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a function of users may raise
            return [_Raised(error)] if len(texts) == 1 else None
        return self._to_items(returned, len(texts))

    def _call(self, texts: list[str]) -> object:
        try:
            return self._function(texts)
        except StopIteration as error:  # asyncio cannot pass it on, and would wait for ever
            raise RuntimeError("StopIteration") from error

    async def _ask_one(self, text: str) -> object:
        try:
            return await self._function(text)
        except Exception as error:  # noqa: BLE001 - whatever a function of users may raise
            return _Raised(error)

    def _to_items(self, returned: object, count: int) -> list[object]:
        if isinstance(returned, (str, bytes, Mapping)) or not hasattr(returned, "__iter__"):
            raise TeacherError(
                f"{self._called} returned {_shown(returned)}: expected a list with one answer for "
                "each text"
            )
        items = list(returned)
        if len(items) != count:
            raise TeacherError(
                f"{self._called} returned {len(items)} answers to {count} texts: expected one for "
                "each text, in their order"
            )
        return items


class _Raised(NamedTuple):
    """The error that a function raised instead of an answer."""

    error: Exception

    @property
    def words(self) -> str:
        said = str(self.error)[:_SHOWN_CHARACTERS]
        kind = type(self.error).__name__
        return f"raised {kind}: {said}" if said else f"raised {kind}"


class _Reader:
    """Makes answers of what a function says."""

    def __init__(self, task: Task, called: str) -> None:
        self._task = task
        self._called = called
        self._parser = LabelParser(task.labels)

    def read(self, said: object) -> TeacherAnswer | Failure:
        if isinstance(said, str):
            blank = Failure("empty", f"{self._called} returned {said!r}")
            return TeacherAnswer(str(said)) if said.strip() else blank
        if isinstance(said, TeacherAnswer):
            return self._checked(said)
        if isinstance(said, Mapping):
            return self._of_probabilities(said)
        raise self._error(said, "expected a label, probabilities by label, or a TeacherAnswer")

    def _checked(self, answer: TeacherAnswer) -> TeacherAnswer:
        if answer.distribution is None:
            return answer
        numbers = self._probabilities(answer, answer.distribution)
        if len(numbers) != len(self._task.labels):
            raise self._error(
                answer, f"expected one probability for each of the {len(self._task.labels)} labels"
            )
        return replace(answer, distribution=tuple(numbers))

    def _of_probabilities(self, said: Mapping[object, object]) -> TeacherAnswer:
        labels = [label for label in said if isinstance(label, str)]
        if len(labels) != len(said):
            raise self._error(said, "expected labels as the keys")
        numbers = dict(zip(labels, self._probabilities(said, said.values()), strict=True))
        if not any(numbers.values()):
            raise self._error(said, "expected a probability above zero")
        return answer_of_probabilities(numbers, self._task, self._parser)

    def _probabilities(self, said: object, numbers: Iterable[object]) -> list[float]:
        found = [_to_number(number) for number in numbers]
        if not all(math.isfinite(number) and number >= 0 for number in found):
            raise self._error(said, "expected finite probabilities of zero or more")
        total = math.fsum(found)
        if total > MOST_PROBABILITY:
            raise self._error(said, f"sums to {total:.6g}; expected at most 1")
        return [number / max(1.0, total) for number in found]

    def _error(self, said: object, expected: str) -> TeacherError:
        return TeacherError(f"{self._called} returned {_shown(said)}: {expected}")


def _to_number(value: object) -> float:
    number = isinstance(value, Real) and not isinstance(value, bool)
    return float(value) if isinstance(value, Real) and number else math.nan


def _shown(value: object) -> str:
    return f"{repr(value)[:_SHOWN_CHARACTERS]} ({type(value).__name__})"


def _lots(questions: Sequence[Question], size: int) -> Iterable[list[Question]]:
    return (list(questions[start : start + size]) for start in range(0, len(questions), size))


def _is_coroutine_function(function: Callable[..., Any]) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004 - an object may be called by a coroutine
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _qualified_name(function: Callable[..., Any]) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _find_source(function: Callable[..., Any]) -> str:
    """What decides how a function answers: its module, as helpers stand there; else it alone."""
    while isinstance(function, functools.partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    module = inspect.getmodule(named)
    try:
        if module is None or module.__name__ == "__main__":
            return inspect.getsource(named)
        return inspect.getsource(module)
    except (OSError, TypeError):
        called = named if hasattr(named, "__code__") else getattr(named, "__call__", None)  # noqa: B004
        return _constant(getattr(called, "__code__", ""))


def _constant(value: object) -> str:
    """Write what stands in compiled code, code among it, alike in all processes."""
    if isinstance(value, CodeType):
        parts = (value.co_names, value.co_varnames, value.co_consts)
        return f"{value.co_code.hex()} {' '.join(map(_constant, parts))}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    if isinstance(value, frozenset):  # whose order is another in each process
        return f"{{{', '.join(sorted(map(_constant, value)))}}}"
    return repr(value)
