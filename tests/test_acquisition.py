"""Which inputs are worth a soft label, how many the money buys, and what is said of the gain."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.evaluation import Interval
from locum.losses import softmax
from locum.relabelling import Gain, Gains, Measure
from locum.relabelling.acquisition import alternate, entropy, fill_basket, pick, worth
from locum.relabelling.advice import advise
from locum.relabelling.funds import Funds
from locum.relabelling.gain import Arm, equal_spend

LOGITS = st.integers(2, 6).flatmap(
    lambda classes: st.lists(
        st.lists(st.floats(-20, 20), min_size=classes, max_size=classes), min_size=1, max_size=20
    )
)
ORDERS = st.integers(1, 40).flatmap(
    lambda count: st.tuples(
        st.permutations(range(count)), st.permutations(range(count)), st.sets(st.integers(0, count))
    )
)


def permuted(count: int, seed: int) -> list[int]:
    order: list[int] = np.random.default_rng(seed).permutation(count).tolist()
    return order


def test_entropy_by_hand() -> None:
    found = entropy(np.array([[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0.0]]))
    assert found == pytest.approx([0.0, 1.0, np.log(2) / np.log(3)])


def test_worth_by_hand() -> None:
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1], [0.9, 0.1]])
    spread = entropy(probabilities)[1]
    found = worth(probabilities, np.array([0, 0, 1]))
    assert found == pytest.approx([1.0, 0.1 + spread / 2, 0.9 + spread / 2])


@given(LOGITS)
def test_entropy_lies_between_zero_and_one(logits: list[list[float]]) -> None:
    found = entropy(softmax(np.array(logits)))
    assert ((found >= 0) & (found <= 1)).all()


@given(LOGITS, st.floats(1.01, 10), st.integers(0, 1))
def test_worth_grows_with_entropy(logits: list[list[float]], flatter: float, answer: int) -> None:
    # Rows keep the answer's probability, and share out the rest more evenly.
    sharp = softmax(np.array(logits))
    rest = np.delete(sharp, answer, axis=1)
    total = rest.sum(axis=1, keepdims=True)
    flat = softmax(np.log(np.maximum(rest, 1e-300)) / flatter) * total
    even = np.insert(flat, answer, sharp[:, answer], axis=1)
    answers = np.full(len(sharp), answer)
    assert (worth(even, answers) >= worth(sharp, answers) - 1e-9).all()


@given(st.floats(0, 1))
def test_worth_grows_with_surprise(one: float) -> None:
    # The same spread, and the recorded answer is the likelier or the less likely label.
    likelier, rarer = max(one, 1 - one), min(one, 1 - one)
    found = worth(np.array([[likelier, rarer], [likelier, rarer]]), np.array([0, 1]))
    assert found[0] <= found[1]


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 3)), max_size=40), st.data())
def test_a_pick_is_an_order_of_all_inputs(
    inputs: list[tuple[float, int]], data: st.DataObject
) -> None:
    worths = np.array([value for value, _ in inputs])
    classes = np.array([number for _, number in inputs], np.int64)
    has = np.array(data.draw(st.lists(st.integers(0, 9), min_size=4, max_size=4)))
    order = pick(worths, classes, has)
    assert sorted(order) == list(range(len(inputs)))
    for number in range(4):
        of_class = [worths[row] for row in order if classes[row] == number]
        assert of_class == sorted(of_class, reverse=True)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(1, 60))
def test_classes_of_equal_worth_get_equally_many(sizes: list[int], count: int) -> None:
    classes = np.repeat(np.arange(len(sizes)), sizes)
    order = pick(np.ones(len(classes)), classes, np.zeros(len(sizes), np.int64))
    taken = Counter(classes[order[:count]].tolist())
    most = max(taken.values())
    for number, size in enumerate(sizes):
        assert taken[number] >= min(size, most - 1)


def test_a_class_with_soft_labels_waits() -> None:
    order = pick(np.array([1.0, 1.0]), np.array([0, 1]), np.array([3, 0]))
    assert order == [1, 0]


def test_a_large_worth_outweighs_a_soft_label() -> None:
    order = pick(np.array([1.0, 0.9, 0.2]), np.array([0, 0, 1]), np.zeros(2, np.int64))
    assert order == [0, 1, 2]


@given(st.lists(st.integers()), st.lists(st.integers()))
def test_alternating_keeps_everything(first: list[int], second: list[int]) -> None:
    found = alternate(first, second)
    assert Counter(found) == Counter(first) + Counter(second)
    shorter = min(len(first), len(second))
    assert found[: 2 * shorter : 2] == first[:shorter]
    assert found[1 : 2 * shorter : 2] == second[:shorter]


@given(ORDERS, st.floats(0, 0.9), st.integers(0, 50))
def test_a_basket_keeps_the_budget_and_holds_nothing_twice(
    orders: tuple[list[int], list[int], set[int]], share: float, most: int
) -> None:
    chosen, control, known = orders
    basket = fill_basket(chosen, control, share, known, most)
    assert len(set(basket.rows)) == len(basket.rows)
    assert set(basket.rows) == {*basket.chosen, *basket.control}
    assert sum(row not in known for row in basket.rows) <= most
    assert basket.chosen == chosen[: len(basket.chosen)]
    assert basket.control == control[: len(basket.control)]


@given(ORDERS, st.floats(0, 0.9), st.integers(0, 50))
def test_more_money_adds_to_a_basket(
    orders: tuple[list[int], list[int], set[int]], share: float, most: int
) -> None:
    chosen, control, known = orders
    smaller, larger = (fill_basket(chosen, control, share, known, n) for n in (most, most + 1))
    assert larger.rows[: len(smaller.rows)] == smaller.rows
    assert smaller.rows != larger.rows or len(smaller.rows) == len(chosen)


@given(st.floats(0.05, 0.9), st.integers(1, 200), st.integers(0, 9))
def test_the_control_gets_its_share(share: float, most: int, seed: int) -> None:
    basket = fill_basket(permuted(1000, seed), permuted(1000, seed + 50), share, set(), most)
    taken = len(basket.chosen) + len(basket.control)
    assert abs(len(basket.control) - share * taken) <= 1


@given(ORDERS, st.floats(0, 0.9), st.integers(0, 50), st.data())
def test_what_was_bought_before_is_drawn_and_not_bought(
    orders: tuple[list[int], list[int], set[int]], share: float, most: int, data: st.DataObject
) -> None:
    everything, control, known = orders
    bought = data.draw(st.sets(st.sampled_from(everything)))
    chosen = [row for row in everything if row not in bought]
    basket = fill_basket(chosen, control, share, known, most, bought)
    assert not bought & {*basket.rows, *basket.chosen}
    assert {*basket.chosen, *basket.control} - bought == set(basket.rows)
    assert basket.control == control[: len(basket.control)]


def test_a_basket_is_full_when_nothing_is_left() -> None:
    basket = fill_basket(permuted(1000, 1), permuted(1000, 2), 0.25, set(), 1000)
    assert len(basket.rows) == 1000
    assert len(basket.control) == pytest.approx(len(basket.chosen) / 3, abs=1)
    assert len(basket.control) < 400


def test_without_a_control_everything_is_chosen() -> None:
    assert fill_basket([2, 0, 1], [], 0.0, {0}, 1) == ([2, 0], [2, 0], [])


PRICES = st.lists(st.floats(0.001, 5), min_size=1, max_size=30)


@given(PRICES, PRICES)
def test_arms_are_cut_down_to_equal_spend(first: list[float], second: list[float]) -> None:
    arms = [Arm(list(range(len(costs))), costs) for costs in (first, second)]
    found = equal_spend(*arms)
    least = min(sum(first), sum(second))
    for before, after in zip(arms, found, strict=True):
        assert after.costs == before.costs[: len(after.rows)]
        assert (after.usd or 0.0) <= least * (1 + 1e-6)
        following = before.costs[len(after.rows) :][:1]
        assert not following or (after.usd or 0.0) + following[0] > least


def test_free_arms_are_cut_down_to_equal_numbers() -> None:
    found = equal_spend(Arm([4, 5, 6], [0.0] * 3), Arm([7, 8], [0.0] * 2))
    assert [arm.rows for arm in found] == [[4, 5], [7, 8]]


@pytest.mark.parametrize(
    ("left", "likely", "most", "labels"),
    [
        (0.000226, 0.0001, 0.000258, 0),
        (0.000258, 0.0001, 0.000258, 1),
        (0.001, 0.0001, 0.0005, 6),
        (30.0, 1.0, 1.0, 30),
        (None, 1.0, 1.0, None),
        (1.0, 0.0, 0.0, None),
    ],
)
def test_the_last_call_can_be_reserved(
    left: float | None, likely: float, most: float, labels: int | None
) -> None:
    cap = None if left is None else left + 1
    assert Funds(cap, 1.0, likely, most).buys(likely) == labels


def gain(low: float, high: float) -> Gain:
    return Gain((low + high) / 2, Interval(low, high), None)


@pytest.mark.parametrize(
    ("bought", "chosen", "control", "difference", "verdict", "said"),
    [
        ((1, 3), (1, 3), (0.5, 1.5), (0.1, 2), "choosing_pays", "2.0 times as much"),
        (
            (1, 3),
            (1, 3),
            (-1, 1),
            (0.1, 2),
            "choosing_pays",
            "lowered the loss by 2.0000 (1.0000 to 3",
        ),
        ((1, 3), (1, 3), (1, 3), (-1, 1), "labels_pay", "contains zero: choosing did not pay"),
        ((1, 3), (-1, 1), (2, 4), (-4, -1), "chance_pays_more", "chance did better"),
        ((-1, 1), (-1, 1), (-1, 1), (-1, 1), "no_gain", "no gain can be shown"),
        ((-3, -1), (-3, -1), (-1, 1), (-2, 0.5), "worse", "raised the loss by 2.0000 (1.0000 to 3"),
        ((1, 3), None, None, None, "labels_pay", "too few were drawn at random"),
    ],
)
def test_verdicts(
    bought: tuple[float, float],
    chosen: tuple[float, float] | None,
    control: tuple[float, float] | None,
    difference: tuple[float, float] | None,
    verdict: str,
    said: str,
) -> None:
    compared = [pair and gain(*pair) for pair in (chosen, control, difference)]
    gains = Gains(20, 0.5, 5, 5, 0.1, [Measure("loss", 9, 1.0, gain(*bought), *compared)])
    found = advise(gains, 7)
    assert found.verdict == verdict
    assert said in " ".join(found.sentences)
    assert found.buy_more == (verdict not in {"no_gain", "worse"})
    assert ("7 inputs to learn from are left" in found.sentences[-1]) == found.buy_more
    assert not advise(gains, 0).buy_more
