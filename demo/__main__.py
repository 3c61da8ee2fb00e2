"""The whole loop on real input: ``python -m demo`` in the root of the repository.

Without arguments the teacher is a recorded one: the real answers of a local LLM, served over HTTP.
``--teacher URL --model NAME`` asks a live one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from demo.questions import Question, load_questions
from demo.replay import Recording, replay_server
from locum.config import load_task
from locum.students import find_family

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

HERE = Path(__file__).parent
TASK = "questions"
RECORDED_PRICE = "gpt-4.1-nano"
RECORDED_BUDGET = "1"
HUMAN_LABELLED = 300
TEST_SHARE = 0.2
SEED = 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--teacher", help="base URL of an OpenAI-compatible API")
    parser.add_argument("--model", help="the teacher's model")
    parser.add_argument("--target", default="0.95", help="promised agreement (default 0.95)")
    parser.add_argument(
        "--priced-as",
        help=f"whose list price the tokens get (recorded: {RECORDED_PRICE}; live: the model's own)",
    )
    parser.add_argument("--budget", help="US dollars at most, where calls have a price")
    parser.add_argument("--home", type=Path, help="where the student is kept (default .locum)")
    arguments = parser.parse_args()
    if bool(arguments.teacher) != bool(arguments.model):
        parser.error("--teacher and --model go together")
    if not arguments.teacher:
        arguments.priced_as = arguments.priced_as or RECORDED_PRICE
        arguments.budget = arguments.budget or RECORDED_BUDGET
    return arguments


def choose(questions: list[Question]) -> tuple[list[Question], list[Question], list[Question]]:
    """Divide the questions: a test set, a few with a human label, and the rest without one."""
    order = np.random.default_rng(SEED).permutation(len(questions))
    shuffled = [questions[index] for index in order]
    test = round(TEST_SHARE * len(shuffled))
    few = test + HUMAN_LABELLED
    return shuffled[:test], shuffled[test:few], shuffled[few:]


def write_inputs(path: Path, questions: list[Question], latency_ms: float | None = None) -> None:
    """Write the questions as a team would have them: few human labels, and a test set.

    ``latency_ms`` is what a call to a recorded teacher took when it was recorded.
    """
    test, few, rest = choose(questions)
    rows: list[dict[str, str | None]] = [
        {"text": q.text, "human": q.human, "split": "test"} for q in test
    ]
    rows += [{"text": q.text, "human": q.human, "split": "production"} for q in few]
    rows += [{"text": q.text, "human": None, "split": "production"} for q in rest]
    lines = [orjson.dumps(row | {"latency_ms": latency_ms}) for row in rows]
    path.write_bytes(b"\n".join(lines))


def accuracy_from_few(questions: list[Question]) -> float:
    """Accuracy on the test set of the same student trained on the few human labels alone."""
    test, few, _ = choose(questions)
    labels = load_task(HERE / "locum.toml", TASK).labels
    human = np.eye(len(labels))[[labels.index(q.human) for q in few]]
    student = find_family("linear")(labels)
    predicted = student.fit([q.text for q in few], human).predict([q.text for q in test])
    return float(np.mean([p == q.human for p, q in zip(predicted, test, strict=True)]))


def distil(arguments: argparse.Namespace, url: str, model: str, inputs: Path) -> int:
    """Run ``locum distill`` as a user would, and return its exit code."""
    command = [sys.executable, "-m", "locum", "distill", TASK]
    command += ["--inputs", str(inputs), "--column", "split=split", "--student", "linear"]
    command += ["--teacher", url, "--model", model]
    command += ["--config", str(HERE / "locum.toml")]
    command += ["--home", str(arguments.home)] if arguments.home else []
    command += ["--target", arguments.target]
    command += ["--priced-as", arguments.priced_as] if arguments.priced_as else []
    command += ["--budget", arguments.budget] if arguments.budget else []
    return subprocess.run(command, check=False).returncode


def main() -> None:
    """Run the demo."""
    arguments = parse_arguments()
    started = time.perf_counter()
    sys.stderr.write("demo: reading TREC questions out of a published package\n")
    questions = load_questions()
    server: AbstractContextManager[str]
    if arguments.teacher:
        server, model, latency_ms = nullcontext(arguments.teacher), arguments.model, None
        sys.stderr.write(f"demo: the teacher is {model} at {arguments.teacher}\n")
    else:
        recording = Recording()
        server, model = replay_server(recording), recording.model
        latency_ms = recording.latency_ms
        sys.stderr.write(
            f"demo: the teacher is {model}, recorded with its log-probabilities and replayed by an "
            "OpenAI-compatible server on loopback\n"
        )
    with tempfile.TemporaryDirectory() as directory, server as url:
        inputs = Path(directory) / "questions.jsonl"
        write_inputs(inputs, questions, latency_ms)
        code = distil(arguments, url, model, inputs)
    if code not in {0, 3}:
        sys.exit(code)
    few = accuracy_from_few(questions)
    sys.stdout.write(
        f"\nThe same student from {HUMAN_LABELLED} human labels, without a teacher: {few:.1%} "
        f"accurate on the same test set.\n{time.perf_counter() - started:.0f} seconds in all.\n"
    )
    sys.exit(code)


if __name__ == "__main__":
    main()
