"""How fast the store of calls takes calls in and answers, and how large it is.

Made-up calls of 2 KB in 50 kinds, of which some are named tasks, are added in batches as a gateway
adds them; then the queries of ``locum calls`` are timed, best of three, first over SQLite and then
over the Parquet files that all calls are moved to.

    python benchmarks/call_store.py                                # 1,000,000 calls, 3 minutes
    python benchmarks/call_store.py --calls 100000 --batch 100 --folder /var/tmp
    python benchmarks/call_store.py --store postgresql://user@host/empty_database
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from locum.schema import Call, CallFacts
from locum.store import CallFilter, CallStore, open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locum.store import Database

START = 1_760_000_000.0
MODELS = ("gpt-5.2-mini", "gpt-5.2", "claude-sonnet-4-6", "gemini-2.5-flash", "deepseek-chat")
WORDS = tuple(
    "".join(random.Random(seed).choices("abcdefghijklmnoprstuvw", k=2 + seed % 9))  # noqa: S311 - no secret
    for seed in range(2000)
)


def make_calls(count: int, seed: int = 0) -> Iterator[list[Call]]:
    """Calls of about 2 KB in batches of up to 1,000, the oldest first."""
    generator = random.Random(seed)  # noqa: S311 - no secret
    instructions = [" ".join(generator.choices(WORDS, k=120)) for _ in range(50)]
    for begin in range(0, count, 1000):
        yield [
            make_call(generator, number, instructions)
            for number in range(begin, min(begin + 1000, count))
        ]


def make_call(generator: random.Random, number: int, instructions: list[str]) -> Call:
    """One call; a few kinds make up most of the traffic."""
    kind = min(int(generator.expovariate(0.1)), 49)
    text = " ".join(generator.choices(WORDS, k=100))
    model = MODELS[kind % len(MODELS)]
    facts = CallFacts(
        id=generator.randbytes(16).hex(),
        time=START + number * 2 + generator.random(),
        source="gateway",
        endpoint="chat",
        outcome="whole" if generator.random() < 0.98 else "failed",
        model=model,
        fingerprint=random.Random(kind).randbytes(6).hex(),  # noqa: S311 - no secret
        task=f"task-{kind}" if kind < 6 else None,
        application=f"application-{kind % 4}",
        upstream="openai",
        status=200,
        streamed=True,
        latency_ms=generator.uniform(300, 3000),
        first_byte_ms=generator.uniform(100, 300),
        input_tokens=generator.randrange(300, 600),
        output_tokens=generator.randrange(1, 50),
        cost_usd=generator.uniform(1e-5, 1e-3),
        preview=text[:100],
    )
    messages = [
        {"role": "system", "content": instructions[kind]},
        {"role": "user", "content": text},
    ]
    answer = {"role": "assistant", "content": generator.choice(WORDS)}
    usage = {"prompt_tokens": facts.input_tokens, "completion_tokens": facts.output_tokens}
    response = {
        "id": f"chatcmpl-{generator.randbytes(14).hex()}",
        "object": "chat.completion",
        "created": int(facts.time),
        "model": model,
        "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
        "usage": usage,
    }
    return Call(facts, {"model": model, "messages": messages, "temperature": 0}, response)


def fill(store: CallStore, count: int, batch: int) -> None:
    """Add calls and print the rate, without the time that it takes to make them up."""
    spent, slowest = 0.0, 0.0
    for thousand in make_calls(count):
        for begin in range(0, len(thousand), batch):
            calls = thousand[begin : begin + batch]
            started = time.perf_counter()
            store.add(calls)
            took = time.perf_counter() - started
            spent, slowest = spent + took, max(slowest, took)
    print(
        f"added in batches of {batch}: {count / spent:,.0f} calls/s; "
        f"slowest batch {slowest * 1000:.0f} ms"
    )


def size(database: Database) -> str:
    """What the store takes on disk."""
    if database.archive is None:
        [(taken,)] = database.execute("SELECT pg_database_size(current_database())")
        return f"{taken / 1e6:,.0f} MB in the database"
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    files = list(database.archive.glob("*.parquet"))
    archived = sum(file.stat().st_size for file in files)
    taken = Path(database.name).stat().st_size
    return (
        f"{taken / 1e6:,.0f} MB in SQLite, {archived / 1e6:,.0f} MB in {len(files)} Parquet files"
    )


def ask(store: CallStore, count: int) -> None:
    """Time the queries."""
    middle = START + count
    some_id = next(make_calls(1000))[500].facts.id
    questions: dict[str, Callable[[], object]] = {
        "newest 20": lambda: store.find(CallFilter(), 20),
        "newest 20 of a task": lambda: store.find(CallFilter(task="task-5"), 20),
        "newest 20 of a model": lambda: store.find(CallFilter(model="claude-*"), 20),
        "newest 20, failed": lambda: store.find(CallFilter(outcome="failed"), 20),
        "newest 20 before a time": lambda: store.find(CallFilter(until=middle), 20),
        "newest 20, there are none": lambda: store.find(CallFilter(application="no"), 20),
        "totals": lambda: store.totals(CallFilter()),
        "totals of a task": lambda: store.totals(CallFilter(task="task-5")),
        "totals since a time": lambda: store.totals(CallFilter(since=middle)),
        "count": lambda: store.count(CallFilter()),
        "count of a task": lambda: store.count(CallFilter(task="task-5")),
        "one call by its id": lambda: store.get(some_id),
        "one call by 8 digits": lambda: store.get(some_id[:8]),
    }
    for name, question in questions.items():
        best = min(timed(question) for _ in range(3))
        print(f"  {name:<28} {best * 1000:9.1f} ms")
    took = timed(lambda: deque(store.iterate(CallFilter()), maxlen=0))
    print(f"  {'all calls with bodies':<28} {took * 1000:9.1f} ms, {count / took:,.0f} calls/s")


def timed(question: Callable[[], object]) -> float:
    """Seconds that a question takes."""
    started = time.perf_counter()
    question()
    return time.perf_counter() - started


def run(place: str | Path, count: int, batch: int) -> None:
    """Fill a store and print its figures."""
    with open_database(place) as database:
        store = CallStore(database)
        fill(store, count, batch)
        print(size(database))
        ask(store, count)
        if database.archive is not None:
            started = time.perf_counter()
            moved = store.compact(START + 2 * count)
            print(f"moved {moved.calls:,} calls in {time.perf_counter() - started:.1f} s")
            print(size(database))
            ask(store, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"peak memory {peak:,.0f} MB")


def main() -> None:
    """Run the benchmark in a folder of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=1000, help="calls a transaction, up to 1,000")
    parser.add_argument("--folder", type=Path, help="where the files go for the time of the run")
    parser.add_argument("--store", help="URL of an empty PostgreSQL database, instead of SQLite")
    arguments = parser.parse_args()
    with TemporaryDirectory(dir=arguments.folder) as folder:
        place = arguments.store or Path(folder) / "calls.sqlite"
        run(place, arguments.calls, arguments.batch)


if __name__ == "__main__":
    main()
