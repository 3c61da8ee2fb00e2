"""What a gateway needs to know so that a student can take a teacher's calls over."""

from locum.promotion.answer_forms import ANSWER_FORMS, AnswerForm
from locum.promotion.answerable import read_answerable
from locum.promotion.answers import StudentAnswer, random_name
from locum.promotion.artefact_files import artefact_sha256, read_artefact_files
from locum.promotion.comparing import check_comparable
from locum.promotion.frame import ANY_TURNS, Ask, Frame, ask_of
from locum.promotion.framer import Framer
from locum.promotion.judge import Judge, load_judge
from locum.promotion.other_prompts import OtherPrompt, find_other_prompts
from locum.promotion.plan import AnswerText, Plan, read_plan, write_plan
from locum.promotion.prepare import prepare_plan
from locum.promotion.promote import Promoted, promote_student
from locum.promotion.recognition import Recognition
from locum.promotion.refresh import Refreshed, compare_with_promoted, is_readable
from locum.promotion.standing import Alarm, Compared, Standing, read_standings
from locum.promotion.unpacking import drop_unused, unpack_student
from locum.promotion.usage import Usage
from locum.promotion.wording import LabelWording, ObjectWording

__all__ = [
    "ANSWER_FORMS",
    "ANY_TURNS",
    "Alarm",
    "AnswerForm",
    "AnswerText",
    "Ask",
    "Compared",
    "Frame",
    "Framer",
    "Judge",
    "LabelWording",
    "ObjectWording",
    "OtherPrompt",
    "Plan",
    "Promoted",
    "Recognition",
    "Refreshed",
    "Standing",
    "StudentAnswer",
    "Usage",
    "artefact_sha256",
    "ask_of",
    "check_comparable",
    "compare_with_promoted",
    "drop_unused",
    "find_other_prompts",
    "is_readable",
    "load_judge",
    "prepare_plan",
    "promote_student",
    "random_name",
    "read_answerable",
    "read_artefact_files",
    "read_plan",
    "read_standings",
    "unpack_student",
    "write_plan",
]
