r"""What recorded traffic costs and takes before and after a student is promoted.

    python -m benchmarks.replay [--speed 10] [--calls N]

About five minutes at ten times the speed; needs the ``openai`` package. The traffic is 13,042
banking queries with what DeepSeek answered, how long that took and what it cost
(``benchmarks/data/banking77_deepseek.csv``), in random order; the teacher is a server on loopback
that waits as long, divided by ``--speed``, and answers the same. ``locum gateway`` passes calls on
and records them. OpenAI's own client sends the part that the data set calls ``train``, and ``locum
distill`` learns from it. The part called ``test``, which no student sees, is sent twice: before
``locum promote``, to the teacher alone, and after.

Dollars are the recorded prices of those calls that reached the teacher, the sampled ones among
them, which go to both. Latencies are what the client saw; with ``--speed``, the waiting of the
teacher is multiplied again, and all else is left as it was measured. Agreement is with what
DeepSeek answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import openai

from benchmarks.banking_calls import instruction, labels_of, read_calls, request_body
from benchmarks.gateway_overhead import free_port, running
from benchmarks.replay_teacher import Spent, read_spent
from locum.evaluation import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.banking_calls import BankingCall

__all__ = ["main"]

FOLLOWS_SECONDS = 3.0
# While nothing is timed. More at once than two would wait for this process, which sends them all.
RECORDED_IN_FLIGHT = 16
KEY = "sk-benchmark-0123456789abcdef"


class Answered(NamedTuple):
    """A call as the application saw it.

    Args:
        call: What was recorded of it.
        said: The answer.
        by_student: Whether the student gave it.
        seconds: From the request to the answer.
    """

    call: BankingCall
    said: str
    by_student: bool
    seconds: float

    @property
    def agrees(self) -> bool:
        """Whether it is what DeepSeek answered."""
        return self.said == self.call.answer

    def milliseconds(self, speed: float) -> float:
        """How long it would have taken with the teacher as slow as it was."""
        waited = 0.0 if self.by_student else self.call.latency_ms
        return self.seconds * 1e3 + waited - waited / speed


class Passed(NamedTuple):
    """Traffic that went through.

    Args:
        answered: Its calls.
        dollars: What those cost that reached the teacher.
        reached: How many that were.
    """

    answered: list[Answered]
    dollars: float
    reached: int


class Replay(NamedTuple):
    """What the replay runs on.

    Args:
        gateway: Origin of the gateway.
        teacher: Origin of the teacher.
        home: Folder of the store.
        system: The prompt.
        in_flight: How many calls at once.
        speed: What the teacher's latencies are divided by.
    """

    gateway: str
    teacher: str
    home: Path
    system: str
    in_flight: int
    speed: float


def main() -> None:
    """Replay, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speed", type=float, default=10, help="divides the teacher's latencies")
    parser.add_argument("--calls", type=int, help="of each part, to try it out; else all")
    parser.add_argument("--in-flight", type=int, default=2, help="calls at once, when timed")
    parser.add_argument("--student", default="linear", help="as locum distill takes it")
    parser.add_argument("--shadow", type=float, default=0.02, help="as locum promote takes it")
    arguments = parser.parse_args()
    calls = read_calls()
    system = instruction(labels_of(calls))
    random.Random(0).shuffle(calls)  # noqa: S311 - the file is in the order of its intents
    train, test = (
        [call for call in calls if call.split == split][: arguments.calls]
        for split in ("train", "test")
    )
    with TemporaryDirectory() as folder, servers(Path(folder), arguments.speed) as (front, back):
        replay = Replay(*(front, back, Path(folder), system, arguments.in_flight, arguments.speed))
        recorded = pass_through(replay._replace(in_flight=RECORDED_IN_FLIGHT), train)
        print(f"recorded {recorded.reached:,} calls of ${recorded.dollars:.4f}", flush=True)
        task = distil(replay, arguments.student)
        before = pass_through(replay, test)
        print(locum(replay.home, "promote", task, "--shadow", f"{arguments.shadow:g}"), flush=True)
        time.sleep(FOLLOWS_SECONDS)
        after = pass_through(replay, test)
        print_table([("before", before), ("after", after)], arguments.speed)
        print_status(replay, task)


@contextmanager
def servers(folder: Path, speed: float) -> Iterator[tuple[str, str]]:
    """Run the teacher and the gateway; return their origins."""
    teacher, gateway = free_port(), free_port()
    teach = [sys.executable, "-m", "benchmarks.replay_teacher", str(teacher), f"{speed:g}"]
    serve = [sys.executable, "-m", "locum", "gateway", "--home", str(folder)]
    serve += ["--upstream", f"http://127.0.0.1:{teacher}/v1", "--port", str(gateway)]
    paths = ":".join([str(Path(__file__).parent.parent), *[path for path in sys.path if path]])
    with running(teach, teacher, PYTHONPATH=paths), running(serve, gateway):
        yield f"http://127.0.0.1:{gateway}", f"http://127.0.0.1:{teacher}"


def pass_through(replay: Replay, calls: Sequence[BankingCall]) -> Passed:
    """Send calls through the gateway, and count what the teacher was paid."""
    before = read_spent(replay.teacher)
    answered = asyncio.run(send_all(replay, calls))
    after = wait_until_still(replay)
    return Passed(answered, after.dollars - before.dollars, after.calls - before.calls)


def wait_until_still(replay: Replay) -> Spent:
    """Wait for sampled calls that are still with the teacher, and return what it was paid."""
    spent = read_spent(replay.teacher)
    while True:
        time.sleep(1)
        now = read_spent(replay.teacher)
        if now == spent:
            return now
        spent = now


async def send_all(replay: Replay, calls: Sequence[BankingCall]) -> list[Answered]:
    """Send calls, several at once, in their order."""
    waiting = iter(calls)
    answered: list[Answered] = []
    async with openai.AsyncOpenAI(
        base_url=f"{replay.gateway}/v1", api_key=KEY, max_retries=0
    ) as client:

        async def send() -> None:
            for call in waiting:
                answered.append(await send_one(client, replay.system, call))  # noqa: PERF401 - several add to it

        await asyncio.gather(*(send() for _ in range(replay.in_flight)))
    return answered


async def send_one(client: openai.AsyncOpenAI, system: str, call: BankingCall) -> Answered:
    """Send one call as an application does."""
    body = request_body(system, call.text)
    started = time.perf_counter()
    raw = await client.chat.completions.with_raw_response.create(**body)
    said = raw.parse().choices[0].message.content or ""
    seconds = time.perf_counter() - started
    return Answered(call, said, raw.headers.get("x-locum-route") == "student", seconds)


def locum(home: Path, *words: str) -> str:
    """Run a command of ``locum``, and return what it printed."""
    command = [sys.executable, "-m", "locum", *words, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"locum {words[0]}: {done.stdout}{done.stderr}")
    return done.stdout


def distil(replay: Replay, student: str) -> str:
    """Train on what was recorded, and return the name of the task.

    No call names a task, so it has that of what all calls have in common: their fingerprint.
    """
    wait_until_durable(replay)
    totals = locum(replay.home, "calls", "totals", "--json").splitlines()
    if len(totals) != 1:
        sys.exit(f"the recorded calls are not one task: {totals}")
    task: str = json.loads(totals[0])["name"]
    started = time.perf_counter()
    locum(replay.home, "distill", task, "--student", student, "--quiet")
    print(f"distilled in {time.perf_counter() - started:.0f} s", flush=True)
    return task


def wait_until_durable(replay: Replay) -> None:
    """Wait until the gateway has recorded all calls that it passed on."""
    while True:
        with urllib.request.urlopen(f"{replay.gateway}/metrics") as page:  # noqa: S310 - on loopback
            if b"\nlocum_calls_not_yet_durable 0.0" in page.read():
                return
        time.sleep(0.1)


def print_table(rows: list[tuple[str, Passed]], speed: float) -> None:
    """Print what traffic cost and took, and how often it was answered as recorded."""
    calls = len(rows[0][1].answered)
    print(
        f"{calls:,} held-out calls; agreement with the recorded answers, in brackets its interval"
    )
    print(
        f"{'':8}{'student':>9}{'teacher':>9}{'dollars':>10}{'a million':>11}{'mean ms':>9}"
        f"{'p50 ms':>8}{'p95 ms':>8}{'agreement':>11}{'where the student answered':>34}"
    )
    for name, passed in rows:
        took = sorted(one.milliseconds(speed) for one in passed.answered)
        by_student = [one for one in passed.answered if one.by_student]
        agreed = sum(one.agrees for one in passed.answered) / calls
        print(
            f"{name:8}{len(by_student):9,}{passed.reached:9,}{passed.dollars:10.5f}"
            f"{passed.dollars / calls * 1e6:11.2f}{statistics.fmean(took):9.1f}"
            f"{quantile(took, 0.5):8.1f}{quantile(took, 0.95):8.1f}{agreed:11.2%}"
            f"{describe_agreement(by_student):>34}"
        )
    (_, before), (_, after) = rows
    saved = 1 - after.dollars / before.dollars
    means = [statistics.fmean(one.milliseconds(speed) for one in p.answered) for _, p in rows]
    print(f"saved: {saved:.1%} of dollars, {1 - means[1] / means[0]:.1%} of the mean time")


def quantile(ordered: list[float], share: float) -> float:
    """Return a quantile of sorted numbers."""
    return ordered[round(share * (len(ordered) - 1))]


def describe_agreement(answered: list[Answered]) -> str:
    """Return a share with its exact 95% interval."""
    if not answered:
        return "-"
    agreed, calls = sum(one.agrees for one in answered), len(answered)
    interval = clopper_pearson(agreed, calls)
    return f"{agreed / calls:.2%} ({interval.low:.1%} to {interval.high:.1%})"


def print_status(replay: Replay, task: str) -> None:
    """Print what ``locum status`` says of it, by the list price of the model."""
    wait_until_durable(replay)
    [standing] = json.loads(locum(replay.home, "status", task, "--json"))["tasks"]
    compared = standing["compared"]
    agreement = "none" if compared["agreement"] is None else f"{compared['agreement']:.1%}"
    print(
        f"locum status: {standing['state']}, {standing['answered']:,} of {standing['total']:,} "
        f"answered; {compared['answers']:,} compared, agreement {agreement}; "
        f"saved {standing['saved_usd']}"
    )


if __name__ == "__main__":
    main()
