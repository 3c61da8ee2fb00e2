"""The label set that recorded answers share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.dataset import infer_labels
from locum.distillation.pool import given_answers, pool_labelled
from locum.errors import InputError
from locum.promotion import Judge
from locum.schema import Example, Task, label_key


def test_labels_are_sorted() -> None:
    inferred = infer_labels(["cash", "card", "cash", "card", "fee", "fee"])
    assert inferred.labels == ("card", "cash", "fee")
    assert inferred.merged == {}


def test_spellings_merge_into_the_most_frequent_one() -> None:
    inferred = infer_labels(["Cash"] * 3 + ["cash"] * 2 + ["CASH", " Cash "] + ["card"] * 2)
    assert inferred.labels == ("Cash", "card")
    assert inferred.merged == {"cash": "Cash", "CASH": "Cash"}


def test_spaces_inside_a_label_merge() -> None:
    inferred = infer_labels(["card  arrival", "card arrival", "card arrival", "fee", "fee"])
    assert inferred.labels == ("card arrival", "fee")
    assert inferred.merged == {"card  arrival": "card arrival"}


def test_spellings_as_frequent_as_each_other_keep_the_first() -> None:
    assert infer_labels(["b", "B", "a", "A"]).labels == ("a", "b")


@pytest.mark.parametrize(
    "labels",
    [("<50K", ">50K"), ("5-9", "<5", ">5"), ("C", "C!", "C?"), ("A", "A-", "(A)")],
    ids=str,
)
def test_labels_that_differ_in_marks_around_them_are_not_merged(labels: tuple[str, ...]) -> None:
    assert infer_labels(labels * 9) == (tuple(sorted(labels)), {}, {})


def test_quotes_asterisks_and_full_stops_around_a_label_merge() -> None:
    spellings = ["cash.", '"cash"', "**cash**", "`Cash`."]
    inferred = infer_labels(["cash", "cash", *spellings, "card"])
    assert inferred == (("card", "cash"), dict.fromkeys(spellings, "cash"), {})


def test_empty_answers_do_not_count() -> None:
    assert infer_labels(["", "a", "  ", "a", "b", "b"]).labels == ("a", "b")


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="every answer is 'cash': with one class"):
        infer_labels(["cash", "Cash ", "cash"])


@pytest.mark.parametrize("answers", [[], ["", " "]], ids=["none", "empty alone"])
def test_no_answers_are_refused(answers: list[str]) -> None:
    with pytest.raises(InputError, match="no row has a teacher's answer"):
        infer_labels(answers)


def test_free_text_is_refused() -> None:
    with pytest.raises(InputError, match="50 answers hold 50 different ones, such as 'answer 0'"):
        infer_labels([f"answer {number}" for number in range(50)])


def test_more_than_a_thousand_labels_are_refused() -> None:
    labels = [f"label {number}" for number in range(1001)]
    with pytest.raises(InputError, match="1,001 different ones"):
        infer_labels(labels * 3)
    assert len(infer_labels(labels[:1000] * 3).labels) == 1000


def test_an_answer_of_several_lines_is_no_label() -> None:
    long = "cash\r\n\r\nThey speak of notes."
    inferred = infer_labels([*["cash", "card"] * 5, long, long, f"\n{long}\r\n"])
    assert inferred == (("card", "cash"), {}, {long: 3})


def test_lines_around_an_answer_do_not_count() -> None:
    inferred = infer_labels(["cash\r\n", "\n\ncash", "```\ncash\n```", *["card"] * 9])
    assert inferred == (("card", "cash"), {"```\ncash\n```": "cash"}, {})


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (["cash\nor so", "card\nor so"] * 9, "every answer is of several lines, such as 'cash.nor"),
        (["cash", "cash", "card\nor so"] * 9, "every answer of one line is 'cash': with one class"),
        ([f"cash\n{n}" for n in range(9)], "9 answers hold 9 different ones"),
    ],
)
def test_fewer_than_two_labels_of_one_line_are_refused(answers: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        infer_labels(answers)


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        ("cash\n\nThey speak of notes.", None),
        ("cash\r\ncard", None),
        ("The answer is:\ncash", None),
        ("\r\ncash\r\n", "cash"),
        ("```text\ncash\n```", "cash"),
    ],
)
def test_an_answer_of_several_lines_counts_alike_wherever_it_is_read(
    answer: str, means: str | None
) -> None:
    answers = [*["cash", "card"] * 5, answer]
    labels = infer_labels(answers).labels
    examples = [Example(text, text) for text in answers]
    task = Task("letters", labels)
    pool = pool_labelled(task, examples, given_answers(examples, task))
    assert pool.outside.answers == (means is None)
    agreeing = [label for label in labels if Judge.of_labels(labels)(label, answer)]
    assert agreeing == ([] if means is None else [means])


@given(st.lists(st.sampled_from(["a", "A", "b", "B ", "c c", "C  c"]), min_size=1, max_size=30))
def test_every_answer_leads_to_one_label(extra: list[str]) -> None:
    answers = extra + ["a", "b"] * 5
    inferred = infer_labels(answers)
    keys = [label_key(label) for label in inferred.labels]
    assert len(set(keys)) == len(keys)
    for answer in answers:
        spelling = answer.strip()
        label = inferred.merged.get(spelling, spelling)
        assert label in inferred.labels
        assert label_key(label) == label_key(spelling)
