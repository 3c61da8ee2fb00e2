"""How near labelling comes to the rate that its calls in flight allow, on one processor core.

A teacher on loopback answers every call after 200 ms with log-probabilities of 20 alternatives at
each token. With 256 calls in flight, no client can do more than 256 / 0.2 s = 1,280 calls a second.
Locum labels as ``locum label`` does: at its own pace from 8 calls in flight on, within a budget
that is kept on disk, and with every answer stored. Beside it, in the same run and on the same core,
OpenAI's SDK makes calls the usual way, with ``AsyncOpenAI`` and a semaphore of 256; it reserves
nothing, stores nothing, and makes no label out of an answer. The teacher is a process of its own on
another core.

    python benchmarks/labelling_rate.py                              # 100,000 labels, 3 minutes
    python benchmarks/labelling_rate.py --labels 10000 --peer 0
    python benchmarks/labelling_rate.py --profile labelling.prof     # where the time goes
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import math
import multiprocessing
import os
import resource
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import orjson

from locum.labelling import label_task
from locum.schema import Example, OwnPrice, Task
from locum.store import LabelStore
from locum.teachers import Budget, ChatTeacher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

Client: TypeAlias = "Callable[[int, str | None, Connection], None]"
IN_FLIGHT = 256
SECONDS = 0.2
THEORY = IN_FLIGHT / SECONDS
CLIENT_CORE, TEACHER_CORE = 0, 1
MODEL = "teacher"
LABELS = (
    *("card arrival", "card linking", "exchange rate", "lost or stolen card", "pending transfer"),
    *("refund not showing up", "top up failed", "verify my identity", "wrong amount of cash"),
)
TASK = Task("intents", LABELS, "Classify the query into one of the intents of the bank.")
HEAD_END = b"\r\n\r\n"


class Measured(NamedTuple):
    """What one client did, and by how much its memory grew at its peak."""

    calls: int
    seconds: float
    processor_seconds: float
    grown_mb: float

    def describe(self, name: str) -> str:
        """Return a line for the table."""
        rate = self.calls / self.seconds
        each = self.processor_seconds / self.calls * 1e6
        return (
            f"{name:<28} {self.calls:>8,} calls {self.seconds:>7.1f} s {rate:>7,.0f}/s "
            f"{rate / THEORY:>6.1%} of {THEORY:,.0f}/s {each:>6,.0f} us of processor a call "
            f"{self.grown_mb:>6.1f} MB"
        )


def make_answers() -> list[bytes]:
    """Responses that hold each label with 20 alternatives at each of its tokens."""
    answers = []
    for label in LABELS:
        first, *rest = label.split()
        tokens = [first, *(f" {word}" for word in rest)]
        body = orjson.dumps(
            {
                "id": "chatcmpl-0",
                "object": "chat.completion",
                "created": 1_760_000_000,
                "model": "teacher-2026-01-01",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": label, "refusal": None},
                        "logprobs": {"content": [make_position(token) for token in tokens]},
                        "finish_reason": "stop",
                    }
                ],
                "usage": {
                    "prompt_tokens": 120,
                    "completion_tokens": len(tokens),
                    "total_tokens": 120 + len(tokens),
                    "prompt_tokens_details": {"cached_tokens": 0},
                },
                "system_fingerprint": "fp_1",
            }
        )
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        limits = "x-ratelimit-limit-requests: 1000000\r\nx-ratelimit-remaining-requests: 999999"
        answers.append(f"{head}\r\n{limits}\r\n\r\n".encode() + body)
    return answers


def make_position(token: str) -> dict[str, object]:
    """One token with 20 alternatives: itself at nine tenths, other labels' words and odd ones."""
    words = dict.fromkeys([token, *(label.split()[0] for label in LABELS)])
    others = [*words, *(f"other{number}" for number in range(20))][1:20]
    listed = [(token, 0.9), *((other, 0.05 / 2**place) for place, other in enumerate(others, 1))]
    alternatives = [
        {"token": word, "logprob": math.log(p), "bytes": list(word.encode())} for word, p in listed
    ]
    return {**alternatives[0], "top_logprobs": alternatives}


class Teacher(asyncio.Protocol):
    """Answers each request on a connection after 200 ms; clients wait for each answer."""

    def __init__(self, answers: list[bytes], count: list[int]) -> None:
        self._answers = answers
        self._count = count
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Wait for the whole request."""
        self._buffer += data
        end = self._buffer.find(HEAD_END)
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        _, _, after = head.partition(b"content-length:")
        length = int(after.split(b"\r\n", 1)[0])
        if len(self._buffer) < end + len(HEAD_END) + length:
            return
        answer = self._answers[self._count[0] % len(self._answers)]
        self._count[0] += 1
        self._buffer.clear()
        asyncio.get_running_loop().call_later(SECONDS, self._transport.write, answer)


def serve(pipe: Connection) -> None:
    """Be the teacher, until the pipe says stop; then say how many calls there were."""
    os.sched_setaffinity(0, {TEACHER_CORE})
    count = [0]

    async def run() -> None:
        loop = asyncio.get_running_loop()
        answers = make_answers()
        server = await loop.create_server(lambda: Teacher(answers, count), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)
        pipe.send((count[0], time.process_time()))

    asyncio.run(run())


@contextmanager
def teacher() -> Iterator[str]:
    """A teacher in a process of its own; prints how busy it was."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    process.start()
    there.close()
    started = time.perf_counter()
    try:
        yield f"http://127.0.0.1:{here.recv()}/v1"
        here.send(None)
        calls, busy = here.recv()
        share = busy / (time.perf_counter() - started)
        print(f"  the teacher answered {calls:,} calls, its core was {share:.0%} busy")
    finally:
        process.join(10)
        process.kill()


def texts_of(count: int) -> list[str]:
    """Queries of about 80 characters."""
    return [
        f"Query {number}: I ordered a card two weeks ago and it is not here, where may it be?"
        for number in range(count)
    ]


def label(url: str, texts: list[str], store: Path) -> int:
    """Label as ``locum label`` does."""
    asked = ChatTeacher(url, MODEL, concurrency=IN_FLIGHT)
    budget = Budget(ledger="intents", cap_usd=1000.0, prices={MODEL: OwnPrice(0.15, 0.60)})
    examples = [Example(text) for text in texts]
    with LabelStore(store) as opened:
        done = label_task(TASK, asked, examples, opened, budget, lambda *_: None)
    assert done.tally.answered == len(texts)
    assert done.balance.reserved == 0
    assert done.balance.calls == len(texts)
    return len(texts)


def call_with_sdk(url: str, texts: list[str]) -> int:
    """Make the same calls with OpenAI's SDK."""
    from openai import AsyncOpenAI

    from locum.teachers import build_messages

    async def run() -> None:
        limit = asyncio.Semaphore(IN_FLIGHT)
        async with AsyncOpenAI(base_url=url, api_key="none", max_retries=5) as client:

            async def ask(text: str) -> str | None:
                messages: Any = build_messages(TASK, text)
                async with limit:
                    completion = await client.chat.completions.create(
                        model=MODEL,
                        messages=messages,
                        temperature=0,
                        max_tokens=64,
                        logprobs=True,
                        top_logprobs=20,
                    )
                return completion.choices[0].message.content

            said = await asyncio.gather(*map(ask, texts))
        assert set(said) <= set(LABELS)

    asyncio.run(run())
    return len(texts)


def measure(work: Callable[[], int]) -> Measured:
    """Time some work on this process's one core."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, busy = time.perf_counter(), time.process_time()
    calls = work()
    seconds, processor = time.perf_counter() - started, time.process_time() - busy
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    return Measured(calls, seconds, processor, grown)


def measure_locum(count: int, profile: str | None, pipe: Connection) -> None:
    """Label from a process of its own, so that memory is its own; 500 labels come before."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    profiler, texts = cProfile.Profile(), texts_of(count)
    with TemporaryDirectory() as folder, teacher() as url:
        label(url, texts[:500], Path(folder) / "before.sqlite")
        if profile:
            profiler.enable()
        pipe.send(measure(lambda: label(url, texts, Path(folder) / "labels.sqlite")))
        if profile:
            profiler.disable()
            profiler.dump_stats(profile)


def measure_sdk(count: int, _: str | None, pipe: Connection) -> None:
    """Make calls with the SDK from a process of its own."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    texts = texts_of(count)
    with teacher() as url:
        call_with_sdk(url, texts[:500])
        pipe.send(measure(lambda: call_with_sdk(url, texts)))


def main() -> None:
    """Run the clients one after the other and print their figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--peer", type=int, default=10_000, help="calls of the SDK; 0 for none")
    parser.add_argument("--profile", help="file for a profile of the labelling")
    arguments = parser.parse_args()
    clients: list[tuple[str, Client, int]] = [("locum", measure_locum, arguments.labels)]
    if arguments.peer:
        clients.append(("openai, semaphore", measure_sdk, arguments.peer))
    for name, client, count in clients:
        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=client, args=(count, arguments.profile, there)
        )
        process.start()
        there.close()
        print(here.recv().describe(name))
        process.join()


if __name__ == "__main__":
    main()
