"""Finds the tasks in recorded traffic, and says which are worth distilling."""

from locum.audit.auditing import Audit, JudgedTask, audit_calls
from locum.audit.call_sites import CodePlace, with_code
from locum.audit.definition import calls_of_task, forget_tasks, remember_tasks
from locum.audit.discovery import discover
from locum.audit.foresight import Foresight
from locum.audit.page import VERDICTS, render_audit
from locum.audit.probe import Probe, ProbePoint, ProbeSettings
from locum.audit.replaced import Replacement, answering_model, find_replacement
from locum.audit.result_object import audit_object
from locum.audit.savings import Amount, Saving
from locum.audit.tasks import (
    Discovery,
    Measures,
    OtherCalls,
    OutputKind,
    SampledCall,
    SelfAgreement,
    StandIn,
    TaskKind,
    TaskTemplate,
    TrafficTask,
    Volume,
)
from locum.audit.verdict import Verdict

__all__ = [
    "VERDICTS",
    "Amount",
    "Audit",
    "CodePlace",
    "Discovery",
    "Foresight",
    "JudgedTask",
    "Measures",
    "OtherCalls",
    "OutputKind",
    "Probe",
    "ProbePoint",
    "ProbeSettings",
    "Replacement",
    "SampledCall",
    "Saving",
    "SelfAgreement",
    "StandIn",
    "TaskKind",
    "TaskTemplate",
    "TrafficTask",
    "Verdict",
    "Volume",
    "answering_model",
    "audit_calls",
    "audit_object",
    "calls_of_task",
    "discover",
    "find_replacement",
    "forget_tasks",
    "remember_tasks",
    "render_audit",
    "with_code",
]
