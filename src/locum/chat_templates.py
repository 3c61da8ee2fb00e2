"""Chat templates that say the same on every day."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["DAY", "dated_template"]

DAY = "26 Jul 2024"
"""What chat templates say for today's date; that to which Llama 3's falls back."""


def dated_template(tokenizer: PreTrainedTokenizerBase, day: str | None = DAY) -> str:
    """Return a tokenizer's chat template, which takes a day for today.

    Args:
        tokenizer: One that has a template.
        day: What stands for today's date; ``None`` for the day on which it is asked.
    """
    template = tokenizer.get_chat_template()
    if day is None or "strftime_now" not in template:
        return template
    return f"{{% macro strftime_now(format) %}}{day}{{% endmacro %}}\n{template}"
