"""Applications stay within their caps, also several at once and at several gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from locum.config import ApplicationSettings
from locum.schema import OwnPrice
from locum.serving.refusals import Refusal, error_body
from locum.serving.spending import Spending
from locum.store import Database, SpendStore, Spent

if TYPE_CHECKING:
    from collections.abc import Mapping

PRICES = {"m": OwnPrice(input=1_000_000.0, output=10_000_000.0)}
BODY = {"model": "m", "max_tokens": 1}


def spending(day: float | None = 100.0, month: float | None = None) -> Spending:
    applications = {
        "shop": ApplicationSettings(key_env="X", day_usd=day, month_usd=month),
        "free": ApplicationSettings(key_env="Y"),
    }
    return Spending(applications, PRICES)


def known(kept: Spending, spent: float, settled: Mapping[str, float] | None = None) -> None:
    kept.take({"shop": Spent(spent, spent)}, settled or {})


def test_a_call_that_could_pass_the_cap_is_refused() -> None:
    kept = spending()
    known(kept, 0.0)
    # A request of 20 bytes and one token of an answer: 20 + 10 dollars at these prices.
    assert [kept.reserve("shop", BODY, 20) is not None for _ in range(3)] == [True] * 3
    with pytest.raises(Refusal, match=r"may spend \$100 a day") as refused:
        kept.reserve("shop", BODY, 20)
    assert (refused.value.status, refused.value.code) == (429, "spend_cap")
    assert 0 < (refused.value.retry_after or 0) <= 86_401


def test_what_a_call_did_cost_takes_the_place_of_what_it_might() -> None:
    kept = spending()
    known(kept, 0.0)
    for _ in range(30):
        reserved = kept.reserve("shop", BODY, 20)
        assert reserved is not None
        kept.settle([reserved], [("shop", 1.0)])
    known(kept, 30.0, kept.begin_read())
    kept.reserve("shop", BODY, 60)
    with pytest.raises(Refusal):
        kept.reserve("shop", BODY, 1)


def test_what_was_settled_while_the_store_was_read_is_not_forgotten() -> None:
    kept = spending()
    known(kept, 0.0)
    before = kept.begin_read()
    kept.settle([], [("shop", 90.0)])
    kept.take({"shop": Spent(0.0, 0.0)}, before)
    with pytest.raises(Refusal):
        kept.reserve("shop", BODY, 1)


def test_the_month_has_a_cap_of_its_own() -> None:
    kept = spending(None, 50.0)
    kept.take({"shop": Spent(0.0, 45.0)}, {})
    with pytest.raises(Refusal, match=r"\$50 a month"):
        kept.reserve("shop", BODY, 1)


def test_an_application_without_a_cap_spends_what_it_does() -> None:
    kept = spending()
    assert kept.reserve("free", BODY, 10**9) is None
    assert kept.reserve(None, BODY, 10**9) is None


def test_nothing_is_spent_while_nobody_knows_what_was() -> None:
    with pytest.raises(Refusal, match="cannot be read"):
        spending().reserve("shop", BODY, 1)


@pytest.mark.parametrize("model", ["no-such-model", None, 3])
def test_a_model_whose_price_is_not_known_is_refused(model: object) -> None:
    kept = spending()
    known(kept, 0.0)
    with pytest.raises(Refusal, match="declare it") as refused:
        kept.reserve("shop", {"model": model}, 1)
    assert refused.value.status == 403


def test_a_call_to_which_its_provider_adds_is_refused() -> None:
    kept = spending()
    known(kept, 0.0)
    with pytest.raises(Refusal, match="with 'conversation' costs is not known") as refused:
        kept.reserve("shop", BODY | {"conversation": "conv_1"}, 1)
    assert (refused.value.status, refused.value.code) == (403, "unknown_price")
    assert not kept.may_spend("shop", BODY | {"conversation": "conv_1"}, 1)
    assert kept.reserve("free", BODY | {"conversation": "conv_1"}, 1) is None


def test_a_call_that_is_sold_at_another_price_is_refused() -> None:
    kept = spending()
    known(kept, 0.0)
    with pytest.raises(Refusal, match="service_tier 'priority' costs is not known") as refused:
        kept.reserve("shop", BODY | {"service_tier": "priority"}, 1)
    assert (refused.value.status, refused.value.code) == (403, "unknown_price")
    assert kept.reserve("shop", BODY | {"service_tier": "flex"}, 1) is not None


def test_a_call_whose_path_names_another_model_is_refused() -> None:
    kept = spending()
    known(kept, 0.0)
    with pytest.raises(Refusal, match="the path names the model 'dear', the body 'm'") as refused:
        kept.reserve("shop", BODY, 1, "dear")
    assert (refused.value.status, refused.value.code) == (403, "unknown_price")
    assert not kept.may_spend("shop", BODY, 1, "dear")
    assert kept.reserve("shop", BODY, 1, "m") is not None
    assert kept.reserve("free", BODY, 1, "dear") is None


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"max_completion_tokens": 2}, 2),
        ({"max_tokens": 2, "max_completion_tokens": 3}, 3),
        ({"max_tokens": 2, "n": 4}, 8),
        ({"max_tokens": "2"}, 2),
        ({"max_tokens": -10_000_000}, 16_384),
        ({"max_tokens": 10**400}, 10_000_000),
        ({"max_tokens": 2, "n": -5}, 2),
        ({"max_tokens": 2, "n": 10**400}, 2_000),
        ({"max_output_tokens": 100_000}, 100_000),
        ({}, 16_384),
    ],
)
def test_the_worst_case_is_the_longest_answer_that_is_allowed(
    body: dict[str, object], tokens: int
) -> None:
    kept = spending(10.0**12)
    known(kept, 0.0)
    reserved = kept.reserve("shop", {"model": "m", **body}, 5)
    assert reserved is not None
    assert reserved.worst_usd == pytest.approx(5 + 10 * tokens)


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        ({"prompt": "a"}, 1),
        ({"prompt": ["a", "b", "c"]}, 3),
        ({"prompt": [[1, 2], [3]]}, 2),
        ({"prompt": [1, 2, 3]}, 1),
        ({"n": 2}, 2),
        ({"best_of": 5, "n": 2}, 5),
        ({"prompt": ["a", "b"], "best_of": 3}, 6),
        ({"best_of": -1, "n": True}, 1),
    ],
)
def test_each_answer_that_is_written_may_cost_as_much(
    body: dict[str, object], answers: int
) -> None:
    kept = spending(day=1_000.0)
    known(kept, 0.0)
    reserved = kept.reserve("shop", BODY | body, 5)
    assert reserved is not None
    assert reserved.worst_usd == pytest.approx(5 + 10 * answers)


def test_what_is_reserved_stays_so_until_it_is_settled() -> None:
    kept = spending()
    known(kept, 0.0)
    reserved = kept.reserve("shop", BODY, 85)
    assert reserved is not None
    for _ in range(3):
        known(kept, 0.0, kept.begin_read())
        with pytest.raises(Refusal):
            kept.reserve("shop", BODY, 1)
    kept.settle([reserved], [])
    assert kept.reserve("shop", BODY, 85) == reserved


def test_the_store_sums_by_day_and_month(database: Database) -> None:
    store = SpendStore(database)
    noon = 1_773_576_000.0  # 15 March 2026, 12:00 UTC
    store.add({"shop": 1.0, "other": 9.0}, noon)
    store.add({"shop": 0.5}, noon + 3_600)
    store.add({"shop": 2.0}, noon - 86_400)
    store.add({"shop": 4.0}, noon - 20 * 86_400)
    assert store.spent(["shop", "none"], noon) == {
        "shop": Spent(1.5, 3.5),
        "none": Spent(0, 0),
    }


def test_what_nobody_can_price_is_read_alone() -> None:
    kept = spending()
    for method in (b"GET", b"HEAD"):
        kept.refuse_unpriced("shop", method)
    for application in ("free", None):
        kept.refuse_unpriced(application, b"POST")
    with pytest.raises(Refusal, match="has a cap") as refused:
        kept.refuse_unpriced("shop", b"POST")
    assert (refused.value.status, refused.value.code) == (403, "unknown_price")


def test_to_ask_whether_money_is_left_takes_none() -> None:
    kept = spending()
    known(kept, 0.0)
    assert [kept.may_spend("shop", BODY, 85) for _ in range(3)] == [True] * 3
    assert kept.reserve("shop", BODY, 85) is not None
    assert not kept.may_spend("shop", BODY, 85)
    assert kept.may_spend("free", BODY, 10**9)


def test_an_error_is_of_the_kind_that_sdks_know() -> None:
    kinds = {
        status: [
            orjson.loads(error_body(Refusal(status, "code", "Why."), anthropic=anthropic))["error"][
                "type"
            ]
            for anthropic in (False, True)
        ]
        for status in (400, 413, 429, 500, 503)
    }
    assert kinds == {
        400: ["invalid_request_error"] * 2,
        413: ["invalid_request_error", "request_too_large"],
        429: ["rate_limit_error"] * 2,
        500: ["api_error"] * 2,
        503: ["overloaded_error"] * 2,
    }
