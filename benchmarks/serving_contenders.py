"""Servers that answer the same calls, each on the one processor that is measured."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.banking_calls import MODEL
from benchmarks.gateway_overhead import free_port, running
from benchmarks.serving_load import KEY, Unavailable, write_requests
from benchmarks.serving_stuntd import SITE_HEADER, Stuntd, live_bodies
from benchmarks.serving_task import make_commands, promote
from benchmarks.serving_teacher import nginx_teacher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from benchmarks.serving_load import Placement
    from benchmarks.serving_task import ServedCall, ServedTask

__all__ = ["CONTENDERS", "Bench", "Contender", "agreeing_answers", "gateway"]

PATH = "/v1/chat/completions"
MODEL_SERVER = Path(__file__).parent / "peers" / "taskdistill_server.py"
ROOT = Path(__file__).parent.parent


class Bench(NamedTuple):
    """What contenders are started with.

    Args:
        task: The task that is promoted.
        folder: For files; what takes long to make is kept there.
        placement: Where servers run.
        shadow: Share of calls on which the teacher is asked besides.
        asgi: A Python that has uvicorn, uvloop, httptools and starlette.
        litellm: Program of LiteLLM's proxy.
        stuntd: A Python that has ``stuntd[train]``.
        taskdistill: A Python that has taskdistill.
        encoder: Folder of a sentence encoder.
        snips: Folder of SNIPS.
    """

    task: ServedTask
    folder: Path
    placement: Placement
    shadow: float
    asgi: str | None
    litellm: str | None
    stuntd: str | None
    taskdistill: str | None
    encoder: Path | None
    snips: Path | None


class Contender(NamedTuple):
    """A server that listens.

    Args:
        url: Where calls are sent.
        requests: wrk's script.
        pid: Its first process.
        task: The task of Locum's that it serves, if it is one.
    """

    url: str
    requests: Path
    pid: int
    task: ServedTask | None = None


@contextmanager
def gateway(task: ServedTask, teacher: str, placement: Placement) -> Iterator[tuple[str, int]]:
    """Run the gateway on a task's store; return its origin and its process id."""
    port = free_port()
    command = [sys.executable, "-m", "locum", "gateway", "--home", str(task.home)]
    command += ["--upstream", teacher, "--port", str(port)]
    with running(placement.on_server(command), port) as pid:
        yield f"http://127.0.0.1:{port}", pid


@contextmanager
def locum_student(bench: Bench) -> Iterator[Contender]:
    """Locum: calls that the student answers."""
    with serve_locum(bench, bench.task, bench.task.answered, "answered") as contender:
        yield contender


@contextmanager
def locum_read(bench: Bench) -> Iterator[Contender]:
    """Locum: the same calls with a query, by which each has to be read."""
    task = copied(bench, "read-home")
    with serve_locum(bench, task, task.answered, "answered") as contender:
        yield contender._replace(url=f"{contender.url}?read")


@contextmanager
def locum_mixed(bench: Bench) -> Iterator[Contender]:
    """Locum: all held-out calls; the student answers about two in three, nginx the others."""
    task = copied(bench, "mixed-home")
    with serve_locum(bench, task, task.calls, "mixed") as contender:
        yield contender


def copied(bench: Bench, name: str) -> ServedTask:
    """Return the task with a store of its own, for a gateway that runs beside the first."""
    home = bench.folder / name
    if not home.is_dir():
        shutil.copytree(bench.task.home, home)
    return bench.task._replace(home=home)


@contextmanager
def locum_extractor(bench: Bench) -> Iterator[Contender]:
    """Locum: commands that are answered with JSON."""
    if bench.snips is None:
        raise Unavailable("needs --snips")
    task = make_commands(bench.folder, bench.snips)
    with serve_locum(bench, task, task.answered, "commands") as contender:
        yield contender


@contextmanager
def serve_locum(
    bench: Bench, task: ServedTask, calls: list[ServedCall], name: str
) -> Iterator[Contender]:
    """Run a teacher and a gateway. The teacher agrees with the student, where that answers."""
    promote(task, 100, bench.shadow)
    requests = write_requests([call.body for call in calls], bench.folder / name)
    with (
        nginx_teacher(agreeing_answers(task), bench.folder / "teacher", bench.placement) as teacher,
        gateway(task, teacher, bench.placement) as (url, pid),
    ):
        yield Contender(url + PATH, requests, pid, task)


def agreeing_answers(task: ServedTask) -> dict[str, str]:
    """Return a teacher's answers that never show a promise broken, however often asked."""
    return {call.text: call.student if call.answered else call.teacher for call in task.calls}


@contextmanager
def locum_echo(bench: Bench) -> Iterator[Contender]:
    """Locum's HTTP protocol with a fixed answer."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.serving_echo", str(port)]
    with running(bench.placement.on_server(command), port, PYTHONPATH=python_path()) as pid:
        yield Contender(f"http://127.0.0.1:{port}{PATH}", plain_requests(bench), pid)


@contextmanager
def asgi_echo(bench: Bench, name: str) -> Iterator[Contender]:
    """Run uvicorn with an echo."""
    if bench.asgi is None:
        raise Unavailable("needs --asgi")
    port = free_port()
    command = [bench.asgi, "-m", "uvicorn", "--factory", f"benchmarks.peers.asgi_echo:{name}"]
    command += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    command += ["--lifespan", "off", "--app-dir", str(ROOT)]
    with running(bench.placement.on_server(command), port) as pid:
        yield Contender(f"http://127.0.0.1:{port}{PATH}", plain_requests(bench), pid)


@contextmanager
def litellm_mock(bench: Bench) -> Iterator[Contender]:
    """LiteLLM's proxy with a master key, one worker, and an answer of its own making."""
    if bench.litellm is None:
        raise Unavailable("needs --litellm")
    port = free_port()
    config = bench.folder / "litellm.yaml"
    config.write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: openai/{MODEL}\n"
        f"      api_key: x\n      mock_response: card_arrival\n"
        f"general_settings:\n  master_key: {KEY}\n",
        encoding="utf-8",
    )
    command = [bench.litellm, "--config", str(config), "--port", str(port)]
    with running(bench.placement.on_server([*command, "--host", "127.0.0.1"]), port) as pid:
        yield Contender(f"http://127.0.0.1:{port}{PATH}", plain_requests(bench), pid)


@contextmanager
def taskdistill_cascade(bench: Bench) -> Iterator[Contender]:
    """Run taskdistill's server with its scripted student, which takes no time."""
    if bench.taskdistill is None:
        raise Unavailable("needs --taskdistill; its student, a language model, needs a GPU")
    port = free_port()
    answers = bench.folder / "taskdistill.json"
    answers.write_text(
        json.dumps({call.text: call.student for call in bench.task.calls}), encoding="utf-8"
    )
    command = [bench.taskdistill, str(MODEL_SERVER), str(port), str(answers)]
    home = str(bench.folder / "taskdistill-home")
    with running(bench.placement.on_server(command), port, TASKDISTILL_HOME=home) as pid:
        yield Contender(f"http://127.0.0.1:{port}{PATH}", plain_requests(bench), pid)


@contextmanager
def stuntd_head(bench: Bench) -> Iterator[Contender]:
    """stuntd: a linear head on a sentence encoder."""
    if bench.stuntd is None or bench.encoder is None:
        raise Unavailable("needs --stuntd and --encoder")
    port = free_port()
    stuntd = Stuntd(bench.stuntd, bench.encoder, bench.folder / "stuntd", bench.shadow)
    stuntd.learn(bench.task, bench.folder / f"{bench.task.name}.jsonl")
    with nginx_teacher({}, bench.folder / "stuntd-teacher", bench.placement) as teacher:
        command = bench.placement.on_server(stuntd.serve(port, teacher.removesuffix("/v1")))
        with running(command, port, **stuntd.environment) as pid:
            url = f"http://127.0.0.1:{port}{PATH}"
            bodies = live_bodies(bench.task, url)
            requests = write_requests(bodies, bench.folder / "typed", SITE_HEADER)
            yield Contender(url, requests, pid)


def plain_requests(bench: Bench) -> Path:
    """Write the calls that the student answers, for servers of others."""
    return write_requests([call.body for call in bench.task.answered], bench.folder / "answered")


def python_path() -> str:
    """Return where modules of this repository are found."""
    return ":".join([str(ROOT), *[path for path in sys.path if path]])


CONTENDERS: dict[str, Callable[[Bench], AbstractContextManager[Contender]]] = {
    "locum": locum_student,
    "locum-read": locum_read,
    "locum-mixed": locum_mixed,
    "locum-json": locum_extractor,
    "echo": locum_echo,
    "asgi": lambda bench: asgi_echo(bench, "raw"),
    "starlette": lambda bench: asgi_echo(bench, "starlette"),
    "litellm": litellm_mock,
    "stuntd": stuntd_head,
    "taskdistill": taskdistill_cascade,
}
"""What can be measured, by the name that ``--only`` takes."""
