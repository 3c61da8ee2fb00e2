"""Promote, change the share, demote and promote again under load, and check each answer.

Whoever answers must say what it says of the text, and what the headers say must be so: the
student's answers name it in ``system_fingerprint``, the teacher's have ids of their own. Calls of
another task, which differ in their instruction alone, must never be the student's. The last column
says how long after a command had ended the last call went the way of before.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

from benchmarks.serving_contenders import PATH, agreeing_answers, gateway
from benchmarks.serving_load import KEY
from benchmarks.serving_task import locum, promote
from benchmarks.serving_teacher import TEACHER_MARK, nginx_teacher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.serving_contenders import Bench
    from benchmarks.serving_task import ServedCall, ServedTask

__all__ = ["check_switches"]

CLIENTS = 32
FOLLOWS_SECONDS = 2.5
# Of the calls that it is to answer, a student may be late for as many on a busy machine.
LATE_SHARE = 0.01
OTHER_EVERY = 10
OTHER_INSTRUCTION = "Name the topic of the message."
HEADERS = {"authorization": f"Bearer {KEY}"}


class Phase(NamedTuple):
    """What is set, and of how many of the calls that it covers the student is to answer then.

    Args:
        name: For the table.
        command: Sets it.
        share: The expected share.
    """

    name: str
    command: Callable[[ServedTask, float], None]
    share: float


PHASES = (
    Phase("promote, 100%", lambda task, shadow: promote(task, 100, shadow), 1.0),
    Phase("25%", lambda task, shadow: promote(task, 25, shadow), 0.25),
    Phase("70%", lambda task, shadow: promote(task, 70, shadow), 0.7),
    Phase("0%, scored", lambda task, shadow: promote(task, 0, shadow), 0.0),
    Phase("100%", lambda task, shadow: promote(task, 100, shadow), 1.0),
    Phase("demote", lambda task, _: demote(task), 0.0),
    Phase("promote again", lambda task, shadow: promote(task, 100, shadow), 1.0),
)


class Span(NamedTuple):
    """When a phase was: its command was given, and had ended; the next one's was given."""

    given: float
    set: float
    left: float


class Sent(NamedTuple):
    """A call that was answered.

    Args:
        at: When it was sent, by the monotonic clock.
        ended: When it was answered.
        kind: ``covered`` by the certificate, ``deferred``, or of ``other`` tasks.
        text: Its input.
        fault: What is wrong with the answer; empty where nothing is.
        by_student: Whether the student answered.
    """

    at: float
    ended: float
    kind: str
    text: str
    fault: str
    by_student: bool


def demote(task: ServedTask) -> None:
    """Demote the task's student."""
    locum("demote", task.name, home=task.home)


def check_switches(bench: Bench, seconds: float) -> bool:
    """Print a table of phases.

    Args:
        bench: What to serve.
        seconds: How long each phase lasts, once the gateway has followed.

    Returns:
        Whether no call was lost or misrouted.
    """
    task = bench.task
    promote(task, 100, bench.shadow)
    teacher_files = bench.folder / "teacher"
    with (
        nginx_teacher(agreeing_answers(task), teacher_files, bench.placement) as teacher,
        gateway(task, teacher, bench.placement) as (url, _),
    ):
        spans, sent = asyncio.run(run_phases(bench, url + PATH, seconds))
    return print_phases(spans, sent)


async def run_phases(bench: Bench, url: str, seconds: float) -> tuple[list[Span], list[Sent]]:
    """Send calls while the phases go by; return when these were, and the calls."""
    sent: list[Sent] = []
    spans: list[Span] = []
    stop = asyncio.Event()
    calls = cycle(bench.task)
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def send() -> None:
            while not stop.is_set():
                kind, call, body = next(calls)
                sent.append(await send_one(session, url, kind, call, body))

        clients = [asyncio.create_task(send()) for _ in range(CLIENTS)]
        for phase in PHASES:
            given = time.monotonic()
            await asyncio.to_thread(phase.command, bench.task, bench.shadow)
            done = time.monotonic()
            await asyncio.sleep(FOLLOWS_SECONDS + seconds)
            spans.append(Span(given, done, time.monotonic()))
        stop.set()
        await asyncio.gather(*clients)
    return spans, sent


def cycle(task: ServedTask) -> Iterator[tuple[str, ServedCall, bytes]]:
    """Yield calls round and round, one in ten as if it were of another task."""
    own = itertools.cycle((call, json.dumps(call.body).encode()) for call in task.calls)
    for number in itertools.count():
        call, body = next(own)
        if number % OTHER_EVERY:
            yield "covered" if call.answered else "deferred", call, body
            continue
        messages = [{"role": "system", "content": OTHER_INSTRUCTION}, call.body["messages"][-1]]
        yield "other", call, json.dumps({**call.body, "messages": messages}).encode()


async def send_one(
    session: aiohttp.ClientSession, url: str, kind: str, call: ServedCall, body: bytes
) -> Sent:
    """Send a call, and look at its answer."""
    at = time.monotonic()
    by_student = False
    try:
        async with session.post(
            url, data=body, headers={"content-type": "application/json"}
        ) as answer:
            said = await answer.read()
            by_student = answer.headers.get("x-locum-route") == "student"
            fault = find_fault(kind, call, answer.status, said, by_student=by_student)
    except (aiohttp.ClientError, OSError) as error:
        fault = type(error).__name__
    return Sent(at, time.monotonic(), kind, call.text, fault, by_student)


def find_fault(kind: str, call: ServedCall, status: int, said: bytes, *, by_student: bool) -> str:
    """Say what is wrong with an answer."""
    if not 200 <= status < 300:
        return f"status {status}"
    body: dict[str, Any] = json.loads(said)
    text = body["choices"][0]["message"]["content"]
    of_student = str(body.get("system_fingerprint", "")).startswith("locum_")
    of_teacher = str(body["id"]).startswith(TEACHER_MARK)
    if (of_student, of_teacher) != (by_student, not by_student):
        return "header does not say who answered"
    if by_student and kind != "covered":
        return f"student answered a call that is {kind}"
    taught = call.student if call.answered else call.teacher
    return "" if text == (call.student if by_student else taught) else "wrong answer"


def print_phases(spans: list[Span], sent: list[Sent]) -> bool:
    """Print a line a phase; tell whether no call was lost or misrouted."""
    faults = Counter(one.fault for one in sent if one.fault)
    print(
        f"\nswitches under load: {len(sent):,} calls of {CLIENTS} clients, each answer checked\n"
        f"{'':16}{'calls':>8}{'covered':>9}{'by student':>12}{'expected':>10}{'followed s':>12}"
    )
    kept = [print_phase(phase, span, sent) for phase, span in zip(PHASES, spans, strict=True)]
    told = ", ".join(f"{count} {fault}" for fault, count in faults.items()) or "none"
    print(f"lost or misrouted: {told}")
    return all(kept) and not faults


def print_phase(phase: Phase, span: Span, sent: list[Sent]) -> bool:
    """Print a line; tell whether as many calls as expected went to the student."""
    calls = [one for one in sent if span.given <= one.at and one.ended < span.left]
    settled = [one for one in calls if one.at >= span.set + FOLLOWS_SECONDS]
    covered = [one for one in settled if one.kind == "covered"]
    share = sum(one.by_student for one in covered) / max(len(covered), 1)
    followed = ""
    if phase.share in {0.0, 1.0}:
        stale = [one.at for one in calls if one.kind == "covered" and one.by_student != phase.share]
        followed = f"{max([0.0, *(at - span.set for at in stale)]):.2f}"
    print(
        f"{phase.name:16}{len(settled):8,}{len(covered):9,}{share:12.2%}{phase.share:10.0%}"
        f"{followed:>12}"
    )
    return abs(share - phase.share) <= (0.05 if 0 < phase.share < 1 else LATE_SHARE)
