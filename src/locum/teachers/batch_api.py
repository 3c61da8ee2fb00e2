"""OpenAI's files, and the batches that are made of them."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Self, TypeVar
from urllib.parse import quote

import aiohttp
import orjson
import stamina
from pydantic import BaseModel, ValidationError

from locum.errors import TeacherError, UsageError
from locum.teachers.rate_limits import retry_after
from locum.teachers.remote_batch import RemoteBatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from locum.teachers.transport import Transport

__all__ = [
    "RUN",
    "BatchApi",
    "NotMadeError",
    "StatusError",
    "UnreachableError",
]

T = TypeVar("T", bound=BaseModel)

RUN = "locum_run"
_ENDPOINT = "/v1/chat/completions"
_MAY_PASS = frozenset({408, 409, 425, 429})
_JSON = {"content-type": "application/json"}
_LONGEST_WAIT = 60.0
_TRANSFER_SECONDS = 1800.0
# An uploaded file is looked through before it is acknowledged.
_UPLOAD_SECONDS = 300.0
_BATCHES_A_PAGE = 100
_BYTES_A_READ = 65_536
# How far the clocks of both sides may differ.
_CLOCK_SECONDS = 3600.0
_OUT_OF_MONEY = (b"insufficient_quota", b"billing_hard_limit_reached")
_CURES = {
    401: "; set LOCUM_API_KEY or OPENAI_API_KEY to a valid key",
    403: "; use a key that may write files and make batches",
    404: "; check that the server has the Batch API, and that the key is of the same project",
    413: "; put less into a batch: bytes_a_batch",
    429: "; there is no credit left on the account",
}


class StatusError(TeacherError):
    """The provider says no, and would again.

    Args:
        message: What it said, and the cure.
        status: Its HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotMadeError(StatusError):
    """The provider refuses to make a batch, so that nothing of it lies there."""


class UnreachableError(TeacherError):
    """The provider failed as often as it was tried."""


class _RetryableError(Exception):
    """A failure that may pass, with the seconds that the server asked to wait."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _File(BaseModel):
    id: str


class _Page(BaseModel):
    data: list[RemoteBatch]
    has_more: bool = False


class BatchApi:
    """Files and batches of one provider; used in an ``async with`` block.

    Args:
        transport: Address and key.
        attempts: Tries of one call, the first included.
        timeout: Seconds that the provider may be silent.
    """

    def __init__(self, transport: Transport, *, attempts: int, timeout: float) -> None:
        self._transport = transport
        self._url = transport.url
        self._attempts = attempts
        self._timeout = _timeout(timeout, timeout)
        self._upload_timeout = _timeout(timeout, max(timeout, _UPLOAD_SECONDS))

    async def __aenter__(self) -> Self:
        """Begin a session."""
        headers = {n: v for n, v in self._transport.headers.items() if n != "content-type"}
        self._session = aiohttp.ClientSession(headers=headers)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close its connections."""
        await self._session.close()

    async def upload(self, lines: Path) -> str:
        """Send a file of requests, and return its id.

        Each attempt opens it anew: one that was refused before it was sent whole may go on reading.

        Raises:
            TeacherError: The provider refuses, or does not answer.
        """

        def form() -> aiohttp.FormData:
            body = aiohttp.FormData({"purpose": "batch"})
            name = "requests.jsonl"
            body.add_field("file", lines.open("rb"), filename=name, content_type="text/plain")
            return body

        return self._parse(_File, await self._call("POST", "/files", form)).id

    async def create(self, file: str, metadata: Mapping[str, str], since: float) -> RemoteBatch:
        """Have a file of requests answered, once.

        An attempt that broke off may have made the batch: it is looked for before another attempt.

        Args:
            file: Id of the file.
            metadata: At most 16 short texts; no other batch has the one under `RUN`.
            since: Some moment before, in seconds since 1970.

        Raises:
            NotMadeError: The provider refuses.
            TeacherError: It does not answer, and may have made the batch.
        """
        asked = {
            "input_file_id": file,
            "endpoint": _ENDPOINT,
            "completion_window": "24h",
            "metadata": dict(metadata),
        }
        try:
            async for attempt in self._tries():
                with attempt:
                    again = attempt.num > 1
                    made = await self.find(metadata[RUN], since) if again else None
                    return made or await self._make(orjson.dumps(asked))
        except _RetryableError as error:
            raise self._gave_up(error) from None
        raise AssertionError("a call ends with an answer or an error")

    async def _make(self, body: bytes) -> RemoteBatch:
        try:
            return self._parse(RemoteBatch, await self._once("POST", "/batches", body))
        except StatusError as error:
            raise NotMadeError(str(error), error.status) from None

    async def get(self, batch: str) -> RemoteBatch:
        """Return what has become of a batch.

        Raises:
            StatusError: The provider does not know it, or not the key.
            UnreachableError: It does not answer.
        """
        return self._parse(RemoteBatch, await self._call("GET", f"/batches/{_quote(batch)}"))

    async def find(self, run: str, since: float) -> RemoteBatch | None:
        """Return the batch that was made for a run; ``None`` where there is none.

        Args:
            run: What its metadata says under `RUN`.
            since: When it was made at the earliest, in seconds since 1970.

        Raises:
            StatusError: The provider refuses.
            UnreachableError: It does not answer.
        """
        path = f"/batches?limit={_BATCHES_A_PAGE}"
        page = self._parse(_Page, await self._call("GET", path))
        while True:
            for batch in page.data:
                if (batch.metadata or {}).get(RUN) == run:
                    return batch
            last = page.data[-1] if page.data else None
            if last is None or not page.has_more or last.created_at < since - _CLOCK_SECONDS:
                return None
            page = self._parse(_Page, await self._call("GET", f"{path}&after={_quote(last.id)}"))

    async def download(self, file: str, target: IO[bytes]) -> None:
        """Write the whole content of a file into another, which is left at its beginning.

        Raises:
            StatusError: The provider does not have it.
            UnreachableError: It cannot be had whole.
        """
        await self._call("GET", f"/files/{_quote(file)}/content", target=target)
        target.seek(0)

    async def cancel(self, batch: str) -> None:
        """Ask that no more requests of a batch be answered.

        Raises:
            TeacherError: The provider refuses, or does not answer.
        """
        await self._call("POST", f"/batches/{_quote(batch)}/cancel")

    async def delete(self, file: str) -> None:
        """Delete a file.

        Raises:
            TeacherError: The provider refuses, or does not answer.
        """
        await self._call("DELETE", f"/files/{_quote(file)}")

    async def _call(
        self,
        method: str,
        path: str,
        form: Callable[[], aiohttp.FormData] | None = None,
        target: IO[bytes] | None = None,
    ) -> bytes:
        try:
            async for attempt in self._tries():
                with attempt:
                    return await self._once(method, path, form() if form else None, target)
        except _RetryableError as error:
            raise self._gave_up(error) from None
        raise AssertionError("a call ends with an answer or an error")

    def _tries(self) -> AsyncIterator[stamina.Attempt]:
        return stamina.retry_context(
            on=_backoff, attempts=self._attempts, timeout=None, wait_max=_LONGEST_WAIT
        )

    async def _once(
        self,
        method: str,
        path: str,
        body: bytes | aiohttp.FormData | None = None,
        target: IO[bytes] | None = None,
    ) -> bytes:
        headers = _JSON if isinstance(body, bytes) else None
        is_upload = isinstance(body, aiohttp.FormData)
        try:
            async with self._session.request(
                method,
                self._url + path,
                data=body,
                headers=headers,
                timeout=self._upload_timeout if is_upload else self._timeout,
                allow_redirects=False,
            ) as response:
                if response.status == 200 and target is not None:
                    await _write(response, target)
                    return b""
                content = await response.read()
                self._check(response, content)
                return content
        except (aiohttp.InvalidURL, UnicodeError):
            raise UsageError(f"teacher {self._url!r} is no valid URL: correct it") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _RetryableError(f"{type(error).__name__} {error}".strip()) from None

    def _check(self, response: aiohttp.ClientResponse, content: bytes) -> None:
        status = response.status
        if status == 200:
            return
        said = f"HTTP {status}: {self._transport.shown(content)}"
        out_of_money = status == 429 and any(code in content for code in _OUT_OF_MONEY)
        if (status in _MAY_PASS and not out_of_money) or status >= 500:
            raise _RetryableError(said, retry_after(response.headers))
        raise StatusError(f"teacher {self._url} answered {said}{_CURES.get(status, '')}", status)

    def _parse(self, model: type[T], content: bytes) -> T:
        try:
            return model.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise TeacherError(
                f"teacher {self._url} does not speak the Batch API ({where}: {first['msg']}): "
                f"{self._transport.shown(content)}; use the chat API without batches"
            ) from None

    def _gave_up(self, error: _RetryableError) -> UnreachableError:
        return UnreachableError(
            f"teacher {self._url} failed {self._attempts} times on one call of the Batch API; "
            f"last: {error}; what was sent is answered all the same: run again to fetch it"
        )


def _timeout(connect: float, silence: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=_TRANSFER_SECONDS, sock_connect=connect, sock_read=silence)


async def _write(response: aiohttp.ClientResponse, target: IO[bytes]) -> None:
    target.seek(0)
    target.truncate()
    async for chunk in response.content.iter_chunked(_BYTES_A_READ):
        target.write(chunk)


def _quote(part: str) -> str:
    return quote(part, safe="")


def _backoff(error: Exception) -> bool | float:
    if not isinstance(error, _RetryableError):
        return False
    return True if error.wait is None else min(error.wait, _LONGEST_WAIT)
