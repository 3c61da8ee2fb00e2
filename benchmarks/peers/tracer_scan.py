"""tracer-llm's scan over texts: the cluster that it puts each in.

Its scan groups inputs by their embeddings to see which could be answered by one label; of what it
offers this is the nearest to finding tasks. Run by `benchmarks.audit_discovery`, in the environment
of the peers: a JSON line with ``input`` and ``label`` for each text on standard input, and one line
of cluster numbers on standard output.

    python benchmarks/peers/tracer_scan.py MODEL_FOLDER < texts.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tracer.scanner import scan

MOST = 4_000


def main() -> None:
    """Scan, and print the clusters."""
    lines = sys.stdin.read().splitlines()
    if len(lines) > MOST:
        raise SystemExit(f"{len(lines)} texts: its scan tells the clusters of {MOST} at most")
    with TemporaryDirectory() as folder:
        traces = Path(folder, "traces.jsonl")
        traces.write_text("\n".join(lines), "utf-8")
        result = scan(traces, model=sys.argv[1])
    points = (result.projection or {})["points"]
    print(json.dumps([int(point[3]) for point in points]))


if __name__ == "__main__":
    main()
