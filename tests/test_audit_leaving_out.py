"""Objects with a field that no student learns, and what a student is worth that leaves it out."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from locum.audit import Probe, ProbeSettings
from locum.audit.leaving_out import ProbedObjects, distil_command, probe_without
from locum.audit.probe import Lessons, probe
from locum.audit.verdict import judge
from locum.evaluation import Promise
from locum.extraction.hindrances import Hindrance
from locum.schema import Example
from tests.audit_traffic import phrase
from tests.test_audit_verdict import foreseen, measured, probed, topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.audit import Foresight
    from locum.schema import JsonObject

PROMISE = Promise(0.8, 0.8)
TEAMS = ("billing", "delivery", "refund")
SURE = (0.9, 0.92, 0.95, 0.97, 0.99)


PROPERTIES: JsonObject = {
    "team": {"enum": [*TEAMS]},
    "language": {"enum": ["en", "fr"]},
    "sure": {"enum": [*SURE]},
    "why": {"type": "string"},
}


def probe_objects(*fields: str, required: Sequence[str] = (), seconds: float = 30.0) -> Probe:
    """Probe texts that begin with a team, whose answers also hold what nothing tells."""
    properties = {name: PROPERTIES[name] for name in fields}
    schema = {"type": "object", "properties": properties, "required": [*required]}
    generator = random.Random(1)  # noqa: S311 - no secret
    inputs = []
    for number in range(72):
        team = TEAMS[number % len(TEAMS)]
        told = {
            "team": team,
            "language": "en",
            "sure": generator.choice(SURE),
            "why": f"it is about {phrase(generator)}",
        }
        answer = json.dumps({name: told[name] for name in fields})
        inputs.append(Example(f"{team} {phrase(generator, 3, 6)}", answer))
    found = probe(
        Lessons("letters", "schema", inputs, 1.0, 400, schema),
        ProbeSettings(PROMISE, seconds=seconds),
    )
    assert isinstance(found, Probe)
    return found


@pytest.mark.parametrize(
    ("fields", "left_out", "said"),
    [
        (("team", "sure"), ("sure",), "what the text does not tell is not learned: sure agrees"),
        (("why", "team", "sure"), ("why", "sure"), "free text is not imitated: why is written"),
    ],
)
def test_fields_that_no_student_learns_are_left_out(
    fields: tuple[str, ...], left_out: tuple[str, ...], said: str
) -> None:
    found = probe_objects(*fields)
    assert found.left_out == left_out
    assert found.now.chance >= 0.8
    assert found.agreement.value > 0.85
    assert any(said in note for note in found.notes)


def test_a_field_that_calls_require_is_to_be_optional_first() -> None:
    found = probe_objects("team", "why", required=["team", "why"])
    assert found.left_out == ("why",)
    assert any("the calls' schema requires why, and locum promote" in note for note in found.notes)


def test_what_says_the_same_of_every_input_is_no_student() -> None:
    found = probe_objects("language", "why")
    assert found.left_out == ()
    assert found.now.chance == 0


# Which of the probes is told.

HINDRANCE = Hindrance("free text is not imitated: why is written", "", ("why",), 1.0)
LIKELY, UNLIKELY = foreseen(450, 0.5, 0.9), foreseen(450, 0.0, 0.1)
LATER = foreseen(900, 0.5, 0.8)


def told(whole: Probe, *others: Probe) -> tuple[Probe, list[tuple[str, ...]]]:
    """The probe that is told where others follow, and what each of them left out."""
    asked: list[tuple[str, ...]] = []
    rest = iter(others)

    def without(left_out: tuple[str, ...]) -> ProbedObjects | None:
        asked.append(left_out)
        found = next(rest, None)
        if found is None:
            return None
        return ProbedObjects(
            found._replace(left_out=left_out), [HINDRANCE._replace(fields=(f"no {len(asked)}",))]
        )

    return probe_without(ProbedObjects(whole, [HINDRANCE]), without), asked


def test_whole_objects_that_bring_a_certificate_are_not_probed_again() -> None:
    assert told(probed(LIKELY)) == (probed(LIKELY), [])


def test_fields_are_left_out_until_the_others_bring_a_certificate() -> None:
    found, asked = told(probed(UNLIKELY), probed(UNLIKELY), probed(LIKELY), probed(LIKELY))
    assert asked == [("why",), ("why", "no 1")]
    assert (found.now, found.left_out) == (LIKELY, ("why", "no 1"))


@pytest.mark.parametrize(
    ("whole", "rest", "left_out"),
    [
        (LATER, LIKELY, ("why",)),
        (LATER, UNLIKELY, ()),
        (None, UNLIKELY, ("why",)),
    ],
)
def test_fields_are_left_out_for_a_certificate_now_or_where_nothing_else_brings_one(
    whole: Foresight | None, rest: Foresight, left_out: tuple[str, ...]
) -> None:
    found, _ = told(probed(UNLIKELY, whole), probed(rest, LATER))
    assert found.left_out == left_out


def test_fields_without_which_there_is_no_certificate_either_are_not_left_out() -> None:
    found, _ = told(probed(UNLIKELY), probed(UNLIKELY))
    assert found.left_out == ()
    [note] = found.notes
    assert note.startswith(
        "a small student that leaves out why agrees with the model on 80%, which"
    )
    assert found._replace(notes=()) == probed(UNLIKELY)
    short, _ = told(probed(UNLIKELY), probed(UNLIKELY, whole=False))
    assert short.notes[0].endswith("and larger probes of it need more time: --time gives it")


def test_a_probe_of_whole_objects_that_takes_all_the_time_leaves_the_smallest_of_the_others() -> (
    None
):
    found = probe_objects("team", "sure", seconds=0.0)
    assert (found.left_out, found.whole) == (("sure",), False)


# What is said of it.


def without(now: Foresight, later: Foresight | None = None) -> Probe:
    return probed(now, later)._replace(left_out=("why", "how sure"))


def test_leaving_fields_out_is_a_verdict_of_its_own() -> None:
    verdict = judge(topic(), without(LIKELY), PROMISE)
    assert (verdict.kind, verdict.saves_now, verdict.months) == ("leave_out", False, 0)
    assert verdict.saving == judge(topic(), probed(LIKELY), PROMISE).saving
    assert verdict.reason.startswith("a small student that leaves out why and how sure may answer")
    assert verdict.reason.endswith("where its application can do without why and how sure")
    command = f"locum distill {topic().name} --leave-out why --leave-out 'how sure'"
    assert f"{command} makes that student" in verdict.notes


def test_more_calls_and_changed_ones_are_told_of_with_the_fields_that_are_left_out() -> None:
    later = judge(topic(), without(foreseen(450, 0, 0.5), LATER), PROMISE)
    assert later.kind == "collect_more"
    assert "a small student that leaves out why and how sure would answer" in later.reason
    assert any("--leave-out why" in note for note in later.notes)
    changed = judge(measured(recognised=0.1), without(LIKELY), PROMISE)
    assert changed.kind == "change_prompt"
    assert "a small student that leaves out why and how sure may answer" in changed.reason


@pytest.mark.parametrize(
    ("left_out", "command"),
    [
        ((), "locum distill mail"),
        (("a b", "c"), "locum distill mail --leave-out 'a b' --leave-out c"),
    ],
)
def test_a_command_is_written_as_a_shell_reads_it(left_out: Sequence[str], command: str) -> None:
    assert distil_command("mail", left_out) == command
