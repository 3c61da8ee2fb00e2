"""Division into splits that know nothing of each other."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from locum.dataset import SHARES, SplitRows, split_rows
from locum.schema import SPLITS, Split

Rows = NDArray[np.int64]
FIRST_SPLITS: tuple[Split, ...] = ("train", "validation", "certify")


class Inputs(NamedTuple):
    """What is known of the rows that are to be divided."""

    group: Rows
    stratum: Rows
    times: list[float | None]
    held_out: NDArray[np.bool_]

    def split(self, seed: int = 0) -> SplitRows:
        """Divide them."""
        return split_rows(self.group, self.stratum, self.times, self.held_out, seed)


@st.composite
def inputs(draw: st.DrawFn, *, timed: bool | None = None, held_out: bool | None = None) -> Inputs:
    count = draw(st.integers(1, 60))
    raw = draw(st.lists(st.integers(0, 30), min_size=count, max_size=count))
    numbers = {value: number for number, value in enumerate(dict.fromkeys(raw))}
    some_held = draw(st.booleans()) if held_out is None else held_out
    held = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    has_times = draw(st.booleans()) if timed is None else timed
    moments = draw(st.lists(st.integers(0, 50), min_size=count, max_size=count))
    strata = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    return Inputs(
        np.array([numbers[value] for value in raw]),
        np.array(strata),
        [float(moment) if has_times else None for moment in moments],
        np.array(held) & some_held,
    )


def of_thousand(*, timed: bool = False) -> Inputs:
    generator = np.random.default_rng(7)
    moments = generator.permutation(1000).astype(float)
    return Inputs(
        np.arange(1000),
        generator.choice(4, 1000, p=[0.6, 0.25, 0.1, 0.05]),
        list(moments) if timed else [None] * 1000,
        np.zeros(1000, np.bool_),
    )


@given(inputs())
def test_every_row_is_in_one_split_at_most(given_rows: Inputs) -> None:
    found = given_rows.split()
    assert set(found.rows) == set(SPLITS)
    chosen = np.concatenate([found.rows[split] for split in SPLITS])
    assert len(np.unique(chosen)) == len(chosen)
    assert set(chosen.tolist()) <= set(range(len(given_rows.group)))
    assert found.unused == len(given_rows.group) - len(chosen)


@given(inputs())
def test_no_group_is_in_two_splits(given_rows: Inputs) -> None:
    found = given_rows.split()
    split_of: dict[int, Split] = {}
    for split in SPLITS:
        for number in given_rows.group[found.rows[split]].tolist():
            assert split_of.setdefault(number, split) == split


@given(inputs())
def test_no_group_is_lost(given_rows: Inputs) -> None:
    found = given_rows.split()
    chosen = np.concatenate([found.rows[split] for split in SPLITS])
    assert set(given_rows.group[chosen].tolist()) == set(given_rows.group.tolist())


@given(inputs())
def test_certify_and_test_hold_one_input_a_group(given_rows: Inputs) -> None:
    found = given_rows.split()
    for split in ("certify", "test"):
        numbers = given_rows.group[found.rows[split]]
        assert len(np.unique(numbers)) == len(numbers)


@given(inputs(held_out=True).filter(lambda rows: bool(rows.held_out.any())))
def test_the_test_split_is_what_was_held_out(given_rows: Inputs) -> None:
    found = given_rows.split()
    held = np.flatnonzero(given_rows.held_out)
    assert set(found.rows["test"].tolist()) <= set(held.tolist())
    assert set(given_rows.group[found.rows["test"]]) == set(given_rows.group[held])


@given(inputs(timed=True))
def test_splits_follow_each_other_in_time(given_rows: Inputs) -> None:
    found = given_rows.split()
    group = given_rows.group
    times = np.array(given_rows.times, np.float64)
    free = np.flatnonzero(~np.isin(group, group[given_rows.held_out]))
    assert found.by_time == (len(np.unique(times[free])) > 1)
    if not found.by_time:
        return
    oldest = [min(times[group == number]) for number in range(group.max() + 1)]
    ordered: tuple[Split, ...] = FIRST_SPLITS if given_rows.held_out.any() else SPLITS
    ages = [[oldest[n] for n in group[found.rows[split]]] for split in ordered]
    for earlier, later in pairwise([found_ages for found_ages in ages if found_ages]):
        assert max(earlier) <= min(later)


def test_of_a_group_its_oldest_input_stands_for_it() -> None:
    group = np.repeat(np.arange(100), 2)
    times: list[float | None] = [float(n // 2) + (0.5 if n % 2 == 0 else 0.0) for n in range(200)]
    found = split_rows(group, np.zeros(200, np.int64), times, np.zeros(200, np.bool_))
    assert found.by_time
    for split in ("certify", "test"):
        assert (found.rows[split] % 2 == 1).all()
    assert found.unused == len(found.rows["certify"]) + len(found.rows["test"])


@given(inputs(), st.integers(0, 5))
def test_the_same_seed_gives_the_same_splits(given_rows: Inputs, seed: int) -> None:
    first, second = given_rows.split(seed), given_rows.split(seed)
    for split in SPLITS:
        assert first.rows[split].tolist() == second.rows[split].tolist()


def test_another_seed_gives_other_splits() -> None:
    rows = of_thousand()
    first, second = rows.split(0), rows.split(1)
    for split in SPLITS:
        assert set(first.rows[split].tolist()) != set(second.rows[split].tolist())


@pytest.mark.parametrize("timed", [False, True], ids=["at random", "by time"])
def test_the_shares_of_a_thousand_rows(*, timed: bool) -> None:
    found = of_thousand(timed=timed).split()
    assert found.by_time is timed
    assert {split: len(rows) for split, rows in found.rows.items()} == {
        split: pytest.approx(1000 * share, abs=2) for split, share in SHARES.items()
    }
    assert found.unused == 0


def test_the_shares_where_a_test_set_is_held_out() -> None:
    rows = of_thousand()
    rows.held_out[:100] = True
    found = rows.split()
    assert sorted(found.rows["test"].tolist()) == list(range(100))
    for split in FIRST_SPLITS:
        assert len(found.rows[split]) == pytest.approx(900 * SHARES[split] / 0.92, abs=2)


@pytest.mark.parametrize("seed", range(3))
def test_classes_keep_their_shares(seed: int) -> None:
    rows = of_thousand()
    found = rows.split(seed)
    shares = np.bincount(rows.stratum) / 1000
    for split, tolerance in (("train", 0.01), ("certify", 0.02), ("test", 0.03)):
        of_split = rows.stratum[found.rows[split]]  # type: ignore[index]
        assert np.bincount(of_split, minlength=4) / len(of_split) == pytest.approx(
            shares, abs=tolerance
        )


def test_the_first_rows_of_a_split_are_a_fair_sample_of_the_classes() -> None:
    rows = of_thousand()
    first = rows.split().rows["train"][:200]
    shares = np.bincount(rows.stratum) / 1000
    assert np.bincount(rows.stratum[first], minlength=4) / 200 == pytest.approx(shares, abs=0.02)


def test_times_count_only_where_all_free_rows_have_one() -> None:
    rows = of_thousand(timed=True)
    rows.times[3] = None
    assert not rows.split().by_time
    rows.held_out[3] = True
    assert rows.split().by_time


def test_equal_times_are_no_order() -> None:
    rows = of_thousand()
    assert not rows._replace(times=[5.0] * 1000).split().by_time


def test_everything_held_out_leaves_the_other_splits_empty() -> None:
    rows = of_thousand()
    rows.held_out[:] = True
    found = rows.split()
    assert [len(found.rows[split]) for split in SPLITS] == [0, 0, 0, 1000]


def test_a_class_of_one_row_falls_into_each_split_by_its_share() -> None:
    rare, seeds = 40, 200
    stratum = np.concatenate([np.zeros(60, np.int64), np.arange(1, rare + 1)])
    count = len(stratum)
    certified = [
        (
            split_rows(np.arange(count), stratum, [None] * count, np.zeros(count, bool), seed).rows[
                "certify"
            ]
            >= 60
        ).sum()
        for seed in range(seeds)
    ]
    expected, trials = SHARES["certify"], rare * seeds
    error = (expected * (1 - expected) / trials) ** 0.5
    assert abs(np.sum(certified) / trials - expected) < 5 * error


def test_equal_times_are_ordered_at_random_and_not_by_the_file() -> None:
    count = 1000
    stratum = np.repeat([0, 1], count // 2)
    times: list[float | None] = [*([0.0] * (count - 1)), 1.0]
    found = split_rows(np.arange(count), stratum, times, np.zeros(count, bool))
    assert found.by_time
    assert all(0.3 < stratum[rows].mean() < 0.7 for rows in found.rows.values())


@given(inputs(held_out=False), st.integers(0, 5))
def test_no_split_is_empty_where_there_are_groups_for_all(given_rows: Inputs, seed: int) -> None:
    groups = len(set(given_rows.group.tolist()))
    found = given_rows.split(seed).rows
    filled = sum(bool(rows.size) for rows in found.values())
    assert filled == (len(SPLITS) if groups >= len(SPLITS) else 1)


def test_a_large_group_leaves_no_split_empty() -> None:
    group = np.concatenate([np.arange(590), np.full(270, 590), np.arange(591, 731)])
    rows = Inputs(
        group, np.zeros(1000, np.int64), list(map(float, range(1000))), np.zeros(1000, bool)
    )
    assert all(found.size for found in rows.split().rows.values())


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("copies", [1_500, 9_000])
def test_a_text_that_most_calls_hold_crowds_no_others_out(copies: int, *, timed: bool) -> None:
    group = np.concatenate([np.zeros(copies, np.int64), np.arange(1, 1001)])
    order = np.random.default_rng(3).permutation(len(group))
    times = [float(place) if timed else None for place in range(len(group))]
    none = np.zeros(len(group), np.bool_)
    found = split_rows(group[order], group[order] % 4, times, none, 0)
    distinct = {split: len(set(group[order][rows].tolist())) for split, rows in found.rows.items()}
    for split, share in SHARES.items():
        assert abs(distinct[split] - share * 1000) < 250 * share
