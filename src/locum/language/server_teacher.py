"""A teacher behind a server that gives the log-probabilities of a prompt's tokens, as vLLM does.

Shapes: N rows (targets that count, in reading order), K listed tokens.
"""

# ruff: noqa: N806 - names end in their shapes

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING, NamedTuple

import orjson
import stamina
from pydantic import BaseModel, ValidationError

from locum.errors import TeacherError, UsageError
from locum.losses import SparseTargets
from locum.teachers import API_KEY_VARIABLES
from locum.teachers.pretrained import logits_of_tokens
from locum.teachers.run_to_end import run_to_end
from locum.teachers.transport import AttemptError, RefusedError, TooManyError, Transport
from locum.teachers.urls import check_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiohttp
    from transformers import PreTrainedTokenizerBase

    from locum.language.packing import Packed
    from locum.language.teachers import Signal

__all__ = ["ServerTeacher"]

_ATTEMPTS = 5
_SECONDS = 600.0


class _Token(BaseModel):
    logprob: float
    decoded_token: str | None = None


_Place = dict[int, _Token]


class _Choice(BaseModel):
    prompt_logprobs: list[_Place | None]


class _Answer(BaseModel):
    choices: list[_Choice]


class _Asked(NamedTuple):
    """A document of a batch: its tokens up to the last target, and the places of its targets."""

    tokens: list[int]
    places: list[int]


class ServerTeacher:
    """Asks an OpenAI-compatible server for ``prompt_logprobs``, a document a request.

    It speaks at temperature one, of its likeliest tokens alone: what it says is asked for once and
    kept (`locum.language.fill_cache`), and a loss at another temperature cannot have it.

    Args:
        url: Base of the API, such as ``http://127.0.0.1:8000/v1``.
        model: Its name there.
        tokenizer: The student's. What the server calls its tokens is compared with it.
        count: How many tokens are asked for of each place; servers bound it (vLLM's
            ``--max-logprobs``).
        concurrency: Requests at once.
        api_key: By default the value of ``LOCUM_API_KEY`` or ``OPENAI_API_KEY``, if one is set.

    Raises:
        UsageError: The URL is none or holds a password, or a number is below one.
    """

    def __init__(
        self,
        url: str,
        model: str,
        tokenizer: PreTrainedTokenizerBase,
        *,
        count: int = 20,
        concurrency: int = 8,
        api_key: str | None = None,
    ) -> None:
        check_url(url, "teacher")
        if min(count, concurrency) < 1:
            raise UsageError(
                f"count={count}, concurrency={concurrency}: expected numbers of at least one"
            )
        set_keys = (os.environ[name] for name in API_KEY_VARIABLES if os.environ.get(name))
        key = api_key or next(set_keys, None)
        headers = {"authorization": f"Bearer {key.strip()}"} if key else {}
        self.name = model
        self.vocabulary = logits_of_tokens(tokenizer)
        self.fingerprint = hashlib.sha256(f"{url} {model}".encode()).hexdigest()
        self._transport = Transport(url.rstrip("/"), headers, key, " or ".join(API_KEY_VARIABLES))
        self._tokenizer, self._count, self._concurrency = tokenizer, count, concurrency

    def ask(self, batch: Packed) -> Signal:
        """Return what gives the listed tokens of a slice of rows.

        Raises:
            TeacherError: The server cannot be reached, or does not answer as vLLM does.
            UsageError: It has other tokens than the student.
        """
        import torch

        asked = _documents(batch)
        places: list[list[_Place | None]] = []

        async def ask_all() -> None:
            places.extend(await self._ask_all([one.tokens for one in asked]))

        run_to_end(ask_all)
        rows = [
            self._listed(answers[place])
            for one, answers in zip(asked, places, strict=True)
            for place in one.places
        ]
        device = batch.ids_SL.device
        ids_NK = torch.tensor([[token for token, _ in row] for row in rows], device=device)
        said_NK = torch.tensor([[value for _, value in row] for row in rows], device=device)
        return SparseTargets(ids_NK, said_NK).rows

    async def _ask_all(self, prompts: Sequence[list[int]]) -> list[list[_Place | None]]:
        async with self._transport.open_session(self._concurrency, _SECONDS) as session:
            free = asyncio.Semaphore(self._concurrency)

            async def one(prompt: list[int]) -> list[_Place | None]:
                async with free:
                    return await self._ask_one(session, prompt)

            return await asyncio.gather(*map(one, prompts))

    async def _ask_one(
        self, session: aiohttp.ClientSession, prompt: list[int]
    ) -> list[_Place | None]:
        body = orjson.dumps(
            {
                "model": self.name,
                "prompt": prompt,
                "max_tokens": 1,
                "temperature": 0,
                "prompt_logprobs": self._count,
            }
        )
        try:
            async for attempt in stamina.retry_context(
                on=(AttemptError, TooManyError), attempts=_ATTEMPTS, timeout=None
            ):
                with attempt:
                    reply = await self._transport.post(session, "/completions", body)
            answers = _Answer.model_validate_json(reply.body).choices[0].prompt_logprobs
        except (AttemptError, TooManyError, RefusedError) as error:
            raise TeacherError(f"teacher {self.name} gave no answer: {error}") from None
        except (ValidationError, IndexError):
            raise TeacherError(
                f"teacher {self.name} answered without prompt_logprobs: expected a server that "
                f"gives them, as vLLM does: {self._transport.shown(reply.body)}"
            ) from None
        self._refuse_other_tokens(prompt, answers)
        return answers

    def _refuse_other_tokens(self, prompt: list[int], answers: list[_Place | None]) -> None:
        """See that the server has every token of the prompt, and calls it as the student does."""
        if len(answers) != len(prompt):
            raise TeacherError(
                f"teacher {self.name} answered of {len(answers):,} tokens, {len(prompt):,} were "
                "asked about: see that the server adds none"
            )
        for token, answer in zip(prompt, answers, strict=True):
            there = None if answer is None else answer.get(token)
            mine = str(self._tokenizer.decode([token]))
            if there is None or there.decoded_token is None or "\N{REPLACEMENT CHARACTER}" in mine:
                continue
            if there.decoded_token.strip() != mine.strip():
                raise UsageError(
                    f"token {token:,} is {there.decoded_token!r} to teacher {self.name} and "
                    f"{mine!r} to the student: take a student of the teacher's family"
                )

    def _listed(self, answer: _Place | None) -> list[tuple[int, float]]:
        """Return as many tokens of a place as of every other."""
        found = sorted((-one.logprob, token) for token, one in (answer or {}).items())
        known = [(token, -less) for less, token in found if token < self.vocabulary]
        if len(known) < self._count:
            raise TeacherError(
                f"teacher {self.name} gave {len(known):,} tokens of a place, {self._count:,} were "
                "asked for: ask for fewer, or raise the server's bound (vLLM's --max-logprobs)"
            )
        return known[: self._count]


def _documents(batch: Packed) -> list[_Asked]:
    """Take the documents that have targets out of their sequences, in reading order."""
    ids, learned = batch.ids_SL.tolist(), batch.learned_SL.tolist()
    found = []
    for sequence, start, end in batch.spans():
        targets = [place - start for place in range(start, end) if learned[sequence][place]]
        if targets:
            found.append(_Asked(ids[sequence][start : start + targets[-1] + 1], targets))
    return found
