"""How the calls of a task are told from others by what its recorded calls have in common."""

from __future__ import annotations

from itertools import combinations_with_replacement, product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.promotion import ANY_TURNS, Frame, Framer, Recognition
from locum.promotion.recognition import Foreseen, foresee, learn_recognition
from locum.redaction import Redactor
from locum.traffic import SplitRequest, split_request
from tests.promoted import chat_request

if TYPE_CHECKING:
    from collections.abc import Sequence

FRAMER = Framer()
BARE = FRAMER.frame({"messages": [], "model": "m"})
TOLD = Frame("0123456789ab", "m", "settings", "turns")
PROMPT = "Which team should answer this mail? "
END = " Answer with one word."
FRAMES = st.builds(
    Frame, st.sampled_from("ab"), st.sampled_from("mn"), st.just("s"), st.sampled_from("xyz")
)
CALLS = st.lists(st.tuples(FRAMES, st.text()), min_size=1, max_size=60)


def learn(texts: Sequence[str], frame: Frame = TOLD) -> Recognition:
    return learn_recognition([frame] * len(texts), texts)


@given(CALLS)
def test_every_call_in_a_common_frame_is_admitted(calls: list[tuple[Frame, str]]) -> None:
    frames, texts = zip(*calls, strict=True)
    found = learn_recognition(frames, texts)
    for frame, text in calls:
        kept = frame in found.frames or frame._replace(turns=ANY_TURNS) in found.frames
        assert found.admits(frame, text) == kept


@given(st.lists(st.text(), min_size=2, max_size=20), st.text())
def test_a_text_without_the_prompt_around_it_is_not_admitted(texts: list[str], other: str) -> None:
    found = learn([f"{PROMPT}{text}{END}" for text in texts])
    if len(set(texts)) == 1:
        assert (found.before, found.after) == ("", "")
        return
    assert found.before.startswith(PROMPT)
    assert found.after.endswith(END)
    assert found.admits(TOLD, f"{PROMPT}{texts[0]}{END}")
    for missing in (other, f"{PROMPT}{other}", f"{other}{END}", PROMPT + END[1:]):
        whole = missing.startswith(PROMPT) and missing.endswith(END)
        assert whole or not found.admits(TOLD, missing)


def test_beginning_and_end_may_not_overlap_in_an_input() -> None:
    found = learn([f"one and the same {text} one and the same" for text in ("a", "b")])
    assert (found.before, found.after) == ("one and the same ", " one and the same")
    assert not found.admits(TOLD, "one and the same one and the same"[:17])
    assert not found.admits(TOLD, "one and the same")
    assert found.admits(TOLD, "one and the same c one and the same")


@pytest.mark.parametrize("prompt", ["", PROMPT, "Is it urgent? "])
def test_tasks_that_admit_the_same_call_overlap(prompt: str) -> None:
    some = [Frame("a", model, "s", turns) for model in "mn" for turns in ("x", "y", ANY_TURNS)]
    sets = [frozenset(pair) for pair in combinations_with_replacement(some, 2)]
    asked = [Frame("a", model, "s", turns) for model in "mn" for turns in "xyz"]
    text = f"{PROMPT}a"
    for one, other in product(sets, sets):
        first = Recognition(one, PROMPT, "", by_name=False)
        second = Recognition(other, prompt, "", by_name=False)
        both = [one for one in asked if first.admits(one, text) and second.admits(one, text)]
        assert first.overlaps(second) == second.overlaps(first) == bool(both)
        assert not first.overlaps(second._replace(by_name=True))


def test_what_is_short_is_no_prompt() -> None:
    found = learn(["Hi there, a?", "Hi there, b?"])
    assert (found.before, found.after) == ("", "")
    assert found.admits(TOLD, "anything else")


@pytest.mark.parametrize(
    ("first", "second", "before", "after"),
    [
        (
            "Which team answers bob@example.com? My parcel is late.",
            "Which team answers ann@example.com? It is broken.",
            "Which team answers ",
            "",
        ),
        (
            "a. This mail was sent by bob@example.com to our desk.",
            "b. This mail was sent by ann@example.com to our desk.",
            "",
            " to our desk.",
        ),
        (
            "To whom do we send ann@example.com (a)? Sent by +49 30 901820 to our desk.",
            "To whom do we send +49 30 901820 (b)? Sent by ann@example.com to our desk.",
            "To whom do we send ",
            " to our desk.",
        ),
        (
            "Say ann@example.com: a. (eve@example.com, ann@example.com) As above, in short.",
            "Say ann@example.com: b. (eve@example.com, bob@example.com) As above, in short.",
            "",
            ") As above, in short.",
        ),
    ],
)
def test_a_prompt_ends_where_something_was_redacted(
    first: str, second: str, before: str, after: str
) -> None:
    redact = Redactor().redact_text
    found = learn([redact(first), redact(second)])
    assert (found.before, found.after) == (before, after)
    assert found.admits(TOLD, first)
    assert found.admits(TOLD, second)


@given(
    st.lists(
        st.lists(
            st.sampled_from(
                [
                    *("ann@example.com", "bob@example.com", "+49 30 901820", " and this is all "),
                    *("a", "[", "]", "1", " to our desk."),
                ]
            ),
            max_size=6,
        ).map(" ".join),
        min_size=1,
        max_size=5,
    )
)
def test_an_input_is_known_again_though_it_was_learned_redacted(texts: list[str]) -> None:
    found = learn([Redactor().redact_text(text) for text in texts])
    assert all(found.admits(TOLD, text) for text in texts)


def test_frames_of_exceptions_are_left_out_with_their_inputs() -> None:
    texts = [f"{PROMPT}{number}{END}" for number in range(99)]
    stray = TOLD._replace(fingerprint="ffffffffffff")
    found = learn_recognition([*[TOLD] * 99, stray], [*texts, "Tell me a joke."])
    assert found == Recognition(frozenset({TOLD}), PROMPT, END, by_name=False)
    assert not found.admits(stray, f"{PROMPT}x{END}")


def test_several_prompts_of_one_task_are_all_known() -> None:
    other = TOLD._replace(settings="others")
    found = learn_recognition([TOLD, other] * 10, [str(number) for number in range(20)])
    assert found.frames == {TOLD, other}


def test_turns_that_are_new_in_every_call_do_not_matter() -> None:
    frames = [TOLD._replace(turns=str(number)) for number in range(100)]
    found = learn_recognition(frames, [str(number) for number in range(100)])
    assert found.frames == {TOLD._replace(turns=ANY_TURNS)}
    assert found.admits(TOLD._replace(turns="never seen"), "x")
    assert not found.admits(TOLD._replace(model="another"), "x")
    assert not found.admits(TOLD._replace(settings="others"), "x")


def test_turns_that_all_calls_share_are_a_part_of_the_prompt() -> None:
    shown = [{"role": "user", "content": "late"}, {"role": "assistant", "content": "shipping"}]
    messages = [*shown, {"role": "user", "content": "x"}]
    split = split_request(chat_request("x", messages=messages))
    assert isinstance(split, SplitRequest)
    frame = FRAMER.frame(split.rest)
    found = learn(["a", "b"], frame)
    assert found.admits(frame, "c")
    assert not found.admits(FRAMER.frame({**split.rest, "messages": shown[:1]}), "c")
    assert not found.by_name


@pytest.mark.parametrize("turns", [BARE.turns, ANY_TURNS])
def test_calls_that_hold_nothing_but_the_input_need_their_name(turns: str) -> None:
    frame = BARE._replace(turns=turns)
    assert learn(["a", "b"], frame).by_name
    assert not learn([f"{PROMPT}a", f"{PROMPT}b"], frame).by_name
    assert not learn([f"a{END}", f"b{END}"], frame).by_name
    assert not learn(["a", "b"], TOLD).by_name


def test_a_stray_call_leaves_the_prompt_around_the_input() -> None:
    frame = FRAMER.frame({"messages": []})
    texts = [f"Which intent is this? {number} Answer in one word." for number in range(100)]
    found = learn_recognition([frame] * 101, [*texts, "Something else altogether"])
    assert (found.before, found.after) == ("Which intent is this? ", " Answer in one word.")
    assert not found.admits(frame, "Something else altogether")


def days(count: int, calls: int = 10) -> list[Frame]:
    """Frames of calls whose instruction holds the day."""
    return [TOLD._replace(fingerprint=f"day {day}") for day in range(count) for _ in range(calls)]


def test_a_prompt_that_holds_the_day_is_foreseen_to_be_recognised_no_more() -> None:
    frames = days(10)
    assert learn_recognition(frames, ["text"] * 100).frames == set(frames)
    assert foresee(frames, range(100)) == Foreseen(50, 0)
    assert foresee(frames[::-1], range(100, 0, -1)) == Foreseen(50, 0)
    talks = [frame._replace(turns=f"talk {number}") for number, frame in enumerate(frames)]
    assert foresee(talks, range(100)) == Foreseen(50, 0)


@pytest.mark.parametrize(
    "frames",
    [
        [TOLD] * 100,
        days(2, 50),  # changed once: calls to come have the new one
        [*days(2, 20), *days(3, 20)[40:], *days(3, 20)[40:]],
        days(10)[::10] * 10,  # ten tenants, day by day
        [*days(1, 98), *days(2)[10:12]],
        [frame._replace(turns=f"talk {n}") for n, frame in enumerate(days(2, 50))],
    ],
    ids=["one", "changed", "changed twice", "tenants", "exceptions", "talks"],
)
def test_prompts_that_do_not_go_on_changing_are_foreseen_as_they_are(frames: list[Frame]) -> None:
    assert foresee(frames, range(len(frames))) is None


def test_nothing_is_foreseen_of_calls_without_times() -> None:
    assert foresee(days(10), [0.0] * 100) is None
    assert foresee([TOLD], [0.0]) is None
