"""Teachers: models that answer today, and how their answers become soft labels."""

from locum.teachers.chat import API_KEY_VARIABLES, ChatTeacher
from locum.teachers.labelling import LabellingRun, label_texts
from locum.teachers.parsing import LabelParser
from locum.teachers.prompts import build_messages
from locum.teachers.protocol import Teacher
from locum.teachers.token_paths import label_distribution

__all__ = [
    "API_KEY_VARIABLES",
    "ChatTeacher",
    "LabelParser",
    "LabellingRun",
    "Teacher",
    "build_messages",
    "label_distribution",
    "label_texts",
]
