"""Students' answers a second on one processor, beside other servers in the same run.

    python -m benchmarks.gateway_serving --work FOLDER
    python -m benchmarks.gateway_serving --work FOLDER --snips FOLDER --encoder FOLDER \
        --asgi ASGI/bin/python --litellm LITELLM/bin/litellm --stuntd STUNTD/bin/python \
        --taskdistill TASKDISTILL/bin/python
    python -m benchmarks.gateway_serving --work FOLDER --only memory --calls 1000000

The first leaves other packages out; the second takes about ten minutes, once the students are made.
Needs Linux, two processors, nginx and wrk. The virtual environments:

    python -m venv ASGI; ASGI/bin/pip install starlette 'uvicorn[standard]'
    python -m venv LITELLM; LITELLM/bin/pip install 'litellm[proxy]'
    python -m venv STUNTD; STUNTD/bin/pip install 'stuntd[train]==0.2.1'
    python3.12 -m venv TASKDISTILL; TASKDISTILL/bin/pip install taskdistill==0.1.1

What is measured is the linear student of 77 intents that ``locum distill`` makes of the recorded
banking queries, promoted with ``--shadow`` for all calls. wrk sends held-out queries, one after the
other and round again, with a prompt of 1.8 KB. All processes of a server are bound to one
processor; wrk and the teacher, nginx, to another.

* ``locum``: calls that the student answers, known by their bytes. ``locum-read``: the same with a
  query in the path, so that each is read. ``locum-mixed``: all; the teacher answers the others,
  and each of those is recorded. ``locum-json``: commands that a student answers with JSON.
* ``echo``: Locum's own HTTP protocol with a fixed answer; ``asgi`` and ``starlette``: uvicorn with
  uvloop and httptools, likewise.
* ``litellm``: LiteLLM's proxy with a mock answer. ``stuntd``: a linear head on a sentence encoder.
  ``taskdistill``: its server with a scripted student that takes no time.

Parts: ``load`` measures the contenders, ``memory`` what the gateway's processes hold after many
calls, ``switches`` checks each answer while a student is promoted and demoted under load.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.serving_contenders import CONTENDERS, Bench, Contender, locum_student
from benchmarks.serving_load import Placement, Unavailable, Wrk, run_wrk, usage_of
from benchmarks.serving_switches import check_switches
from benchmarks.serving_task import make_banking, read_status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from benchmarks.gateway_overhead import Load
    from benchmarks.serving_load import Usage

__all__ = ["main"]

CONNECTIONS = (1, 16, 128)
WARM_SECONDS = 1.0
CHUNK_SECONDS = 5.0
MEMORY_LINES = 5
MOST_IDLE_SECONDS = 20.0
LOOK_SECONDS = 0.5
IDLE_SHARE = 0.2


class Round(NamedTuple):
    """One round of load on one server: what wrk saw, and processor microseconds a call."""

    load: Load
    micros: dict[str, float]


def measure_load(bench: Bench, arguments: argparse.Namespace) -> None:
    """Print a table for each number of connections."""
    with ExitStack() as stack:
        contenders: dict[str, Contender] = {}
        for name in arguments.contenders:
            try:
                contenders[name] = stack.enter_context(CONTENDERS[name](bench))
            except (Unavailable, SystemExit) as reason:
                print(f"{name}: not measured: {reason}")
        for contender in contenders.values():
            one_round(contender, 1, WARM_SECONDS, bench.placement)
        for connections in arguments.connections:
            rounds: dict[str, list[Round]] = {name: [] for name in contenders}
            for _ in range(arguments.rounds):
                for name, contender in contenders.items():
                    taken = one_round(contender, connections, arguments.seconds, bench.placement)
                    rounds[name].append(taken)
            print_rounds(connections, rounds)
        for name, contender in contenders.items():
            if contender.task is not None:
                print(f"{name}: {describe_routes(contender)}")


def one_round(
    contender: Contender, connections: int, seconds: float, placement: Placement
) -> Round:
    """Load one server for a while."""
    before = usage_of(contender.pid)
    load = run_wrk(Wrk(contender.url, contender.requests, connections, seconds), placement)
    after = usage_of(contender.pid)
    wait_until_idle(contender.pid)
    micros = {
        role: (usage.seconds - before.get(role, usage).seconds) / max(load.requests, 1) * 1e6
        for role, usage in after.items()
    }
    return Round(load, micros)


def wait_until_idle(pid: int) -> None:
    """Wait until a server works no more on what it was sent, which would slow the next one down."""
    deadline, spent = time.monotonic() + MOST_IDLE_SECONDS, -1.0
    while time.monotonic() < deadline:
        before, spent = spent, sum(usage.seconds for usage in usage_of(pid).values())
        if spent - before < IDLE_SHARE * LOOK_SECONDS:
            return
        time.sleep(LOOK_SECONDS)


def print_rounds(connections: int, rounds: dict[str, list[Round]]) -> None:
    """Print medians over rounds, and the least and the most."""
    print(f"\n{connections} connection{'s' * (connections > 1)}")
    print(
        f"{'':12}{'answers/s':>10}{'(min..max)':>18}{'p50 ms':>9}{'p99 ms':>9}{'(min..max)':>16}"
        "  processor us a call"
    )
    for name, taken in rounds.items():
        rates = [one.load.per_second for one in taken]
        slowest = [one.load.p99_ms for one in taken]
        p50 = statistics.median(one.load.p50_ms for one in taken)
        spread = f"({min(rates):,.0f}..{max(rates):,.0f})"
        tail = f"({min(slowest):.2f}..{max(slowest):.2f})"
        micros = {
            role: statistics.median(one.micros.get(role, 0.0) for one in taken)
            for role in taken[0].micros
        }
        spent = ", ".join(f"{role} {value:,.0f}" for role, value in sorted(micros.items()))
        print(
            f"{name:12}{statistics.median(rates):10,.0f}{spread:>18}{p50:9.2f}"
            f"{statistics.median(slowest):9.2f}{tail:>16}  {spent}",
            flush=True,
        )


def describe_routes(contender: Contender) -> str:
    """Say how calls of a contender's task went."""
    assert contender.task is not None
    status = read_status(contender.task)
    calls = ", ".join(f"{calls:,} {route}" for route, calls in sorted(status["calls"].items()))
    return f"{status['state']}, {status['shadow']:.1%} shadowed; in all runs so far {calls}"


def measure_memory(bench: Bench, arguments: argparse.Namespace) -> None:
    """Print what the gateway's processes hold while calls are answered."""
    print(f"\nmemory over {arguments.calls:,} calls at 16 connections, MB")
    with locum_student(bench) as contender:
        one_round(contender, 16, WARM_SECONDS, bench.placement)
        print_memory(0, usage_of(contender.pid))
        done, told = 0, 0
        while done < arguments.calls:
            taken = one_round(contender, 16, CHUNK_SECONDS, bench.placement)
            done += taken.load.requests
            if done - told >= arguments.calls / MEMORY_LINES or done >= arguments.calls:
                told = done
                print_memory(done, usage_of(contender.pid))


def print_memory(calls: int, usage: dict[str, Usage]) -> None:
    """Print one line."""
    held = "".join(f"  {role} {one.megabytes:7.1f}" for role, one in sorted(usage.items()))
    print(f"{calls:>12,}{held}", flush=True)


def measure_switches(bench: Bench, arguments: argparse.Namespace) -> None:
    """Print what came of promoting and demoting under load."""
    if not check_switches(bench, arguments.phase_seconds):
        sys.exit("a call was lost or misrouted")


PARTS: dict[str, Callable[[Bench, argparse.Namespace], None]] = {
    "load": measure_load,
    "memory": measure_memory,
    "switches": measure_switches,
}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for students and files")
    parser.add_argument("--only", type=names(PARTS), default=tuple(PARTS), help="parts")
    parser.add_argument("--contenders", type=names(CONTENDERS), default=tuple(CONTENDERS))
    parser.add_argument("--connections", type=numbers, default=CONNECTIONS)
    parser.add_argument("--seconds", type=float, default=2, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=200_000, help="of the part on memory")
    parser.add_argument("--phase-seconds", type=float, default=4, help="between two switches")
    parser.add_argument("--shadow", type=float, default=0.01)
    parser.add_argument("--server-processor", type=int, default=0)
    parser.add_argument("--load-processor", type=int, default=1)
    nice = -15 if os.geteuid() == 0 else 0
    parser.add_argument("--nice", type=int, default=nice, help="of all processes; root may go low")
    parser.add_argument("--asgi", help="Python that has uvicorn and starlette")
    parser.add_argument("--litellm", help="program of LiteLLM's proxy")
    parser.add_argument("--stuntd", help="Python that has stuntd")
    parser.add_argument("--taskdistill", help="Python that has taskdistill")
    parser.add_argument("--encoder", type=Path, help="folder of a sentence encoder, for stuntd")
    parser.add_argument("--snips", type=Path, help="folder of SNIPS, for locum-json")
    return parser.parse_args()


def names(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """Return what reads some of known names, with commas between."""

    def read(text: str) -> tuple[str, ...]:
        found = tuple(text.split(","))
        for name in found:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r}: expected of {', '.join(known)}")
        return found

    return read


def numbers(text: str) -> tuple[int, ...]:
    """Read whole numbers with commas between."""
    return tuple(int(part) for part in text.split(","))


def main() -> None:
    """Measure, and print tables."""
    arguments = parse()
    for program in ("nginx", "wrk", "taskset"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed: apt-get install nginx-light wrk util-linux")
    folder = arguments.work.resolve()
    bench = Bench(
        make_banking(folder),
        folder,
        Placement(arguments.server_processor, arguments.load_processor, arguments.nice),
        arguments.shadow,
        arguments.asgi,
        arguments.litellm,
        arguments.stuntd,
        arguments.taskdistill,
        arguments.encoder,
        arguments.snips,
    )
    held_out, answered = len(bench.task.calls), len(bench.task.answered)
    print(f"{held_out:,} held-out calls, of which the student answers {answered:,}")
    for part in arguments.only:
        PARTS[part](bench, arguments)


if __name__ == "__main__":
    main()
