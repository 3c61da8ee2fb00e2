"""How the calls of a task are told from others while traffic flows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from locum.dataset import Surroundings, find_surroundings
from locum.promotion.frame import ANY_TURNS, Frame, frame_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LEAST_SHARE", "Foreseen", "Recognition", "foresee", "learn_recognition"]

LEAST_SHARE = 0.02
"""Share of the calls of a task that a frame needs; one that fewer have is an exception."""
_LEAST_COVERED = 0.9
_FEWEST_NEW = 2
_LONG_ENOUGH = 10_000
_TIMES_LONGER = 4
_BARE = frame_of({"messages": []})


class Recognition(NamedTuple):
    """What a call must be like for the student to be asked.

    Args:
        frames: One of these; a frame may stand for any turns before the input.
        before: How the input begins: a prompt that stands in the user's own message.
        after: How it ends; likewise.
        by_name: Whether it must be named by the header ``x-locum-task``, as nothing else tells it
            from other calls.
        longest: Characters of the longest input; one that is longer than any that the student
            learned from by far would keep it from others.
    """

    frames: frozenset[Frame]
    before: str
    after: str
    by_name: bool
    longest: int = _LONG_ENOUGH

    def admits(self, frame: Frame, text: str) -> bool:
        """Tell whether a call belongs to the task, its name aside."""
        return self.may_hold(text) and self.knows(frame)

    def knows(self, frame: Frame) -> bool:
        """Tell whether calls of the task had such a frame."""
        return _is_among(self.frames, frame)

    def may_name(self, model: str) -> bool:
        """Tell whether calls of the task asked for such a model."""
        return any(frame.model == model for frame in self.frames)

    def overlaps(self, other: Recognition) -> bool:
        """Tell whether a call could belong to both tasks, whose names differ."""
        if self.by_name or other.by_name:
            return False
        alike = any(map(self.knows, other.frames)) or any(map(other.knows, self.frames))
        before, after = (self.before, other.before), (self.after, other.after)
        return (
            alike
            and max(before, key=len).startswith(min(before, key=len))
            and max(after, key=len).endswith(min(after, key=len))
        )

    def may_hold(self, text: str) -> bool:
        """Tell whether an input could be one of the task's, by what needs no redaction."""
        if len(text) > self.longest:
            return False
        bare = not (self.before or self.after)
        return bare or Surroundings(self.before, self.after).surround(text)


def _is_among(frames: frozenset[Frame], frame: Frame) -> bool:
    return _as_among(frames, frame) is not None


def _as_among(frames: frozenset[Frame], frame: Frame) -> Frame | None:
    """Return a frame as it is among others: with its turns or any; ``None`` where it is not."""
    spelled = (frame, frame._replace(turns=ANY_TURNS))
    return next((one for one in spelled if one in frames), None)


def learn_recognition(
    frames: Sequence[Frame],
    texts: Sequence[str],
    spare: Callable[[Surroundings], Surroundings] = lambda around: around,
) -> Recognition:
    """Return what the recorded calls of a task have in common.

    Args:
        frames: Of each call that a student could answer; at least one.
        texts: The input of each.
        spare: Returns what of surroundings is no part of what a student reads; all, by default.
    """
    common = _common_frames(frames)
    calls = zip(frames, texts, strict=True)
    around = spare(find_surroundings([text for frame, text in calls if _is_among(common, frame)]))
    bare = {frame.fingerprint for frame in common if _is_bare(frame)}
    return Recognition(
        common,
        *around,
        by_name=bool(bare) and not any(around),
        longest=max(_LONG_ENOUGH, _TIMES_LONGER * max(map(len, texts))),
    )


class Foreseen(NamedTuple):
    """How many of the newer calls would have been recognised by what was learned from the older.

    Args:
        calls: The newer ones.
        recognised: Those that would have been.
    """

    calls: int
    recognised: int


def foresee(frames: Sequence[Frame], times: Sequence[float]) -> Foreseen | None:
    """Foresee how calls will be recognised that have yet to come, by the halves of recorded ones.

    A prompt that was changed once is told by one new frame, and calls to come have that. Several
    new ones that most newer calls have say that the next is new as well, as where the date stands
    in the instruction.

    Args:
        frames: Of each call that a student could answer; at least one.
        times: When each was sent; alike where that is not known.

    Returns:
        ``None`` where there is no older half, or frames do not go on changing.
    """
    middle = sorted(times)[len(times) // 2]
    older = [frame for frame, time in zip(frames, times, strict=True) if time < middle]
    newer = [frame for frame, time in zip(frames, times, strict=True) if time >= middle]
    if not older:
        return None
    known, all_known = _common_frames(older), _common_frames(frames)
    missed = [frame for frame in newer if not _is_among(known, frame)]
    new = {_as_among(all_known, frame) for frame in missed} - {None}
    if len(new) < _FEWEST_NEW or 2 * len(missed) < len(newer):
        return None
    return Foreseen(len(newer), len(newer) - len(missed))


def _common_frames(frames: Sequence[Frame]) -> frozenset[Frame]:
    """Frames that are no exception; with any turns where these vary from call to call."""
    kept = _frequent(frames)
    if sum(frame in kept for frame in frames) >= _LEAST_COVERED * len(frames):
        return kept
    return _frequent([frame._replace(turns=ANY_TURNS) for frame in frames])


def _frequent(frames: Sequence[Frame]) -> frozenset[Frame]:
    counts = Counter(frames)
    return frozenset(f for f, count in counts.items() if count >= LEAST_SHARE * len(frames))


def _is_bare(frame: Frame) -> bool:
    """Tell whether nothing but the input says what is wanted."""
    return frame.fingerprint == _BARE.fingerprint and frame.turns in {_BARE.turns, ANY_TURNS}
