"""The rules of a task."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.errors import UsageError
from locum.schema import Task, label_key


def test_task_keeps_the_order_of_its_labels() -> None:
    task = Task("topics", ("b", "a", "c"))
    assert task.labels == ("b", "a", "c")


def test_labels_given_as_a_list_become_a_tuple() -> None:
    task = Task("topics", ["b", "a"])  # type: ignore[arg-type]
    assert task.labels == ("b", "a")


@pytest.mark.parametrize(
    "name",
    ["a", "7", "Topics", "a.b", "a_b-c", "2024.topics", "x" * 100],
    ids=lambda name: name[:9],
)
def test_plain_names_are_accepted(name: str) -> None:
    assert Task(name, ("a", "b")).name == name


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "",
        "a/b",
        "a\\b",
        "x" * 101,
        "\uff58",
        "\u0661",
        ".hidden",
        "-flag",
        "_x",
        "a b",
        "a\n",
        "a\0b",
        "\0",
        "caf\u00e9",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        Task(name, ("a", "b"))
    assert repr(name) in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"labels": "spam"}, "labels are 'spam' of type str: expected a list"),
        ({"labels": None}, "labels are 'None' of type NoneType"),
        ({"labels": [0, 1]}, "label '0' of type int: expected a str; take str() of each"),
        ({"labels": [True, False]}, "label 'True' of type bool"),
        ({"labels": ["a", None]}, "label 'None' of type NoneType"),
        ({"instruction": None}, "the instruction is 'None' of type NoneType"),
        ({"name": 3}, "task name 3 cannot be used"),
        ({"descriptions": ["x", "y"]}, "descriptions are \"['x', 'y']\" of type list"),
        ({"descriptions": {"a": None}}, "descriptions hold 'None' of type NoneType"),
        ({"examples": [("x", "a")]}, "examples are \"[('x', 'a')]\" of type list"),
        ({"examples": {3: "a"}}, "examples hold '3' of type int"),
    ],
    ids=str,
)
def test_values_of_other_types_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        Task(**({"name": "topics", "labels": ("a", "b")} | given))


def test_labels_of_numpy_become_plain_text() -> None:
    given: Any = np.array(["a", "b"])
    assert [type(label) for label in Task("topics", given).labels] == [str, str]


@pytest.mark.parametrize(
    ("labels", "named"), [((), "none"), (("only",), "only")], ids=["no label", "one label"]
)
def test_fewer_than_two_labels_are_refused(labels: tuple[str, ...], named: str) -> None:
    with pytest.raises(UsageError, match="at least two") as caught:
        Task("topics", labels)
    assert f"{len(labels)} label(s) ({named})" in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [("Cash", "cash"), ("card arrival", " card  arrival "), ("Stra\u00dfe", "STRASSE"), ("a", "a")],
)
def test_labels_that_differ_in_case_or_spaces_alone_are_refused(first: str, second: str) -> None:
    with pytest.raises(UsageError) as caught:
        Task("topics", ("other", first, second))
    assert repr(first) in str(caught.value)
    assert repr(second) in str(caught.value)


@pytest.mark.parametrize("label", ["", "  ", "\t\n"])
def test_an_empty_label_is_refused(label: str) -> None:
    with pytest.raises(UsageError, match="'topics' has an empty label"):
        Task("topics", ("a", label, "b"))


def test_a_description_of_an_unknown_label_is_refused() -> None:
    with pytest.raises(UsageError, match="a description for 'cahs', which is not one of its"):
        Task("topics", ("cash", "card"), descriptions={"cash": "money", "cahs": "money"})


def test_an_example_of_an_unknown_label_is_refused() -> None:
    with pytest.raises(UsageError, match="an example for 'Cash', which is not one of its labels"):
        Task("topics", ("cash", "card"), examples={"I lost a note": "Cash"})


def test_descriptions_of_some_labels_are_enough() -> None:
    task = Task("topics", ("cash", "card"), descriptions={"cash": "money"})
    assert task.descriptions == {"cash": "money"}


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("Cash", "cash"),
        ("  card \t arrival\n", "card arrival"),
        ("STRASSE", "strasse"),
        ("Stra\u00dfe", "strasse"),
        ("a\u00a0b", "a b"),
        ("", ""),
    ],
)
def test_label_key_folds_case_and_spaces(label: str, key: str) -> None:
    assert label_key(label) == key


@given(st.text(), st.sampled_from([" ", "  ", "\t", "\n"]))
def test_label_key_ignores_spaces_around_and_their_number(label: str, space: str) -> None:
    spaced = space + space.join(label.split()) + space
    assert label_key(spaced) == label_key(label)
    assert label_key(label_key(label)) == label_key(label)
