"""``locum.toml``: a project's tasks, teachers, students and gateway, and what is kept of calls."""

from locum.config.gateway_settings import (
    ApplicationSettings,
    CacheSettings,
    GatewaySettings,
    LimitSettings,
    TraceSettings,
    UpstreamSettings,
)
from locum.config.settings import (
    CONFIG_FILE,
    ExtractionSettings,
    GenerationSettings,
    RedactionSettings,
    Settings,
    StoreSettings,
    StudentSettings,
    load_settings,
    load_task,
)
from locum.config.teacher_settings import TeacherSettings

__all__ = [
    "CONFIG_FILE",
    "ApplicationSettings",
    "CacheSettings",
    "ExtractionSettings",
    "GatewaySettings",
    "GenerationSettings",
    "LimitSettings",
    "RedactionSettings",
    "Settings",
    "StoreSettings",
    "StudentSettings",
    "TeacherSettings",
    "TraceSettings",
    "UpstreamSettings",
    "load_settings",
    "load_task",
]
