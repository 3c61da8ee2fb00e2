"""Load on a server that is bound to one processor, and what its processes take for it (Linux)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.gateway_overhead import Load, milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "KEY",
    "Placement",
    "Unavailable",
    "Usage",
    "Wrk",
    "post",
    "run_wrk",
    "usage_of",
    "write_requests",
]

KEY = "sk-benchmark-0123456789abcdef"
# Each request is made once, before the first is sent.
SCRIPT = """
local requests, place = {}, 0
init = function()
  local headers = {
    ["content-type"] = "application/json",
    ["authorization"] = "Bearer KEY",
    MORE
  }
  for body in io.lines("BODIES") do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end
request = function()
  place = place % #requests + 1
  return requests[place]
end
"""
# What stands in the command line of a process, and what the table calls it.
ROLES = {"student_process": "student", "serving.recorder": "recorder"}


class Unavailable(Exception):  # noqa: N818 - a result like another
    """A server that cannot be measured here; the message says why."""


class Placement(NamedTuple):
    """Where processes run.

    Args:
        server: Processor of the server that is measured.
        load: Processor of all else.
        nice: Niceness of both.
    """

    server: int
    load: int
    nice: int

    def on_server(self, command: Sequence[str]) -> list[str]:
        """Return a command that runs another on the server's processor."""
        return self._placed(self.server, command)

    def on_load(self, command: Sequence[str]) -> list[str]:
        """Return a command that runs another on the other processor."""
        return self._placed(self.load, command)

    def _placed(self, processor: int, command: Sequence[str]) -> list[str]:
        return ["nice", "-n", str(self.nice), "taskset", "-c", str(processor), *command]


class Usage(NamedTuple):
    """What a process has taken.

    Args:
        seconds: User and system time since it was started.
        megabytes: Memory that it has now, shared pages included.
    """

    seconds: float
    megabytes: float


class Wrk(NamedTuple):
    """How wrk is run.

    Args:
        url: Where to.
        requests: Its script.
        connections: How many at once.
        seconds: How long.
    """

    url: str
    requests: Path
    connections: int
    seconds: float


def write_requests(
    bodies: Sequence[Mapping[str, Any]], stem: Path, headers: Mapping[str, str] | None = None
) -> Path:
    """Write bodies, and a script with which wrk sends one after the other, round and round.

    Args:
        bodies: What is sent.
        stem: Path of the two files without their endings.
        headers: Sent besides those that every call has.
    """
    lines = stem.with_suffix(".jsonl")
    lines.write_text("".join(json.dumps(body) + "\n" for body in bodies), encoding="utf-8")
    script = stem.with_suffix(".lua")
    more = "".join(f'["{name}"] = "{value}",' for name, value in (headers or {}).items())
    text = SCRIPT.replace("KEY", KEY).replace("BODIES", str(lines)).replace("MORE", more)
    script.write_text(text, encoding="utf-8")
    return script


def post(
    url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Mapping[str, str]:
    """Send one call, and return the headers of its answer by their names in small letters."""
    sent = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(  # noqa: S310 - on loopback
        url, json.dumps(body).encode(), {**sent, **(headers or {})}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - likewise
        answer.read()
        return {name.lower(): value for name, value in answer.headers.items()}


def run_wrk(run: Wrk, placement: Placement) -> Load:
    """Run wrk with one thread; every answer must be of status 200."""
    count = f"-c{run.connections}"
    command = ["wrk", "-t1", count, f"-d{run.seconds:g}s", "--latency", "--timeout", "30"]
    printed = subprocess.run(
        placement.on_load([*command, "-s", str(run.requests), run.url]),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        sys.exit(f"{run.url}: {printed}")
    percentiles = dict(re.findall(r"(\d+)%\s+([\d.]+(?:us|ms|s)) *\n", printed))
    requests = re.search(r"(\d+) requests in", printed)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    if requests is None or rate is None or not {"50", "99"} <= percentiles.keys():
        sys.exit(f"{run.url}: wrk printed {printed}")
    p50, p99 = (milliseconds(percentiles[share]) for share in ("50", "99"))
    return Load(int(requests[1]), float(rate[1]), p50, p99)


def usage_of(pid: int) -> dict[str, Usage]:
    """Return what a server's processes have taken: its own, its student's, its recorder's."""
    found: dict[str, Usage] = {}
    for member in family(pid):
        try:
            usage = read_usage(member)
            command = Path(f"/proc/{member}/cmdline").read_bytes().decode()
        except OSError:
            continue
        role = next((role for sign, role in ROLES.items() if sign in command), "server")
        before = found.get(role, Usage(0.0, 0.0))
        found[role] = Usage(
            before.seconds + usage.seconds, round(before.megabytes + usage.megabytes, 1)
        )
    return found


def read_usage(pid: int) -> Usage:
    """Return what one process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    members = [pid]
    for member in members:
        try:
            tasks = list(Path(f"/proc/{member}/task").iterdir())
            children = " ".join((task / "children").read_text(encoding="utf-8") for task in tasks)
        except OSError:
            continue
        members += [int(child) for child in children.split()]
    return members
