"""Teachers: models that answer today, and how their answers become soft labels."""

from locum.teachers.batch import BatchTeacher
from locum.teachers.budget import Budget, describe_plan, require_cap
from locum.teachers.build import build_teacher
from locum.teachers.chat import API_KEY_VARIABLES, ChatTeacher
from locum.teachers.desk import LabellingDesk, LabellingRun, label_texts
from locum.teachers.file import AnswerFile
from locum.teachers.function import FunctionTeacher
from locum.teachers.given import given_answers
from locum.teachers.local import LocalTeacher
from locum.teachers.messages import MessagesTeacher
from locum.teachers.panel import Panel
from locum.teachers.parsing import LabelParser
from locum.teachers.planning import LabellingPlan, plan_labels, read_labels
from locum.teachers.prompts import build_messages
from locum.teachers.protocol import (
    AskedTeacher,
    Failure,
    Question,
    Teacher,
    check_text,
    require_teacher,
)
from locum.teachers.tally import LabellingProgress, Tally
from locum.teachers.token_paths import LabelMasses, label_distribution, label_masses
from locum.teachers.votes import Majority, Votes

__all__ = [
    "API_KEY_VARIABLES",
    "AnswerFile",
    "AskedTeacher",
    "BatchTeacher",
    "Budget",
    "ChatTeacher",
    "Failure",
    "FunctionTeacher",
    "LabelMasses",
    "LabelParser",
    "LabellingDesk",
    "LabellingPlan",
    "LabellingProgress",
    "LabellingRun",
    "LocalTeacher",
    "Majority",
    "MessagesTeacher",
    "Panel",
    "Question",
    "Tally",
    "Teacher",
    "Votes",
    "build_messages",
    "build_teacher",
    "check_text",
    "describe_plan",
    "given_answers",
    "label_distribution",
    "label_masses",
    "label_texts",
    "plan_labels",
    "read_labels",
    "require_cap",
    "require_teacher",
]
