"""Redaction may change after recording or promoting: calls are recognised, or it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.config import RedactionSettings
from locum.promotion import Framer, prepare_plan, write_plan
from locum.promotion.frame import spelled_frame_of
from locum.redaction import Redactor
from locum.serving.other_patterns import tell_other_patterns
from locum.store import PromotionStore, open_database
from locum.traffic import SplitRequest, split_request
from tests.promoted import chat_request, label_calls, label_student, promote, record, spelled

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


def test_other_patterns_are_told_of_once_for_each_promotion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "store.sqlite"
    promoted = promote(place, tmp_path / "student")
    with open_database(place) as database:
        store = PromotionStore(database)

        def told(settings: RedactionSettings) -> list[str]:
            tell_other_patterns(database, settings)
            return [event.kind for event in store.events("support", 9)]

        assert told(DEFAULT) == told(NO_MAIL) == ["promoted"]
        assert not capsys.readouterr().err
        assert told(CUSTOMERS) == told(CUSTOMERS) == ["alarm", "promoted"]
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2
        assert "locum: support: redaction has other patterns" in said[0]
        assert "locum promote support" in store.events("support", 1)[0].message

        def promote_again(plan: JsonObject) -> None:
            artefact = promoted.promotion.artefact
            store.promote("support", artefact, {}, plan, percent=100, shadow=0.5)

        framer = Framer(CUSTOMERS)
        promote_again(write_plan(prepare_plan(label_student(), label_calls(), framer=framer).plan))
        assert told(CUSTOMERS)[0] == "promoted"
        assert told(DEFAULT)[:2] == ["alarm", "promoted"]
        # One of an earlier version, which does not say; one that cannot be read; one that ended.
        promote_again({**promoted.promotion.plan, "patterns": ""})
        assert told(CUSTOMERS)[0] == "promoted"
        promote_again({})
        assert told(CUSTOMERS)[0] == "promoted"
        promote_again(promoted.promotion.plan)
        store.end("support", "demoted", "")
        assert told(CUSTOMERS)[0] == "demoted"
