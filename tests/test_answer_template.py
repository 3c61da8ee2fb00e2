"""Answers that are filled into a template are those that would have been written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from locum.promotion import ANSWER_FORMS, Ask
from locum.serving.answer_template import make_template
from tests.test_promotion_answers import ANSWER, PLAIN, TEXTS

if TYPE_CHECKING:
    from locum.promotion import StudentAnswer
    from locum.schema import Endpoint

NAMES = st.text("abcXYZ019", min_size=40, max_size=40)
TOKENS = st.integers(0, 10**9)


def write(endpoint: Endpoint, ask: Ask, answer: StudentAnswer) -> bytes:
    form = ANSWER_FORMS[endpoint]
    return (form.stream if ask.stream else form.body)(answer, ask, {})


@given(
    endpoint=st.sampled_from(["chat", "messages"]),
    stream=st.booleans(),
    usage=st.booleans(),
    text=TEXTS | st.sampled_from(["100% %b %s", "%d", "7310294857162036"]),
    said=TOKENS,
    tokens=st.lists(TOKENS, min_size=2, max_size=2),
    names=st.lists(NAMES, min_size=2, max_size=2),
    times=st.lists(TOKENS, min_size=2, max_size=2),
)
def test_a_template_gives_what_is_written(
    endpoint: Endpoint,
    stream: bool,  # noqa: FBT001
    usage: bool,  # noqa: FBT001
    text: str,
    said: int,
    tokens: list[int],
    names: list[str],
    times: list[int],
) -> None:
    ask = PLAIN._replace(stream=stream, include_usage=usage)
    first, second = (
        ANSWER._replace(
            text=text, completion_tokens=said, prompt_tokens=prompt, name=name, created=created
        )
        for prompt, name, created in zip(tokens, names, times, strict=True)
    )
    template = make_template(first, partial(write, endpoint, ask))
    if template is None:
        assert "7310294857162036" in text, "it holds a mark, and nothing else may hinder"
        return
    filled = template.fill(second.created, second.prompt_tokens, second.name)
    assert filled == write(endpoint, ask, second)


def test_a_form_with_other_ids_has_no_template() -> None:
    assert make_template(ANSWER, partial(write, "responses", PLAIN)) is None
