"""Answers that differ in who, when and how much alone: written once, and filled in after that."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.promotion import StudentAnswer

__all__ = ["AnswerTemplate", "make_template"]

# No label holds them, or none that a template is made of; see `make_template`.
_CREATED, _PROMPT = 7_310_294_857_162_036, 8_402_751_936_048_125
_NAME = "Xq7Lm2Zr9Tb4Kw8Hn3Vc6Jd5Fs1Gp"


class AnswerTemplate(NamedTuple):
    """A written answer with gaps.

    Args:
        form: It, with ``%b`` in the place of each gap.
        pick: Returns what stands in the gaps, of: time, tokens of the prompt, tokens in all, name.
        name_digits: How much of the name its id takes.
        completion_tokens: Tokens of the answer.
    """

    form: bytes
    pick: Callable[[tuple[bytes, ...]], Any]
    name_digits: int
    completion_tokens: int

    def fill(self, created: int, prompt_tokens: int, name: str) -> bytes:
        """Return the answer; see `StudentAnswer` for the arguments."""
        gaps = (
            b"%d" % created,
            b"%d" % prompt_tokens,
            b"%d" % (prompt_tokens + self.completion_tokens),
            name[: self.name_digits].encode(),
        )
        filled: bytes = self.form % self.pick(gaps)
        return filled


def make_template(
    answer: StudentAnswer, write: Callable[[StudentAnswer], bytes]
) -> AnswerTemplate | None:
    """Return the template of an answer, and of all that differ from it in the gaps alone.

    Args:
        answer: One such answer.
        write: Writes it in the form of an API.

    Returns:
        ``None`` where the form has other ids, or fewer gaps, than a template.
    """
    marked = write(answer._replace(created=_CREATED, prompt_tokens=_PROMPT, name=_NAME))
    found = re.search(rb"[A-Za-z0-9]{8,}", marked[marked.find(_NAME[:8].encode()) :])
    if _NAME[:8].encode() not in marked or found is None:
        return None
    name = found[0]
    total = _PROMPT + answer.completion_tokens
    marks = [b"%d" % _CREATED, b"%d" % _PROMPT, b"%d" % total, name]
    pieces = re.split(b"(%b)" % b"|".join(sorted(set(marks), reverse=True)), marked)
    literals, gaps = pieces[::2], pieces[1::2]
    form = b"%b".join(literal.replace(b"%", b"%%") for literal in literals)
    pick = itemgetter(*[marks.index(gap) for gap in gaps])
    template = AnswerTemplate(form, pick, len(name), answer.completion_tokens)
    same = template.fill(answer.created, answer.prompt_tokens, answer.name) == write(answer)
    return template if same else None
