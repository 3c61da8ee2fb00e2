"""What is alike in students of all kinds of tasks that know where they may answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from locum.errors import UsageError
from locum.export.streaming import in_batches
from locum.traffic import SplitRequest, split_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from locum.config import RedactionSettings
    from locum.export.artefact import AnyStudent
    from locum.redaction import Redactor
    from locum.schema import JsonObject

__all__ = ["CertifiedBase"]

Said = TypeVar("Said")


class CertifiedBase(ABC, Generic[Said]):
    """A student of any kind of task; a kind adds what it says of texts.

    Args:
        redaction: What is taken out of the texts that it is asked about; ``None`` for nothing.
    """

    redaction: RedactionSettings | None

    @abstractmethod
    def predict(self, texts: Sequence[str]) -> list[Said]:
        """Return what it says of each text, and whether the certificate covers it.

        Raises:
            UsageError: ``texts`` is one string, or one of them is no text.
        """

    @abstractmethod
    def _content(self, text: str) -> str | None:
        """Return the answer as an assistant says it; ``None`` where it is not covered."""

    def predict_batch(self, texts: Iterable[str], size: int = 256) -> Iterator[Said]:
        """Yield what `predict` says of each text, for texts that come as from a queue or a file.

        Args:
            texts: Any number of them; one batch at a time is held in memory. Where they end in an
                error, that is raised once all that came before is predicted.
            size: Texts of a batch. A text waits until its batch is full, or the texts end.

        Raises:
            UsageError: ``texts`` is one string, or ``size`` is less than one.
        """
        return in_batches(self.predict, texts, size)

    def answer(self, messages: Sequence[JsonObject]) -> str | None:
        """Return what the assistant says to a conversation, as a gateway's student would.

        Args:
            messages: Those of a chat completion; the last one is the user's, and is the input.

        Returns:
            The label, the object as JSON, or the text; ``None`` where the teacher is to be asked:
            where the certificate does not cover the whole of the answer, or the last message is not
            the user's words alone.

        Raises:
            UsageError: ``messages`` is a text, or a whole request.
        """
        if isinstance(messages, str | Mapping):
            raise UsageError(
                "answer takes the messages of a conversation: give "
                '[{"role": "user", "content": text}], or the request\'s "messages"'
            )
        request = split_request({"messages": list(messages)})
        return self._content(request.text) if isinstance(request, SplitRequest) else None

    def save(self, directory: str | Path) -> Path:
        """Write the artefact into a folder that does not exist yet or holds one; return it.

        Raises:
            ArtefactError: The folder holds something else.
            UsageError: The redaction cannot be; the folder stays as it was.
        """
        from locum.export.artefact import save_artefact

        return save_artefact(cast("AnyStudent", self), directory)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy is made of; it makes its redactor anew, as that holds functions."""
        return {name: part for name, part in self.__dict__.items() if name != "_redactor"}

    @cached_property
    def _redactor(self) -> Redactor | None:
        if self.redaction is None:
            return None
        from locum.redaction import Redactor

        return Redactor(self.redaction)
