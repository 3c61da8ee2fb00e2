r"""Which student is worth having? Locum's families beside others, on the same real inputs.

All learn from the same inputs with the teacher's answers as hard labels, and all are judged on the
same others: 60% train, 12% validation, 20% certify and 8% test; movies and newsgroups have 5,000
labels to learn from and 2,500 inputs each to certify and to test. Coverage is certified for 95%
agreement with 95% confidence: by Locum's certificate for all, on the probability of the best label
after a temperature. Products with a threshold of their own, Locum's deferral score among them, are
also shown as they would answer by that.

The contender ``locum`` climbs the whole ladder, ``locum-quick`` the part of it that
trains no encoder; ``locum-linear`` and others try one rung alone.

    python -m benchmarks.students --packages DIR --encoder FOLDER --out FILE.jsonl
    python -m benchmarks.students --out FILE.jsonl --print

DIR holds the data (``benchmarks/sets.py`` says how to get it), FOLDER a sentence encoder such as
all-MiniLM-L6-v2. ``--peers`` is a Python that has the other packages:

    python -m venv PEERS
    PEERS/bin/pip install -c scripts/constraints.txt scikit-learn sentence-transformers \
        'model2vec[train,distill]' setfit==1.2.0 fasttext-numpy2-wheel 'stuntd[train]==0.2.1' \
        jevstiller==0.5.3 heartcut==0.2.1 orjson
    PEERS/bin/pip install --no-deps tracer-llm==0.3.3

Each result is a line of the file as soon as it is known, and a run goes on where the last one was
stopped. Other products' models are read by their own code, which runs what a file of theirs says.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import CONTENDERS, Trial, embed, run_trial
from benchmarks.divided_sets import divide
from benchmarks.result_lines import add_result, read_results
from benchmarks.sets import SETS, read_set
from benchmarks.student_tables import print_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["main"]

DEFAULT_SETS = ("banking77", "trec", "movies", "newsgroups")
LEARNED = {"movies": 5_000, "newsgroups": 5_000}


def run(arguments: argparse.Namespace) -> None:
    """Run what has no result yet."""
    done = {(row["set"], row["seed"], row["contender"]) for row in read_results(arguments.out)}
    for name in arguments.sets:
        whole = read_set(name, arguments.packages)
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            left = [one for one in arguments.students if (name, seed, one) not in done]
            if not left:
                continue
            divided = divide(whole, seed, LEARNED.get(name))
            trials = [
                Trial(
                    one,
                    divided,
                    seed,
                    arguments.encoder,
                    arguments.work / f"{name}-{seed}-{one}",
                    arguments.peers,
                    arguments.minutes * 60,
                )
                for one in left
            ]
            if any(trial.contender.encoder_on_disk for trial in trials):
                embed(trials[0])
            for trial in trials:
                _run_one(trial, arguments.out)


def _run_one(trial: Trial, out: Path) -> None:
    where = f"{trial.divided.whole.name}, seed {trial.seed}, {trial.name}"
    print(f"{where} ...", file=sys.stderr, flush=True)
    try:
        outcomes = list(run_trial(trial))
    except RuntimeError as error:
        print(f"{where}: {error}", file=sys.stderr, flush=True)
        return
    for outcome in outcomes:
        key = {"set": trial.divided.whole.name, "seed": trial.seed, "contender": trial.name}
        add_result(out, key | outcome._asdict())


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=Path, help="folder with the packages of the sets")
    parser.add_argument("--encoder", type=Path, help="folder of a sentence encoder")
    parser.add_argument("--peers", default=sys.executable, help="Python that has the others")
    parser.add_argument("--sets", type=_names(SETS), default=DEFAULT_SETS)
    parser.add_argument("--students", type=_names(CONTENDERS), default=tuple(CONTENDERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60, help="that training may take")
    parser.add_argument("--work", type=Path, default=Path("students"), help="for models and jobs")
    parser.add_argument("--out", type=Path, required=True, help="file of results, a line each")
    parser.add_argument("--print", action="store_true", help="print what is there, and run nothing")
    arguments = parser.parse_args()
    if not arguments.print:
        if arguments.encoder is None:
            parser.error("--encoder is needed to run")
        arguments.work = arguments.work.resolve()
        run(arguments)
    print_tables(read_results(arguments.out))


def _names(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r}: expected of {', '.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    main()
