"""What a writer is given to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.chat_templates import DAY, dated_template
from locum.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Prompts", "text_beginning"]


def text_beginning(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the token that a tokenizer puts before every text, if it does."""
    first = getattr(tokenizer, "bos_token_id", None)
    begins = list(tokenizer("").input_ids)[:1]
    return begins if begins == [first] else []


class Prompts:
    """Turns inputs into tokens to go on from.

    A model with a chat template gets the input as the user's message, and the instruction as the
    system's; another one reads the instruction, the input and a line end. What looks like a special
    token in an input is text.

    Args:
        tokenizer: The model's.
        instruction: Stands before every input; empty for none.
        most_tokens: Of an input; what is longer is cut at its end.
        day: What a chat template says where it asks for the date, so that what was certified on one
            day is what is read on others; ``None`` for the day on which it is asked.

    Raises:
        UsageError: The tokenizer's chat template cannot take a message of the user.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        instruction: str,
        most_tokens: int,
        day: str | None = DAY,
    ) -> None:
        self._tokenizer: Any = tokenizer
        self._instruction = instruction
        self._most_tokens = most_tokens
        self._with_system = True
        self._begin = text_beginning(tokenizer)
        if tokenizer.chat_template is not None:
            self._template = dated_template(tokenizer, day)
            self._with_system = self._takes_system()

    @property
    def end_token(self) -> int:
        """The token that ends an answer."""
        return int(self._tokenizer.eos_token_id)

    def tokens(self, text: str) -> list[int]:
        """Return the tokens of an input by itself, not cut."""
        found: list[int] = self._tokenizer(
            _valid(text), add_special_tokens=False, split_special_tokens=True
        ).input_ids
        return found

    def is_cut(self, text: str) -> bool:
        """Tell whether an input is read in part alone."""
        # No tokenizer spells a text in more tokens than it has bytes.
        most = self._most_tokens
        return len(text.encode("utf-8", "replace")) > most and len(self.tokens(text)) > most

    def prompt(self, text: str) -> list[int]:
        """Return the tokens after which the answer is written."""
        if self.is_cut(text):
            text = self._tokenizer.decode(self.tokens(text)[: self._most_tokens])
        if self._tokenizer.chat_template is None:
            before = f"{self._instruction}\n\n" if self._instruction else ""
            return self._begin + self.tokens(f"{before}{text}\n")
        return self._templated(_valid(text))

    def _templated(self, text: str) -> list[int]:
        messages = [{"role": "user", "content": text}]
        if self._instruction and self._with_system:
            messages.insert(0, {"role": "system", "content": self._instruction})
        elif self._instruction:
            messages[0]["content"] = f"{self._instruction}\n\n{text}"
        found: list[int] = self._tokenizer.apply_chat_template(
            messages,
            chat_template=self._template,
            tokenize=True,
            return_dict=False,
            add_generation_prompt=True,
            sanitize_control_tokens=True,
            enable_thinking=False,
        )
        return found

    def _takes_system(self) -> bool:
        """Whether the template takes a system message; some refuse one."""
        import jinja2

        try:
            self._templated("a text")
        except jinja2.TemplateError:
            self._with_system = False
        else:
            return True
        try:
            self._templated("a text")
        except jinja2.TemplateError as error:
            raise UsageError(f"the model's chat template takes no message: {error}") from None
        return False


def _valid(text: str) -> str:
    """Return a text in which halves of surrogate pairs, which no tokenizer takes, are marks."""
    return text.encode("utf-8", "replace").decode()
