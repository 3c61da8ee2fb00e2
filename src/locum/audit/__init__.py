"""Finds the tasks in recorded traffic, and says which are worth distilling."""

from locum.audit.definition import calls_of_task, remember_tasks
from locum.audit.discovery import discover
from locum.audit.tasks import (
    Discovery,
    Measures,
    OtherCalls,
    OutputKind,
    SampledCall,
    SelfAgreement,
    TaskKind,
    TaskTemplate,
    TrafficTask,
    Volume,
)

__all__ = [
    "Discovery",
    "Measures",
    "OtherCalls",
    "OutputKind",
    "SampledCall",
    "SelfAgreement",
    "TaskKind",
    "TaskTemplate",
    "TrafficTask",
    "Volume",
    "calls_of_task",
    "discover",
    "remember_tasks",
]
