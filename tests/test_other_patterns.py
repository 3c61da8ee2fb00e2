"""Redaction may change after recording or promoting: calls are recognised, or it is said."""

from __future__ import annotations

import asyncio
import math
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from locum.config import LimitSettings, RedactionSettings
from locum.promotion import Framer, prepare_plan, read_plan, write_plan
from locum.promotion.frame import spelled_frame_of
from locum.redaction import Redactor
from locum.serving.other_patterns import find_other_patterns, note_other_patterns
from locum.serving.roster import Roster
from locum.serving.spending import Spending
from locum.store import PromotionStore, open_database
from locum.traffic import SplitRequest, split_request
from tests.promoted import chat_request, label_calls, label_student, record, spelled

if TYPE_CHECKING:
    from pathlib import Path

    from locum.promotion import Frame
    from locum.schema import JsonObject

INSTRUCTION = "Which team? Mail team@example.org if unsure. Customers look like CU-12345678."
DEFAULT = RedactionSettings()
NO_MAIL = RedactionSettings(off=frozenset({"email"}))
CUSTOMERS = RedactionSettings(patterns={"customer": "CU-[0-9]{8}"})
BOTH = RedactionSettings(off=NO_MAIL.off, patterns=CUSTOMERS.patterns)


def rest(settings: RedactionSettings | None = None) -> JsonObject:
    """A prompt as it is sent, or as it was recorded."""
    split = split_request(chat_request("x", INSTRUCTION))
    assert isinstance(split, SplitRequest)
    return split.rest if settings is None else Redactor(settings).redact([split.rest]).values[0]


@pytest.mark.parametrize("recorded", [DEFAULT, NO_MAIL])
@pytest.mark.parametrize("now", [DEFAULT, NO_MAIL, CUSTOMERS, BOTH])
def test_a_prompt_has_one_frame_however_it_was_recorded(
    recorded: RedactionSettings, now: RedactionSettings
) -> None:
    framer = Framer(now)
    assert framer.frame(rest(recorded)) == framer.frames(rest())[0]


@pytest.mark.parametrize("settings", [DEFAULT, NO_MAIL, CUSTOMERS, BOTH])
def test_plans_of_earlier_versions_hold_frames_as_calls_were_recorded(
    settings: RedactionSettings,
) -> None:
    assert Framer(settings).frames(rest())[1] == spelled_frame_of(rest(settings))


def test_patterns_are_told_apart_and_what_is_left_in_the_store_is_not() -> None:
    digests = [Framer(settings).patterns for settings in (DEFAULT, NO_MAIL, CUSTOMERS, BOTH)]
    assert digests[0] == digests[1]
    assert digests[2] == digests[3]
    assert digests[0] != digests[2]
    turned = {"order": "OR-[0-9]{8}", **CUSTOMERS.patterns}
    other = dict(reversed(turned.items()))
    assert len({Framer(RedactionSettings(patterns=p)).patterns for p in (turned, other)}) == 1


def live(settings: RedactionSettings) -> Frame:
    return Framer(settings).frame(rest())


def test_promoting_again_brings_back_what_a_new_pattern_took() -> None:
    calls = [record(chat_request(f"{n}", INSTRUCTION), spelled("billing"), n) for n in range(9)]
    before = prepare_plan(label_student(), calls, framer=Framer(DEFAULT)).plan
    after = prepare_plan(label_student(), calls, framer=Framer(CUSTOMERS)).plan
    assert before.recognition.knows(live(NO_MAIL))
    assert not before.recognition.knows(live(CUSTOMERS))
    assert after.recognition.knows(live(CUSTOMERS))
    assert after.patterns == Framer(CUSTOMERS).patterns


def test_other_patterns_are_noted_once_for_each_promotion(tmp_path: Path) -> None:
    with open_database(tmp_path / "store.sqlite") as database:
        store = PromotionStore(database)

        def promote_with(settings: RedactionSettings) -> None:
            plan = prepare_plan(label_student(), label_calls(), framer=Framer(settings)).plan
            store.promote("support", "aa", {}, write_plan(plan), percent=100, shadow=0.5)

        def told(settings: RedactionSettings, started: float = math.inf, **plan: str) -> list[str]:
            [promotion] = store.all()
            read = read_plan(promotion)._replace(**plan)  # type: ignore[arg-type]
            said = find_other_patterns(promotion, read, Framer(settings).patterns, started)
            if said:
                note_other_patterns(database, "support", said)
            return [event.kind for event in store.events("support", 9)]

        promote_with(DEFAULT)
        assert told(DEFAULT) == told(NO_MAIL) == ["promoted"]
        # One of an earlier version does not say by which patterns it was promoted.
        assert told(CUSTOMERS, patterns="") == ["promoted"]
        assert told(CUSTOMERS) == told(CUSTOMERS) == ["alarm", "promoted"]
        assert "locum promote support" in store.events("support", 1)[0].message
        promote_with(CUSTOMERS)
        assert told(CUSTOMERS)[0] == "promoted"
        assert told(DEFAULT)[:2] == ["alarm", "promoted"]
        assert told(DEFAULT, started=0.0)[:3] == ["alarm", "alarm", "promoted"]
        assert "start that gateway again" in store.events("support", 1)[0].message
        store.end("support", "demoted", "")
        assert told(DEFAULT)[0] == "demoted"


def test_a_gateway_says_that_it_runs_since_before_the_patterns_of_a_promotion(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "store.sqlite"
    spending, patterns = Spending({}, {}), Framer(DEFAULT).patterns
    roster = Roster(place, tmp_path / "students", LimitSettings(), spending, patterns)
    plan = prepare_plan(label_student(), label_calls(), framer=Framer(CUSTOMERS)).plan

    async def scenario() -> list[str]:
        with open_database(place) as database:
            store = PromotionStore(database)
            await roster.look()
            manifest = b"{}"
            files, artefact = {"manifest.json": manifest}, sha256(manifest).hexdigest()
            store.promote("support", artefact, files, write_plan(plan), percent=100, shadow=0.5)
            for _ in range(3):
                await roster.look()
            roster.close()
            return [event.message for event in store.events("support", 9)]

    said = [message for message in asyncio.run(scenario()) if "patterns" in message]
    assert len(said) == 1
    assert "start that gateway again" in said[0]
    assert caplog.text.count(f"support: {said[0]}") == 1
