"""The loss of a language model's distillation: whole logits, and some rows at a time.

A step's last part, from the hidden states of both models to the gradients of the student's hidden
states and projection, forward KL at temperature 1, each contender in a process of its own: seconds
(least of several) and what its memory grows by at the most, over that of its inputs and gradients.

naive     the logits of both models, and torch's kl_div of their log-softmaxes
trl       the same logits, and TRL's loss of GKD at beta 0 (needs --peers, a Python with trl)
chunked   locum.losses.projected_loss, 128 rows at a time
liger     Liger Kernel's fused linear loss (needs --peers, a Python with liger-kernel, and a GPU)

    python -m benchmarks.chunked_loss
    python -m benchmarks.chunked_loss --peers PYTHON --device cuda --type bfloat16
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

VOCABULARIES = (32_000, 49_152, 151_936)
CONTENDERS = ("naive", "trl", "chunked", "liger")
OF_PEERS = {"trl", "liger"}
ON_GPU_ALONE = {"liger"}
MEGABYTE = 2**20

Job = dict[str, Any]


def naive_loss(hidden: Tensor, weight: Tensor, teacher: Tensor, head: Tensor, _: Job) -> Tensor:
    """Hold all logits."""
    import torch
    from torch.nn import functional

    with torch.no_grad():
        targets = functional.linear(teacher, head).float().log_softmax(dim=-1)
    logits = functional.linear(hidden, weight).float().log_softmax(dim=-1)
    return functional.kl_div(logits, targets, log_target=True, reduction="batchmean")


def trl_loss(hidden: Tensor, weight: Tensor, teacher: Tensor, head: Tensor, _: Job) -> Tensor:
    """Hold all logits, and let TRL compare them."""
    import torch
    from torch.nn import functional
    from trl.experimental.gkd import GKDTrainer

    with torch.no_grad():
        targets = functional.linear(teacher, head)
    logits = functional.linear(hidden, weight)
    loss: Tensor = GKDTrainer.generalized_jsd_loss(logits, targets, beta=0.0)
    return loss


def chunked_loss(hidden: Tensor, weight: Tensor, teacher: Tensor, head: Tensor, job: Job) -> Tensor:
    """Hold a chunk's logits."""
    import torch
    from torch.nn import functional

    from locum.losses import forward_kl, projected_loss

    def of_rows(logits: Tensor, rows: slice) -> Tensor:
        with torch.no_grad():
            targets = functional.linear(teacher[rows], head)
        return forward_kl(logits, targets, count=len(hidden))

    return projected_loss(hidden, weight, of_rows, chunk_rows=job["chunk_rows"])


def liger_loss(hidden: Tensor, weight: Tensor, teacher: Tensor, head: Tensor, job: Job) -> Tensor:
    """Liger's, of the divergence that tends to the forward KL."""
    import torch
    from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

    labels = torch.zeros(len(hidden), dtype=torch.int64, device=hidden.device)
    loss = LigerFusedLinearJSDLoss(
        weight_hard_loss=0.0, weight_soft_loss=1.0, beta=0.0, chunk_size=job["chunk_rows"]
    )
    result: Tensor = loss(hidden, weight, teacher, head, labels)
    return result


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor, Job], Tensor]] = {
    "naive": naive_loss,
    "trl": trl_loss,
    "chunked": chunked_loss,
    "liger": liger_loss,
}


def work(job: Job) -> Job:
    """Take the step several times; return its loss, seconds and memory."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(job["threads"])
    options = {"device": job["device"], "dtype": getattr(torch, job["type"])}
    rows, vocabulary = job["rows"], job["vocabulary"]
    hidden = torch.randn(rows, job["width"], **options).requires_grad_()
    weight = (torch.randn(vocabulary, job["width"], **options) / job["width"] ** 0.5).detach()
    weight.requires_grad_()
    teacher = torch.randn(rows, job["teacher_width"], **options)
    head = 2 * torch.randn(vocabulary, job["teacher_width"], **options)
    head /= job["teacher_width"] ** 0.5
    for leaf in (hidden, weight):
        leaf.grad = torch.zeros_like(leaf)
    LOSSES[job["contender"]](hidden[:1], weight, teacher[:1], head, job).detach()  # its libraries
    before = memory(job)
    seconds = []
    for _ in range(job["repetitions"]):
        start = time.perf_counter()
        loss = LOSSES[job["contender"]](hidden, weight, teacher, head, job)
        loss.backward()  # type: ignore[no-untyped-call]
        synchronise(job)
        seconds.append(time.perf_counter() - start)
    return {
        "loss": float(loss.detach()),
        "seconds": min(seconds),
        "megabytes": (memory(job) - before) / MEGABYTE,
    }


def memory(job: Job) -> float:
    """Return the most that was held so far, in bytes."""
    if job["device"] == "cuda":
        import torch

        return float(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def synchronise(job: Job) -> None:
    """Wait for what a GPU still does."""
    if job["device"] == "cuda":
        import torch

        torch.cuda.synchronize()


def measure(job: Job, python: str) -> Job | None:
    """Run a contender in a process of its own; ``None`` where it cannot run."""
    done = subprocess.run(
        [python, "-m", "benchmarks.chunked_loss", "--job", json.dumps(job)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["killed"])[-1]
        print(f"{job['vocabulary']:>10,}  {job['contender']:10}  {reason}")
        return None
    result: Job = json.loads(done.stdout.splitlines()[-1])
    return result


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each vocabulary and contender, with ratios to the naive one."""
    print(
        f"{arguments.rows:,} rows, width {arguments.width} and {arguments.teacher_width}, "
        f"{arguments.type} on {arguments.device}, {arguments.threads} threads"
    )
    print(f"{'vocabulary':>10}  {'loss':10}  {'seconds':>8}  {'MB':>8}  {'value':>8}  naive is")
    for vocabulary in arguments.vocabularies:
        naive: Job | None = None
        for contender in CONTENDERS:
            if contender in ON_GPU_ALONE and arguments.device == "cpu":
                continue
            if contender in OF_PEERS and arguments.peers is None:
                continue
            job = {**vars(arguments), "vocabulary": vocabulary, "contender": contender}
            python = arguments.peers if contender in OF_PEERS else sys.executable
            result = measure(job, python)
            if result is None:
                continue
            naive = naive or result
            print(
                f"{vocabulary:>10,}  {contender:10}  {result['seconds']:8.3f}  "
                f"{result['megabytes']:8,.0f}  {result['loss']:8.4f}  "
                f"{naive['seconds'] / result['seconds']:.2f}x the time, "
                f"{naive['megabytes'] / result['megabytes']:.1f}x the memory",
                flush=True,
            )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vocabularies", type=int, nargs="+", default=VOCABULARIES)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--width", type=int, default=576, help="of the student")
    parser.add_argument("--teacher-width", type=int, default=960)
    parser.add_argument("--chunk-rows", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--type", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--peers", help="Python that has trl and liger-kernel")
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure, or be measured."""
    arguments = parse_arguments()
    if arguments.job is not None:
        print(json.dumps(work(arguments.job)))
        return
    run(arguments)


if __name__ == "__main__":
    main()
