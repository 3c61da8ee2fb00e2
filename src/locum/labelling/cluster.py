"""Labelling on a cluster: Ray Data deals inputs out to workers that share store and ledger.

Each worker makes the teacher once, so that a local model is loaded once a worker, and labels its
inputs as a run on one machine does: it looks up what is known, reserves in the shared ledger, and
stores each answer as it arrives. A run that is stopped anywhere therefore goes on where it was,
with any number of workers.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locum.errors import LocumError, UsageError
from locum.labelling.label import (
    LabelledTask,
    calls_by_text,
    count_labelled,
    human_labels,
    keep_for_calls,
    require_probabilities,
    unlabelled,
)
from locum.store import LabelStore, Ledger
from locum.teachers import Budget, Tally, build_teacher, label_texts, read_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from locum.config import TeacherSettings
    from locum.schema import Example, Task
    from locum.teachers import LabellingProgress

__all__ = ["Cluster", "label_on_cluster"]

_TEXTS_A_BATCH = 64


@dataclass(frozen=True)
class Cluster:
    """Where workers run.

    Args:
        workers: How many label at once.
        address: Of a running Ray cluster; by default one is started on this machine.
        cpus_a_worker: Cores that each takes.
        gpus_a_worker: GPUs that each takes, parts of one allowed.
    """

    workers: int
    address: str | None = None
    cpus_a_worker: float = 1.0
    gpus_a_worker: float = 0.0


@dataclass(frozen=True)
class _Order:
    """What a worker needs to know."""

    task: Task
    teacher: TeacherSettings
    others: Mapping[str, TeacherSettings]
    place: str
    budget: Budget
    human: Mapping[str, int] = field(default_factory=dict)
    calls: Mapping[str, Sequence[str]] = field(default_factory=dict)
    folder: str = field(default_factory=os.getcwd)


class _Worker:
    """Labels batches of texts; lives in a process of Ray."""

    def __init__(self, order: _Order) -> None:
        sys.path.append(order.folder)
        self._order = order
        self._store = LabelStore(order.place)
        self._store.watch(call for calls in order.calls.values() for call in calls)
        self._teacher = build_teacher(order.teacher, order.others)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str | int]]:
        """Label the texts of a batch, and return the counts."""
        import orjson

        order = self._order
        texts = [str(text) for text in batch["text"]]
        try:
            run = label_texts(
                order.task,
                self._teacher,
                texts,
                self._store,
                budget=order.budget,
                human=order.human,
                calls={text: order.calls[text] for text in texts if text in order.calls},
            )
        except LocumError as error:
            return {"tally": [""], "labelled": [0], "error": [str(error)]}
        labelled = count_labelled(order.task, texts, run.answers)
        tally = orjson.dumps(run.tally.as_object()).decode()
        return {"tally": [tally], "labelled": [labelled], "error": [""]}


def label_on_cluster(
    task: Task,
    chosen: tuple[TeacherSettings, Mapping[str, TeacherSettings]],
    examples: Sequence[Example],
    place: str | Path,
    budget: Budget,
    cluster: Cluster,
    progress: Callable[[LabellingProgress], None],
    *,
    anew: bool = False,
) -> LabelledTask:
    """Ask a teacher about the inputs of a task, on several workers.

    Args:
        task: What is asked.
        chosen: The teacher, as settings describe it, and others that it may name.
        examples: Inputs with what is known of them.
        place: The store: a ``postgresql://`` URL, or a SQLite file that all workers see, which
            means one machine.
        budget: What the labels may cost, over all workers.
        cluster: Where they run.
        progress: Is told how far the calls are.
        anew: As for `locum.labelling.label_task`.

    Raises:
        UsageError: ``locum[ray]`` is not installed, or the store is a file and the cluster has more
            than one machine.
        TeacherError: The teacher gives no probabilities for recorded calls.
        LocumError: A worker failed; what others labelled is kept.
    """
    started = time.monotonic()
    teacher = build_teacher(*chosen)
    if any(one.batch for one in _used(*chosen)):
        raise UsageError("batches lie with the provider and need no workers: leave one out")
    with LabelStore(place) as store:
        wanted = unlabelled(task, examples, store, anew=anew).examples
        shared = str(place) if _is_url(place) else str(Path(place).absolute())
        human, calls = human_labels(task, wanted), calls_by_text(wanted)
        store.watch(call for ids in calls.values() for call in ids)
        order = _Order(task, *chosen, shared, budget, human, calls)
        tally, labelled = _run(order, [example.text for example in wanted], cluster, progress)
        for_calls = [example for example in wanted if example.call_id is not None]
        if for_calls:
            texts = [example.text for example in for_calls]
            known = read_labels(task, teacher, texts, store, order.human)
            left = known.unfinished if tally.unasked or tally.failed else set[str]()
            keep_for_calls(task, for_calls, known.answers, store, left)
            require_probabilities(task, teacher, known.answers)
        balance = Ledger(store.database, budget.ledger).balance()
    seconds = time.monotonic() - started
    return LabelledTask(teacher.name, len(wanted), labelled, tally, balance, seconds, tally.notes())


def _used(
    settings: TeacherSettings, others: Mapping[str, TeacherSettings]
) -> Iterator[TeacherSettings]:
    """Go through a teacher and, where it is a panel, its members."""
    yield settings
    for name in settings.panel or ():
        yield from _used(others[name], others)


def _run(
    order: _Order,
    texts: Sequence[str],
    cluster: Cluster,
    progress: Callable[[LabellingProgress], None],
) -> tuple[Tally, int]:
    """Return the counts of all workers, and how many texts have a label."""
    import orjson

    ray = _connect(cluster, order.place)
    tally, labelled, errors = Tally(), 0, list[str]()

    class Worker(_Worker):
        def __init__(self) -> None:
            super().__init__(order)

    batches = ray.data.from_items([{"text": text} for text in dict.fromkeys(texts)]).map_batches(
        Worker,
        batch_size=_TEXTS_A_BATCH,
        compute=ray.data.ActorPoolStrategy(size=cluster.workers),
        num_cpus=cluster.cpus_a_worker,
        num_gpus=cluster.gpus_a_worker,
    )
    for row in batches.iter_rows():
        if row["error"]:
            errors.append(row["error"])
            continue
        tally.add(orjson.loads(row["tally"]))
        labelled += row["labelled"]
        progress(tally.progress._replace(wanted=max(tally.wanted, len(texts))))
    if errors:
        raise LocumError(f"{len(errors):,} batches failed on their workers; first: {errors[0]}")
    return tally, labelled


def _connect(cluster: Cluster, place: str) -> Any:  # noqa: ANN401 - the module
    try:
        ray: Any = import_module("ray")
        import_module("ray.data")
    except ImportError:
        raise UsageError("labelling on a cluster needs Ray: pip install 'locum[ray]'") from None
    if not ray.is_initialized():
        local = {} if cluster.address else {"num_cpus": _cores(cluster)}
        ray.init(
            address=cluster.address,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **local,
        )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    machines = [node for node in ray.nodes() if node["Alive"]]
    if len(machines) > 1 and not _is_url(place):
        raise UsageError(
            f"the store is the file {place}, and the cluster has {len(machines)} machines: keep "
            "it where all see it, in PostgreSQL: [store] url = 'postgresql://...' in locum.toml"
        )
    return ray


def _cores(cluster: Cluster) -> int:
    return max(1, round(cluster.workers * cluster.cpus_a_worker)) + 1


def _is_url(place: str | Path) -> bool:
    return "://" in str(place)
