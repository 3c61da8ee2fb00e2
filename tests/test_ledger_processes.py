"""Many processes at one ledger, also killed ones: the cap holds and nothing is bought twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from locum.store import Ledger, open_database
from locum.store.in_flight import lock_ledgers

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

WORKERS = 25
# Buys keys by threads until all are known or the money is used up; the provider that charges is a
# file that all processes write their costs to. Prints how many calls of dead runs it took over.
BUY = """
import os, random, sys, threading, time
from locum.schema import TeacherAnswer
from locum.store import Claim, Ledger, Settlement, open_database

place, charges, keys, cap, workers, seed = sys.argv[1:3] + [int(a) for a in sys.argv[3:]]
charged = os.open(charges, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def buy(ledger, key, chance):
    time.sleep(chance.uniform(0, 0.004))
    cost = chance.randint(0, 100)
    os.write(charged, f"{key} {cost}\\n".encode())
    time.sleep(chance.uniform(0, 0.002))
    ledger.exchange([Settlement(key, TeacherAnswer(key), cost)], [])

def work(ledger, worker):
    chance = random.Random(1000 * seed + worker)
    waiting = [f"key {number}" for number in range(worker, keys, workers)]
    chance.shuffle(waiting)
    while waiting:
        key = waiting.pop()
        [verdict] = ledger.exchange([], [Claim(key, 100)])
        if verdict == "cap":
            return
        if verdict == "granted":
            buy(ledger, key, chance)
        elif verdict in {"claimed", "short"}:
            waiting.insert(0, key)
            time.sleep(0.01)

with open_database(place) as database:
    ledger = Ledger(database, "task", cap=cap, lease_seconds=600.0)
    threads = [threading.Thread(target=work, args=(ledger, n)) for n in range(workers)]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    print(ledger.taken_over)
"""


class Charge(NamedTuple):
    """What the provider charged for one call."""

    key: str
    cost: int


class Leftovers(NamedTuple):
    """What processes that were killed left behind.

    Args:
        charges: How many calls had been charged by then.
        stored: Keys that were answered.
        in_flight: Keys that were being asked, each with the run that asked.
    """

    charges: int
    stored: set[str]
    in_flight: set[tuple[str, str]]


def start(place: str, charges: Path, keys: int, cap: int, seed: int) -> subprocess.Popen[str]:
    numbers = [str(number) for number in (keys, cap, WORKERS, seed)]
    return subprocess.Popen(
        [sys.executable, "-c", BUY, place, str(charges), *numbers],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_charges(file: Path) -> list[Charge]:
    lines = [line.rsplit(" ", 1) for line in file.read_text("utf-8").splitlines()]
    return [Charge(key, int(cost)) for key, cost in lines]


def begin_together(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("begin\n")
        process.stdin.flush()


def bury(place: str, charges: Path) -> Leftovers:
    """See what killed processes left, and end their leases."""
    with open_database(place) as database, database.transaction():
        # A server may still be ending a transaction of theirs.
        lock_ledgers(database)
        database.execute("UPDATE runs SET expires = 0")
        stored = {key for (key,) in database.execute("SELECT key FROM answers")}
        in_flight = {(key, run) for key, run in database.execute("SELECT key, run FROM in_flight")}
    return Leftovers(len(read_charges(charges)), stored, in_flight)


def kill_some_time_later(
    processes: list[subprocess.Popen[str]], generator: np.random.Generator
) -> None:
    begin_together(processes)
    for process in processes:
        time.sleep(generator.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
    for process in processes:
        process.communicate()


def test_two_hundred_workers_never_pass_the_cap(place: str, tmp_path: Path) -> None:
    charges, cap = tmp_path / "charges", 20_000
    processes = [start(place, charges, keys=1000, cap=cap, seed=seed) for seed in range(8)]
    begin_together(processes)
    assert [process.communicate() for process in processes] == [("0\n", "")] * 8
    charged = read_charges(charges)
    total = sum(charge.cost for charge in charged)
    assert cap - 100 < total <= cap
    assert max(Counter(charge.key for charge in charged).values()) == 1
    with open_database(place) as database:
        assert Ledger(database, "task").balance() == (total, 0, 0, len(charged))


def test_of_killed_processes_only_calls_in_flight_are_bought_again(
    place: str, tmp_path: Path, generator: np.random.Generator
) -> None:
    charges, keys, cap, kills = tmp_path / "charges", 600, 10**9, 6
    rounds = []
    for number in range(kills):
        seeds = (2 * number, 2 * number + 1)
        processes = [start(place, charges, keys, cap, seed) for seed in seeds]
        kill_some_time_later(processes, generator)
        rounds.append(bury(place, charges))
    last = start(place, charges, keys, cap, 2 * kills)
    begin_together([last])
    assert last.communicate() == (f"{len(rounds[-1].in_flight)}\n", "")

    charged = read_charges(charges)
    for left in rounds:
        assert not left.stored & {charge.key for charge in charged[left.charges :]}
    broken_off = set().union(*(left.in_flight for left in rounds))
    allowed = Counter(key for key, _ in broken_off)
    bought = Counter(charge.key for charge in charged)
    assert len(bought) == keys
    assert {key: n for key, n in bought.items() if n > 1 + allowed[key]} == {}
    assert broken_off
    with open_database(place) as database:
        balance = Ledger(database, "task").balance()
        assert database.execute("SELECT count(*) FROM answers") == [(keys,)]
    assert sum(charge.cost for charge in charged) <= balance.spent
    assert balance.assumed == 100 * len(broken_off)
    assert balance.reserved == 0
    assert balance.calls == keys + len(broken_off)
