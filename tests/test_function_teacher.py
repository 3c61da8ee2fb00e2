"""A Python function as a teacher."""

from __future__ import annotations

import asyncio
import functools
import math
import subprocess
import sys
from collections import Counter
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from locum.errors import TeacherError, UsageError
from locum.schema import Task, TeacherAnswer, Usage
from locum.store import LabelStore
from locum.teachers import Failure, Question, label_texts
from locum.teachers.function import FunctionTeacher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locum.prices import Tokens
    from locum.store import Verdict

TASK = Task("length", ("short", "long"))


class NoTill:
    """Fails where it is used: functions cost nothing."""

    async def reserve(self, question: Question, worst: Tokens) -> Verdict:
        """Fail."""
        raise AssertionError((question, worst))

    def forfeit(self, question: Question) -> None:
        """Fail."""
        raise AssertionError(question)

    def release(self, question: Question) -> None:
        """Fail."""
        raise AssertionError(question)


class Asked:
    """What came of questions before an error, and that error."""

    def __init__(self, teacher: FunctionTeacher, texts: list[str]) -> None:
        self.teacher = teacher
        self.results: dict[str, TeacherAnswer | Failure] = {}
        self.order: list[str] = []
        asyncio.run(self._ask([Question(f"key of {text}", text) for text in texts]))

    async def _ask(self, questions: list[Question]) -> None:
        try:
            async for question, result in self.teacher.answer(TASK, questions, NoTill()):
                assert question in questions
                self.results[question.text] = result
                self.order.append(question.text)
        except TeacherError as error:
            self.error: TeacherError | None = error
        else:
            self.error = None


def by_length(texts: list[str]) -> list[str]:
    return ["long" if len(text) > 8 else "short" for text in texts]


async def one_by_length(text: str) -> str:
    await asyncio.sleep(0)
    return by_length([text])[0]


def said(value: Any) -> Asked:  # noqa: ANN401 - whatever a function may return for one text
    return Asked(FunctionTeacher(lambda _: [value], "f"), ["a text"])


def answer_to(value: Any) -> TeacherAnswer | Failure:  # noqa: ANN401
    asked = said(value)
    assert asked.error is None
    return asked.results["a text"]


@pytest.mark.parametrize("function", [by_length, one_by_length])
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_labels_in_the_order_of_the_questions(function: Any, batch_size: int) -> None:  # noqa: ANN401
    texts = ["tiny", "quite long", "small", "very very long", "x"]
    asked = Asked(FunctionTeacher(function, "f", batch_size=batch_size), texts)
    assert asked.order == texts
    found = [asked.results[text] for text in texts]
    assert found == [TeacherAnswer(label) for label in by_length(texts)]


def test_a_function_gets_as_many_texts_as_the_batch_size_says() -> None:
    sizes = []

    def count(texts: list[str]) -> list[str]:
        sizes.append(len(texts))
        return by_length(texts)

    Asked(FunctionTeacher(count, "f", batch_size=4), [str(number) for number in range(10)])
    assert sizes == [4, 4, 2]


def test_a_coroutine_function_runs_as_often_at_once_as_the_batch_size_says() -> None:
    running: Counter[str] = Counter()

    async def count(text: str) -> str:
        running["now"] += 1
        running["most"] = max(running["most"], running["now"])
        await asyncio.sleep(0.001)
        running["now"] -= 1
        return by_length([text])[0]

    asked = Asked(FunctionTeacher(count, "f", batch_size=3), [str(number) for number in range(8)])
    assert len(asked.results) == 8
    assert running["most"] == 3


class AsyncCallable:
    """An object that is called as a coroutine."""

    async def __call__(self, text: str) -> str:
        """Answer one text."""
        return by_length([text])[0]


@pytest.mark.parametrize("function", [AsyncCallable(), functools.partial(one_by_length)])
def test_objects_that_are_called_as_coroutines(function: Any) -> None:  # noqa: ANN401
    asked = Asked(FunctionTeacher(function, "f"), ["tiny"])
    assert asked.results == {"tiny": TeacherAnswer("short")}


def test_probabilities_by_label_are_put_in_the_order_of_the_labels() -> None:
    assert answer_to({"LONG": 0.75, "short": 0.25}) == TeacherAnswer("long", (0.25, 0.75))
    assert answer_to({"long": np.float32(0.5)}) == TeacherAnswer("long", (0.0, 0.5))
    assert answer_to({"long": 1, "short": 0}) == TeacherAnswer("long", (0.0, 1.0))


def test_probability_of_other_keys_is_outside_the_labels() -> None:
    found = answer_to({"neither": 0.5, "long": 0.3, "short": 0.2})
    assert found == TeacherAnswer("neither", (0.2, 0.3))
    assert answer_to({"neither": 1.0}) == TeacherAnswer("neither", None)


def test_a_whole_answer_is_passed_on() -> None:
    whole = TeacherAnswer("long", (0.25, 0.5), Usage(7, 2), 12.5, version="v", cost_usd=0.5)
    assert answer_to(whole) == whole
    assert answer_to(np.str_("long")) == TeacherAnswer("long")


def test_an_empty_text_is_a_failure() -> None:
    found = answer_to(" ")
    assert isinstance(found, Failure)
    assert found.kind == "empty"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ["None (NoneType)", "expected a label"]),
        (1, ["1 (int)", "expected a label"]),
        (["long"], ["['long'] (list)", "expected a label"]),
        (b"long", ["b'long' (bytes)", "expected a label"]),
        ({}, ["{}", "expected a probability above zero"]),
        ({"long": 0.0}, ["expected a probability above zero"]),
        ({"long": math.nan}, ["{'long': nan}", "expected finite probabilities of zero or more"]),
        ({"long": math.inf}, ["expected finite probabilities"]),
        ({"long": -0.1, "short": 0.5}, ["expected finite probabilities of zero or more"]),
        ({"long": "0.5"}, ["expected finite probabilities"]),
        ({"long": True}, ["expected finite probabilities"]),
        ({"long": 0.6, "short": 0.46}, ["sums to 1.06", "expected at most 1"]),
        ({1: 0.6}, ["{1: 0.6}", "expected labels as the keys"]),
        (TeacherAnswer("long", (0.5,)), ["one probability for each of the 2 labels"]),
        (TeacherAnswer("long", (0.5, math.nan)), ["expected finite probabilities"]),
        (TeacherAnswer("long", (0.5, 0.6)), ["sums to 1.1"]),
    ],
    ids=str,
)
def test_what_is_no_answer_is_named(value: object, words: list[str]) -> None:
    error = said(value).error
    assert error is not None
    assert all(word in str(error) for word in ["<lambda> returned", *words])


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (["long"], "returned 1 answers to 2 texts: expected one for each"),
        (["long"] * 3, "returned 3 answers to 2 texts"),
        ("ab", "returned 'ab' (str): expected a list"),
        ({"a": 1, "b": 1}, "returned {'a': 1, 'b': 1} (dict): expected a list"),
        (None, "returned None (NoneType): expected a list"),
    ],
)
def test_what_is_no_list_of_answers_is_named(returned: Any, words: str) -> None:  # noqa: ANN401
    asked = Asked(FunctionTeacher(lambda _: returned, "f"), ["a", "b"])
    assert words in str(asked.error)


def test_rounding_may_exceed_one() -> None:
    for said_of in ({"long": 0.6, "short": 0.4000005}, {"long": 1.0, "short": 0.001}):
        for given in (said_of, TeacherAnswer("long", tuple(said_of.values()))):
            found = answer_to(given)
            assert isinstance(found, TeacherAnswer)
            total = sum(said_of.values())
            expected = [probability / total for probability in said_of.values()]
            assert sorted(found.distribution or ()) == pytest.approx(sorted(expected), abs=1e-12)


def raising_on(bad: str, error: Exception) -> Callable[[list[str]], list[str]]:
    def label(texts: list[str]) -> list[str]:
        if any(bad in text for text in texts):
            raise error
        return by_length(texts)

    return label


def one_at_a_time(function: Callable[[list[str]], list[str]]) -> Any:  # noqa: ANN401
    async def label(text: str) -> str:
        return function([text])[0]

    return label


@pytest.mark.parametrize("change", [lambda function: function, one_at_a_time])
def test_one_bad_text_costs_no_other_its_answer(change: Callable[[Any], Any]) -> None:
    function = change(raising_on("bad", ValueError("cannot read it")))
    texts = ["tiny", "bad", "quite long", "small", "x"]
    asked = Asked(FunctionTeacher(function, "f", batch_size=3), texts)
    assert asked.error is None
    assert asked.order == texts
    bad = asked.results.pop("bad")
    assert isinstance(bad, Failure)
    assert bad.kind == "unavailable"
    assert "label raised ValueError: cannot read it" in bad.reason
    assert all(isinstance(result, TeacherAnswer) for result in asked.results.values())


@pytest.mark.parametrize("change", [lambda function: function, one_at_a_time])
def test_twenty_errors_in_a_row_end_the_run(change: Callable[[Any], Any], tmp_path: Path) -> None:
    error = ConnectionError("no server")
    teacher = FunctionTeacher(change(raising_on("bad", error)), "f", batch_size=16)
    good = [f"fine {number}" for number in range(10)]
    bad = [f"bad {number}" for number in range(19)]
    more = [f"bad again {number}" for number in range(40)]
    with LabelStore(tmp_path / "labels.sqlite") as store:
        with pytest.raises(TeacherError, match="20 calls of teacher 'f' failed") as caught:
            label_texts(TASK, teacher, [*bad, *good, *more], store)
        assert "input 49 of 69 (12 characters): unavailable:" in str(caught.value)
        assert "label raised ConnectionError: no server" in str(caught.value)
        assert caught.value.__cause__ is error
        run = label_texts(TASK, teacher, [*more, *good], store)
    assert run.tally.labelled == 10, "a function that is known to answer is asked about all"
    assert run.tally.failed == {"unavailable": 40}


def test_texts_that_a_function_says_nothing_of_do_not_end_the_run(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(30)]
    with LabelStore(tmp_path / "labels.sqlite") as store:
        run = label_texts(TASK, FunctionTeacher(lambda some: [""] * len(some), "f"), texts, store)
    assert run.tally.failed == {"empty": 30}


@pytest.mark.parametrize("change", [lambda function: function, one_at_a_time])
def test_an_error_of_the_teacher_ends_the_run_at_once(change: Callable[[Any], Any]) -> None:
    calls = []

    def label(texts: list[str]) -> list[str]:
        calls.append(texts)
        raise TeacherError("the server has moved")

    asked = Asked(FunctionTeacher(change(label), "f", batch_size=2), ["a", "b", "c"])
    assert str(asked.error) == "the server has moved"
    assert asked.results == {}
    assert [text for texts in calls for text in texts] == ["a", "b"]


def test_a_blocking_function_does_not_hold_up_the_loop() -> None:
    async def both() -> bool:
        woken = asyncio.Event()
        loop = asyncio.get_running_loop()

        def block(texts: list[str]) -> list[str]:
            asyncio.run_coroutine_threadsafe(wake(), loop).result(60)
            return by_length(texts)

        async def wake() -> None:
            woken.set()

        answers = FunctionTeacher(block, "f").answer(TASK, [Question("k", "tiny")], NoTill())
        async for _, result in answers:
            assert result == TeacherAnswer("short")
        return woken.is_set()

    assert asyncio.run(both())


def test_the_identity_changes_with_all_that_may_change_the_answer() -> None:
    teacher = FunctionTeacher(by_length, "f", version="1")
    same = FunctionTeacher(by_length, "f", version="1", batch_size=3)
    assert same.identify(TASK, "a") == teacher.identify(TASK, "a")
    other_tasks = (
        Task("length", ("long", "short")),
        Task("length", ("short", "long"), "Say how long the text is."),
    )
    keys = [
        teacher.identify(TASK, "a"),
        teacher.identify(TASK, "b"),
        teacher.identify(TASK, "\ud800"),
        teacher.identify(TASK, "a", 1),
        FunctionTeacher(by_length, "f", version="2").identify(TASK, "a"),
        FunctionTeacher(by_length, "g", version="1").identify(TASK, "a"),
        FunctionTeacher(one_by_length, "f", version="1").identify(TASK, "a"),
        FunctionTeacher(AsyncCallable(), "f", version="1").identify(TASK, "a"),
        *(teacher.identify(task, "a") for task in other_tasks),
    ]
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 64 for key in keys)


RULES = """
WORDS = ["invoice"]

def label(texts):
    return [helper(text) for text in texts]

def helper(text):
    return "long" if any(word in text for word in WORDS) else "short"
"""


def loaded(path: Path, source: str, name: str = "rules_of_a_test") -> Any:  # noqa: ANN401
    """The function ``label`` of a module, as a new process would import it."""
    path.write_text(source, "utf-8")
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    exec(compile(source, path, "exec"), vars(module))  # noqa: S102 - of the file above
    return module.label


def test_a_function_whose_module_has_changed_is_asked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "modules", sys.modules.copy())

    def key(source: str, wrap: Callable[..., Any] = lambda label: label) -> str:
        label = loaded(tmp_path / "rules.py", source)
        return FunctionTeacher(wrap(label), "rules").identify(TASK, "a text")

    changed = RULES.replace('"invoice"', '"invoice", "charge"')
    assert key(RULES) == key(RULES) != key(changed)
    assert key(RULES, functools.partial) != key(changed, functools.partial)


def test_of_a_script_the_function_alone_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "modules", sys.modules.copy())

    def key(source: str) -> str:
        label = loaded(tmp_path / "script.py", source, "__main__")
        return FunctionTeacher(label, "rules").identify(TASK, "a text")

    elsewhere = RULES + "\nprint\n"
    itself = RULES.replace("in texts]", "in list(texts)]")
    assert key(RULES) == key(elsewhere) != key(itself)


PROMPT = """
from locum.teachers import FunctionTeacher
from tests.test_function_teacher import TASK
label = lambda texts: ["short" if text in {"a", "b", "c"} else "long" for text in texts]
print(FunctionTeacher(label, "rules").identify(TASK, "a text"))
def label(texts): return ["long" for text in texts]
print(FunctionTeacher(label, "rules").identify(TASK, "a text"))
class Label:
    def __call__(self, texts): return ["short" for text in texts]
print(FunctionTeacher(Label(), "rules").identify(TASK, "a text"))
"""


def test_a_function_of_the_prompt_counts_as_it_was_compiled() -> None:
    """There is no source of what was typed at Python's prompt, or came by standard input."""

    def keys(typed: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-"], input=typed, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    first, again = keys(PROMPT), keys("\n\n" + PROMPT)
    other = keys(PROMPT.replace('"c"', '"d"').replace('["long" for', '["short" for'))
    assert first == again
    assert len({*first, *other[:2]}) == 5
    assert other[2] == first[2]


def test_a_function_without_a_source_goes_by_its_names() -> None:
    one, other = (FunctionTeacher(sorted, "f", version=version) for version in "ab")
    assert one.identify(TASK, "a") != other.identify(TASK, "a")


def test_it_costs_nothing_and_says_what_it_asks() -> None:
    teacher = FunctionTeacher(by_length, "f", version="1")
    assert teacher.free
    assert teacher.worst_case(TASK, "a") == (0, 0, 0, 0)
    assert repr(teacher).endswith("test_function_teacher.by_length, 'f', version='1')")


@pytest.mark.parametrize(
    ("function", "name", "batch_size"),
    [("by_length", "f", 1), (by_length, "", 1), (by_length, "f", 0)],
)
def test_values_that_cannot_be_used(function: Any, name: str, batch_size: int) -> None:  # noqa: ANN401
    with pytest.raises(UsageError, match="expected something to call, a name, and at least 1"):
        FunctionTeacher(function, name, batch_size=batch_size)


def test_answers_are_kept_and_failures_asked_again(tmp_path: Path) -> None:
    asked: Counter[str] = Counter()

    def label(texts: list[str]) -> list[str]:
        asked.update(texts)
        return raising_on("bad", ValueError())(texts)

    texts = ["tiny", "quite long", "bad", "tiny"]
    for _ in range(2):
        with LabelStore(tmp_path / "labels.sqlite") as store:
            run = label_texts(TASK, FunctionTeacher(label, "f", batch_size=1), texts, store)
        given = [answer and answer.text for answer in run.answers]
        assert given == ["short", "long", None, "short"]
        assert run.tally.failed == {"unavailable": 1}
        assert run.tally.spent_usd == 0
    assert asked == {"tiny": 1, "quite long": 1, "bad": 2}
