"""One request to a provider's API, and what its failures mean."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
import orjson

from locum.errors import TeacherError, UsageError
from locum.teachers.rate_limits import RateLimits, read_rate_limits, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.teachers.protocol import FailureKind

__all__ = ["AttemptError", "RefusedError", "Reply", "TooManyError", "Transport"]

_TOO_MANY = frozenset({429, 529})
_MAY_PASS = frozenset({408, 409, 425})
# Something between here and the model gave up on it; the model may have answered all the same.
_MAY_BE_CHARGED = frozenset({408, 502, 504, 520, 522, 523, 524})
_HUNG_UP = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
_SHOWN_CHARACTERS = 300
_NO_CREDIT_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
# Anthropic's words: the status and the type are those of a request that is wrong.
_NO_CREDIT_WORDS = b"credit balance is too low to access"
_REFUSALS = frozenset({400, 413, 422})
_OF_ONE_REQUEST = (
    "content_filter",
    "content_policy",
    "context_length_exceeded",
    "string_above_max_length",
)
_CURES_BY_WORD = {
    b"logprob": "; if it refuses logprobs, ask for none: --top-logprobs 0",
    b"max_completion_tokens": "; to call the longest answer so, if that is it: --parameter "
    "max_tokens=none --parameter max_completion_tokens=2000",
    b"'temperature'": "; to leave the temperature to the model: --parameter temperature=none",
}
_CONNECT_SECONDS = 10.0
_ANSWERS_A_HANG_UP = 50


class AttemptError(Exception):
    """An attempt failed, and another may not.

    Args:
        kind: How it failed.
        reason: What happened.
        charged: Whether the provider may have charged for it.
        crowded: Whether fewer calls at once may help.
    """

    def __init__(
        self, kind: FailureKind, reason: str, *, charged: bool, crowded: bool = False
    ) -> None:
        super().__init__(reason)
        self.kind: FailureKind = kind
        self.charged = charged
        self.crowded = crowded


class TooManyError(Exception):
    """The provider wants fewer calls.

    Args:
        reason: What it said.
        wait: Seconds for which it wants none.
    """

    def __init__(self, reason: str, wait: float | None) -> None:
        super().__init__(reason)
        self.wait = wait


class RefusedError(Exception):
    """The provider declines this one request, and did not charge for it."""


class Reply(NamedTuple):
    """What the provider answered.

    Args:
        body: As it came.
        seconds: From sending the request to the end of the answer.
        limits: What its headers say of the provider's limits.
    """

    body: bytes
    seconds: float
    limits: RateLimits | None


class Transport:
    """Sends requests to one API.

    Args:
        url: Base of the API, without a slash at its end.
        headers: Sent with every request.
        secret: The key among them, which is never shown.
        key_variables: Environment variables that hold the key, for messages.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str], secret: str | None, key_variables: str
    ) -> None:
        self.url = url
        self.headers = {"content-type": "application/json", **headers}
        self._secret = secret
        self._key_variables = key_variables
        self._reached = False
        self._answers = self._hang_ups = 0

    @property
    def hangs_up(self) -> bool:
        """Whether more than 2% of connections were closed on a request: each then takes its own."""
        return self._hang_ups * _ANSWERS_A_HANG_UP > self._answers

    def open_session(
        self, concurrency: int, timeout: float, *, keep_alive: bool = True
    ) -> aiohttp.ClientSession:
        """Return a session for so many calls at once, each of so many seconds at most."""
        return aiohttp.ClientSession(
            headers=self.headers,
            timeout=aiohttp.ClientTimeout(
                total=timeout, sock_connect=min(_CONNECT_SECONDS, 0.5 * timeout)
            ),
            connector=aiohttp.TCPConnector(limit=concurrency, force_close=not keep_alive),
        )

    async def post(self, session: aiohttp.ClientSession, path: str, body: bytes) -> Reply:
        """Send one request.

        Raises:
            AttemptError: It failed in a way that may pass.
            TooManyError: The provider wants fewer calls.
            RefusedError: The provider declines this request alone.
            TeacherError: The server cannot be reached, or would refuse every request.
            UsageError: The URL is none.
        """
        started = time.perf_counter()
        try:
            async with session.post(self.url + path, data=body, allow_redirects=False) as response:
                self._reached = True
                content = await response.read()
                if response.status != 200:
                    self._refuse(response, content)
                self._answers += 1
                limits = read_rate_limits(response.headers)
                return Reply(content, time.perf_counter() - started, limits)
        except (aiohttp.InvalidURL, UnicodeError):
            raise UsageError(f"teacher {self.url!r} is no valid URL: correct it") from None
        except aiohttp.ClientConnectorError as error:
            if self._reached:
                raise AttemptError("unavailable", _named(error), charged=False) from None
            raise TeacherError(
                f"teacher {self.url} cannot be reached ({error.os_error.strerror}): check that "
                "the server runs and that the URL is its API's base, such as "
                "http://127.0.0.1:8000/v1"
            ) from None
        except aiohttp.ConnectionTimeoutError as error:
            raise AttemptError("timed out", _named(error), charged=False, crowded=True) from None
        except TimeoutError as error:
            raise AttemptError("timed out", _named(error), charged=True, crowded=True) from None
        except aiohttp.ClientError as error:
            self._hang_ups += isinstance(error, _HUNG_UP)
            raise AttemptError("broken off", _named(error), charged=True) from None

    def shown(self, content: bytes) -> str:
        """Return what the server said, cut short, without the key if it repeats it."""
        text = content.decode("utf-8", "replace")
        if self._secret:
            text = text.replace(self._secret, "[key]")
        return text[:_SHOWN_CHARACTERS]

    def _refuse(self, response: aiohttp.ClientResponse, content: bytes) -> None:
        status = response.status
        said = f"HTTP {status}: {self.shown(content)}"
        code = _error_code(content)
        if status == 402 or code in _NO_CREDIT_CODES or _NO_CREDIT_WORDS in content:
            raise self._end(said, "; there is no credit left on the account")
        if status in _TOO_MANY:
            raise TooManyError(said, retry_after(response.headers))
        if status == 503 and (wait := retry_after(response.headers)) is not None:
            raise TooManyError(said, wait)
        if status in _MAY_PASS or status >= 500:
            raise AttemptError("unavailable", said, charged=status in _MAY_BE_CHARGED)
        if status in _REFUSALS or any(part in code for part in _OF_ONE_REQUEST):
            named = (cure for word, cure in _CURES_BY_WORD.items() if word in content)
            raise RefusedError(said + next(named, ""))
        location = self.shown(response.headers.get("location", "").encode())
        if 300 <= status < 400 and location:
            raise self._end(said, f"; it points to {location}: give that URL")
        cures = {
            401: f"; set {self._key_variables} to a valid key",
            404: "; check the model's name and the URL, which usually ends in /v1",
            403: "; the key is not allowed that: check what it may be used for",
        }
        raise self._end(said, cures.get(status, ""))

    def _end(self, said: str, cure: str) -> TeacherError:
        return TeacherError(f"teacher {self.url} answered {said}{cure}")


def _named(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()


def _error_code(content: bytes) -> str:
    """The code of an error in the shape of OpenAI or Anthropic; empty if it has none."""
    try:
        error = orjson.loads(content)["error"]
        return str(error.get("code") or error.get("type") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
