"""Who is promoted, as a gateway follows it, where its store becomes another one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from locum.config import LimitSettings
from locum.promotion import write_plan
from locum.serving.roster import Roster
from locum.serving.spending import Spending
from locum.store import PromotionStore, open_database
from tests.test_promotion_plan import PLAN

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def ended(place: Path, artefact: str) -> Path:
    """Make a store with one promotion that has ended, of revision 2."""
    files = {"manifest.json": b"{}"}
    with open_database(place) as database:
        promotions = PromotionStore(database)
        promotions.promote("support", artefact, files, write_plan(PLAN), percent=5.0, shadow=0.02)
        promotions.end("support", "demoted", "")
    return place


def test_a_store_in_the_place_of_another_is_followed_though_it_counts_alike(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place, other = ended(tmp_path / "calls.sqlite", "aa"), ended(tmp_path / "other.sqlite", "bb")
    roster = Roster(place, tmp_path / "students", LimitSettings(), Spending({}, {}), PLAN.patterns)

    async def scenario() -> list[str]:
        found = []
        for look in range(3):
            if look == 1:
                other.replace(place)
            await roster.look()
            found += [one.promotion.artefact for one in roster.stand_ins]
        roster.close()
        return found

    assert asyncio.run(scenario()) == ["aa", "aa", "bb"]
    assert caplog.text.count("promotions cannot be read: the store") == 1
    assert "was moved, deleted or replaced while it was open" in caplog.text
