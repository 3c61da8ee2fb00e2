"""The loop as a whole, on traffic whose right answers are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from locum.distillation import Distillation, distill, to_examples, warn_of_inputs
from locum.distillation.splitting import divide
from locum.errors import InputError, UsageError
from locum.schema import Example, GenerationTask, Task, TeacherAnswer
from locum.teachers.given import given_answers
from tests.traffic import LABELS, make_examples, make_task

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def result() -> Distillation:
    """A distillation of 1,200 examples with human labels, 2% of the teacher's answers wrong."""
    return distill(make_task(), make_examples(1200, human=True))


def test_a_good_teacher_is_distilled(result: Distillation) -> None:
    assert result.decision.verdict == "distil"
    assert result.certificate is not None
    assert result.evaluation is not None
    assert result.certificate.coverage > 0.9
    assert result.certificate.lower_bound >= result.certificate.target == 0.95
    assert result.evaluation.agreement.value > 0.9
    assert result.teacher.accuracy is not None
    assert result.teacher.accuracy.value > 0.95
    assert result.teacher.cost_per_1000_usd == pytest.approx(0.1)
    assert result.teacher.latency_p50_ms == 500.0


def test_the_splits_hold_every_input_once(result: Distillation) -> None:
    data = result.data
    assert sum(data.splits.values()) + data.unused == data.inputs == 1200


def test_the_same_seed_gives_the_same_numbers(result: Distillation) -> None:
    again = distill(make_task(), make_examples(1200, human=True))
    assert again.certificate == result.certificate
    assert again.evaluation == result.evaluation
    assert again.data == result.data


def test_hard_labels_work_and_the_report_says_what_they_cost() -> None:
    result = distill(make_task(), make_examples(900, soft=False))
    assert result.decision.verdict == "distil"
    assert result.data.source == "single answers"
    assert any("single answers, not probabilities" in warning for warning in result.data.warnings)
    assert any("no human labels" in warning for warning in result.data.warnings)


def test_noise_is_not_distilled() -> None:
    examples = [replace(e, distribution=None) for e in make_examples(900, noise=1.0)]
    result = distill(make_task(), examples)
    assert result.decision.verdict == "do_not_distil"
    assert "on no part of the inputs" in result.decision.reason
    assert result.student is None
    assert result.certificate is None
    assert result.evaluation is not None


def test_too_few_inputs_say_how_many_more() -> None:
    result = distill(make_task(), make_examples(100))
    assert result.decision.verdict == "collect_more"
    assert result.decision.more_inputs is not None
    assert 300 < result.decision.more_inputs < 2000
    assert result.student is None
    assert result.evaluation is None


def test_near_copies_are_named_where_they_leave_too_few() -> None:
    task, five = make_task(), [example.text for example in make_examples(5)]
    copies = [Example(f"{five[n % 5]} {n}", LABELS[n % 2]) for n in range(300)]
    decision = distill(task, copies).decision
    assert "300, 295 of them near-copies of others, leave 1 to certify on" in decision.reason
    assert "about 605 more inputs that are near-copies of none would do" in decision.reason
    decision = distill(
        task, [replace(e, text=f"pay {n} euros") for n, e in enumerate(copies)]
    ).decision
    assert "leave 0 to certify on" in decision.reason
    assert decision.reason.endswith("more like these would not do: they have to differ")
    assert decision.more_inputs is None


def test_a_student_that_covers_little_is_not_worth_having() -> None:
    result = distill(make_task(), make_examples(900), minimum_coverage=0.9999)
    if result.decision.verdict == "do_not_distil":
        assert "not worth having" in result.decision.reason
        assert result.student is None
    else:
        assert result.certificate is not None
        assert result.certificate.coverage >= 0.9999


def test_an_owners_test_set_stays_the_test_set() -> None:
    examples = make_examples(1000)
    chosen = [replace(e, held_out=number < 150) for number, e in enumerate(examples)]
    result = distill(make_task(), chosen)
    assert 140 <= result.data.splits["test"] <= 150
    assert result.data.own_test


def test_times_order_the_splits() -> None:
    examples = [replace(e, time=float(n)) for n, e in enumerate(make_examples(900))]
    assert distill(make_task(), examples).data.by_time


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([None, 1.0, 2.0, 3.0], ["1 of 4 inputs has no time"]),
        ([None, None, 2.0, 3.0], ["2 of 4 inputs have no time"]),
        ([None, 1.0, 1.0, 1.0], []),
        ([None, None, None, None], []),
        ([4.0, 1.0, 2.0, 3.0], []),
    ],
)
def test_a_missing_time_that_costs_the_order_is_told(
    times: list[float | None], said: list[str]
) -> None:
    texts = ["an invoice", "some parcel", "the broken lamp", "hello there"]
    examples = [Example(text, time=time) for text, time in zip(texts, times, strict=True)]
    told = warn_of_inputs(examples, divide(examples, np.zeros(4, np.int64), 0))
    assert [warning.split(":")[0] for warning in told] == said


def test_answers_outside_the_label_set_are_counted_and_shown() -> None:
    examples = make_examples(900)
    examples[:90] = [replace(e, answer="a haiku", distribution=None) for e in examples[:90]]
    result = distill(make_task(), examples)
    assert result.data.outside.answers == 90
    assert result.data.outside.frequent == [("a haiku", 90)]
    assert any("90 of 900 answers (10.0%)" in warning for warning in result.data.warnings)


def test_a_class_with_one_row_is_said() -> None:
    task = Task("support", (*LABELS, "other"))
    lone = Example("something else entirely", answer="other", distribution={"other": 1.0})
    result = distill(task, [*make_examples(900), lone])
    assert any("'other' 1" in w or "'other' 0" in w for w in result.data.warnings)


def test_repeated_inputs_measure_the_teachers_agreement_with_itself() -> None:
    examples = make_examples(900)
    repeated = [replace(e, text=e.text.upper()) for e in examples[:50]]
    result = distill(make_task(), [*examples, *repeated])
    assert result.data.exact_duplicates >= 50
    assert result.data.self_agreement is not None
    assert result.data.self_agreement.value > 0.9


def test_a_teacher_that_is_too_sure_is_cooled() -> None:
    generator = np.random.default_rng(1)
    examples = []
    for example in make_examples(1500, noise=0.0, human=True):
        right = example.human or ""
        said = right if generator.random() < 0.7 else str(generator.choice(LABELS))
        rest = {label: 0.005 for label in LABELS if label != said}
        examples.append(replace(example, answer=said, distribution={said: 0.99, **rest}))
    teacher = distill(make_task(), examples).teacher
    assert teacher.temperature > 1.5
    assert teacher.before is not None
    assert teacher.after is not None
    assert teacher.after.nll < teacher.before.nll
    assert teacher.after.ece < teacher.before.ece


def test_no_input_and_no_answer_are_errors() -> None:
    with pytest.raises(InputError, match="no inputs"):
        distill(make_task(), [])
    with pytest.raises(UsageError, match="give a teacher to ask"):
        distill(make_task(), ["one", "two"])
    with pytest.raises(InputError, match="none of 2 answers is a label"):
        distill(make_task(), [Example("one", answer="x"), Example("two", answer="y")])
    with pytest.raises(InputError, match="one class"):
        distill(make_task(), [Example("one", answer="billing"), Example("two", answer="billing")])


@pytest.mark.parametrize("bad", [{"target": 1.0}, {"confidence": 0.0}, {"family": "oracle"}])
def test_values_that_cannot_be_used(bad: dict[str, float | str]) -> None:
    with pytest.raises(UsageError):
        distill(make_task(), make_examples(20), **bad)  # type: ignore[arg-type]


def test_values_out_of_range_and_broken_texts_are_refused() -> None:
    with pytest.raises(UsageError, match="seed -1"):
        distill(make_task(), make_examples(20), seed=-1)
    with pytest.raises(UsageError, match="minimum coverage 5"):
        distill(make_task(), make_examples(20), minimum_coverage=5)
    with pytest.raises(InputError, match="input 2 holds half a surrogate pair"):
        distill(make_task(), [Example("fine", answer="billing"), Example("\ud800", answer="x")])


class Table:
    """A frame of columns, which tells their names where it is gone through."""

    columns = ("text", "answer")

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.columns)


def odd(text: object, answer: object = None, **more: object) -> Example:
    """An example of values that it should not have."""
    return Example(text, answer, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("messages.txt", "inputs are a list of texts, not 'messages.txt' of type str"),
        (Path("messages.txt"), "of type PosixPath: wrap the one text"),
        (["fine", ("x", "a")], r"input 2 is .* of type tuple: expected a text, or Example"),
        ([odd("x", {"a": 1})], r"answer of input 1 is .* such as json.dumps\(answer\)"),
        ([odd("x", 1)], r"answer of input 1 is '1' of type int: .* str\(answer\)"),
        ([odd(None, "a")], "the text of input 1 is 'None' of type NoneType"),
        ([odd("x", time=datetime.now(UTC))], "time of input 1 .* of type datetime"),
        ({"x": "billing"}, "of type dict: wrap the one text in .*, take the column of texts"),
        (Table(), "of type Table: .*take the column of texts"),
        ([odd("x", distribution=[0.5, 0.5])], r"distribution of input 1 is '\[0.5, .*dict\(zip"),
        ([odd("x", distribution=np.ones(3) / 3)], "distribution of input 1 .* of type ndarray"),
        ([odd("x", distribution={0: 1.0})], "distribution of input 1 holds 1.0 for 0"),
        ([odd("x", distribution={"billing": None})], "holds None for 'billing'"),
    ],
    ids=[
        "text",
        "path",
        "tuple",
        "object",
        "number",
        "nothing",
        "datetime",
        "mapping",
        "table",
        "list",
        "array",
        "places",
        "empty",
    ],
)
def test_inputs_of_other_types_are_refused_with_the_cure(inputs: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        distill(make_task(), inputs)  # type: ignore[arg-type]


def test_rows_of_a_table_are_examples_with_empty_cells() -> None:
    nothing = float("nan")
    (given, empty) = to_examples(
        [
            odd("x", "billing", time=np.int64(1_700_000_000), cost_usd=np.float32(0.5)),
            odd("y", nothing, human=nothing, time=np.float32("nan"), distribution=nothing),
        ]
    )
    assert given == Example("x", "billing", time=1_700_000_000, cost_usd=0.5)
    assert (type(given.time), type(given.cost_usd)) == (int, float)
    assert empty == Example("y")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"task": "support"}, "task is 'support' of type str: expected a locum.Task"),
        (
            {"task": GenerationTask("support", "Answer.")},
            "expected a locum.Task; it is for locum.distill_generation",
        ),
        ({"teacher": "http://localhost/v1"}, "'http://localhost/v1' is no teacher: expected one"),
        ({"encoder": None}, "encoder is 'None' of type NoneType: expected a folder"),
        ({"budget": 5.0}, r"budget is '5.0' of type float: expected .* Budget\(task.name, cap_usd"),
        ({"progress": print}, r"progress is .* with the methods stage\(message\) and advance"),
        (
            {"family": ["linear", "ensemble"]},
            "expected their names in one text.* 'linear,ensemble'",
        ),
        ({"seconds": None}, "None seconds for the search: expected more than 0"),
        ({"max_bytes": "3MB"}, "at most 3MB bytes a student: expected more than 0"),
    ],
)
def test_arguments_of_other_types_are_refused_with_the_cure(
    more: dict[str, Any], said: str
) -> None:
    given: dict[str, Any] = {"task": make_task(), "inputs": ["x"], "family": "linear"} | more
    with pytest.raises(UsageError, match=said):
        distill(**given)


def test_models_may_lie_at_paths(tmp_path: Path) -> None:
    result = distill(
        make_task(), make_examples(40), family="linear", encoder=tmp_path, embeddings=tmp_path
    )
    assert result.decision.verdict == "collect_more"


def test_the_most_probable_label_is_the_answer_where_none_was_recorded() -> None:
    examples = [replace(e, answer=None) for e in make_examples(900)]
    halves = {"Billing": 0.3, "billing": 0.3, "elsewhere": 0.4}
    examples[0] = replace(examples[0], distribution=halves)
    result = distill(make_task(), examples)
    assert result.data.outside.answers == 0
    assert result.decision.verdict == "distil"


def test_very_long_texts_are_read_in_part_and_said() -> None:
    examples = make_examples(900)
    examples[:2] = [replace(e, text=f"{e.text} " + "and so on " * 100_000) for e in examples[:2]]
    result = distill(make_task(), examples)
    assert any("2 texts of over 20,000 characters" in w for w in result.data.warnings)


def test_a_distribution_with_a_number_that_is_none_is_refused() -> None:
    examples = make_examples(300)
    broken = replace(examples[7], distribution=dict.fromkeys(make_task().labels, float("nan")))
    with pytest.raises(InputError, match="expected finite probabilities"):
        distill(make_task(), [*examples[:7], broken, *examples[8:]])


def test_rounded_probabilities_of_examples_are_scaled_to_one() -> None:
    task = make_task()
    rounded = dict(zip(task.labels, (0.35, 0.34, 0.34), strict=True))
    [found] = given_answers([Example("a text", distribution=rounded)], task)
    assert found is not None
    assert found.distribution is not None
    assert found.distribution == pytest.approx([p / 1.03 for p in rounded.values()])


def test_zeros_alone_are_no_distribution() -> None:
    """They were learned as the first label, as their largest stands there."""
    task, examples = make_task(), make_examples(300)
    nothing = dict.fromkeys(task.labels, 0.0)
    with pytest.raises(InputError, match=r"is all zeros: .* or leave it out"):
        distill(task, [Example("a text", distribution=nothing), *examples])
    [found] = given_answers([Example("a text", "billing", nothing)], task)
    assert found == TeacherAnswer("billing")


@pytest.mark.parametrize("elsewhere", ["returns", "a haiku"])
def test_percentages_instead_of_probabilities_are_refused(elsewhere: str) -> None:
    examples = make_examples(300)
    percent = replace(examples[7], distribution={"billing": 60, elsewhere: 40})
    with pytest.raises(InputError, match="sums to 100, expected at most 1"):
        distill(make_task(), [*examples[:7], percent, *examples[8:]])
