"""How fast is a log imported, and in how much memory?

Writes lines with a request and its response to OpenAI's chat completions, about 2 KB each, some of
them with an e-mail address to redact, and imports them into a new SQLite store in a process of its
own. Then it imports the same file again, which must add nothing.

    python benchmarks/import_rate.py                      # 1,000,000 calls, 8 minutes, 5 GB
    python benchmarks/import_rate.py --calls 100000
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from locum.redaction import Redactor
from locum.store import CallStore, open_database
from locum.traffic.imports import import_calls

SENTENCE = (
    "the parcel order card charge refund invoice address courier kettle broken late twice return "
    "label please where when help account total delivery window street payment size wrong exchange"
)
INSTRUCTION = " ".join(["Say which team should answer the customer, in one word."] * 16)
LABELS = ("billing", "shipping", "returns")
CALLS = 1_000_000


def make_line(number: int, generator: random.Random) -> bytes:
    """One call as a line of a log."""
    text = " ".join(generator.choices(SENTENCE.split(), k=70))
    if number % 20 == 0:
        text += f" Write to customer{number}@example.com."
    answer = {"role": "assistant", "content": generator.choice(LABELS), "refusal": None}
    line = {
        "timestamp": 1_767_607_200 + number,
        "status": 200,
        "latency_ms": 412.5,
        "request": {
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "system", "content": INSTRUCTION},
                {"role": "user", "content": text},
            ],
            "temperature": 0,
        },
        "response": {
            "id": f"chatcmpl-{generator.getrandbits(120):030x}",
            "object": "chat.completion",
            "created": 1_767_607_200 + number,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"index": 0, "message": answer, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 310, "completion_tokens": 2, "total_tokens": 312},
            "system_fingerprint": "fp_50cad350e4",
        },
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def write_log(path: Path, calls: int) -> None:
    """Write a log of that many calls."""
    generator = random.Random(20_261_124)  # noqa: S311 - no secret
    with path.open("wb") as log:
        for number in range(calls):
            log.write(make_line(number, generator))


def import_log(path: Path, store: Path) -> None:
    """Import a log, and print the rate, the processor time and the most memory that it took."""
    started = time.perf_counter()
    with open_database(store) as database:
        report = import_calls([path], CallStore(database), Redactor())
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    processor = usage.ru_utime + usage.ru_stime
    read = report.files[0].read
    print(
        f"{report.added:>9,} added {report.known:>9,} known {report.skipped} skipped "
        f"{seconds:8.1f} s {read / seconds:8,.0f} calls/s {processor / read * 1e6:6.0f} us of "
        f"processor time each {usage.ru_maxrss / 1024:6.0f} MiB at most"
    )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--folder", type=Path, help="where there is room; a temporary folder")
    parser.add_argument("--only-import", nargs=2, type=Path, metavar=("LOG", "STORE"))
    options = parser.parse_args()
    if options.only_import:
        import_log(*options.only_import)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        log, store = Path(folder, "log.jsonl"), Path(folder, "calls.db")
        write_log(log, options.calls)
        print(f"{options.calls:,} lines of {log.stat().st_size / options.calls:,.0f} bytes")
        for _ in range(2):
            command = [sys.executable, __file__, "--only-import", str(log), str(store)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
