"""A server on loopback that speaks OpenAI's Batch API and fails on demand.

What it knows lies in a `Provider`, which outlives it: stopped and started again at the same
address, it goes on where it was.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import orjson
from aiohttp import web

from tests.batch_provider import ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.batch_provider import Action, Provider

__all__ = ["Server", "serving"]

_TICK_SECONDS = 0.01


def _answer(body: object, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, dumps=lambda value: orjson.dumps(value).decode())


def _refuse(status: int, message: str, **headers: str) -> web.Response:
    error = {"error": {"message": message, "type": "error", "code": None}}
    return web.json_response(error, status=status, headers=headers)


class Server:
    """Serves a provider at an address, until it is stopped."""

    def __init__(self, provider: Provider, port: int = 0) -> None:
        self.provider = provider
        self._ready = threading.Event()
        self._port = port
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def url(self) -> str:
        """The API's base."""
        return f"http://127.0.0.1:{self._port}/v1"

    def stop(self) -> None:
        """Stop serving; connections are cut."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def restarted(self) -> Self:
        """Stop, and serve the same provider at the same address."""
        self.stop()
        return type(self)(self.provider, self._port)

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=210_000_000)
        app.add_routes(
            [
                web.post("/v1/files", self._upload),
                web.get("/v1/files/{id}/content", self._download),
                web.delete("/v1/files/{id}", self._delete),
                web.post("/v1/batches", self._create),
                web.get("/v1/batches", self._list),
                web.get("/v1/batches/{id}", self._get),
                web.post("/v1/batches/{id}/cancel", self._cancel),
            ]
        )
        app.middlewares.append(self._with_faults)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = runner.addresses[0][1]
        self._ready.set()
        while not self._stopped.is_set():
            self.provider.tick()
            await asyncio.sleep(_TICK_SECONDS)
        await runner.cleanup()

    @web.middleware
    async def _with_faults(self, request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401
        provider = self.provider
        provider.authorizations.add(request.headers.get("authorization"))
        provider.seen.append(f"{request.method} {request.path.removeprefix('/v1')}")
        fault = next((fault for fault in provider.faults if fault.meets(request)), None)
        if fault is None:
            response: web.StreamResponse = await handler(request)
            return response
        fault.times -= 1
        done = fault.action in {"cut after", "hold after", "half"}
        answer = await handler(request) if done else None
        provider.reached.set()
        return await self._go_wrong(fault.action, request, answer)

    async def _go_wrong(
        self, action: Action, request: web.Request, answer: web.Response | None
    ) -> web.StreamResponse:
        if action.startswith("hold"):
            await self._stopped.wait()
        if action == "429":
            return _refuse(429, "slow down", **{"retry-after": "0"})
        if action == "no money":
            return _refuse(429, "You exceeded your current quota: insufficient_quota")
        if action.isdecimal():
            key = request.headers.get("authorization", "")
            return _refuse(int(action), f"no, {key}")
        await request.read()
        response = web.StreamResponse()
        if action == "half" and answer is not None:
            assert isinstance(answer.body, bytes)
            response.headers["content-length"] = str(len(answer.body))
            await response.prepare(request)
            await response.write(answer.body[: len(answer.body) // 2])
        if request.transport is not None:
            request.transport.abort()
        return response

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file, purpose = form["file"], form["purpose"]
        assert isinstance(file, web.FileField)
        assert isinstance(purpose, str)
        self.provider.uploads.append((request.headers.get("content-length"), purpose))
        if purpose != "batch":
            return _refuse(400, "not for batches")
        name = self.provider.take(file.file.read())
        return _answer({"id": name, "object": "file", "purpose": "batch"})

    async def _download(self, request: web.Request) -> web.Response:
        content = self.provider.files.get(request.match_info["id"])
        return _refuse(404, "no such file") if content is None else web.Response(body=content)

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if self.provider.files.pop(name, None) is None:
            return _refuse(404, "no such file")
        return _answer({"id": name, "object": "file", "deleted": True})

    async def _create(self, request: web.Request) -> web.Response:
        asked = orjson.loads(await request.read())
        if asked["input_file_id"] not in self.provider.files or asked["endpoint"] != ENDPOINT:
            return _refuse(400, "no such file, or no such endpoint")
        return _answer(self.provider.make(asked))

    async def _list(self, request: web.Request) -> web.Response:
        newest_first = list(reversed(self.provider.batches.values()))
        ids = [batch["id"] for batch in newest_first]
        after, limit = request.query.get("after"), int(request.query.get("limit", "20"))
        start = ids.index(after) + 1 if after else 0
        page = newest_first[start : start + limit]
        more = bool(page) and start + limit < len(ids)
        return _answer({"object": "list", "data": page, "has_more": more})

    async def _get(self, request: web.Request) -> web.Response:
        batch = self.provider.batches.get(request.match_info["id"])
        return _refuse(404, "no such batch") if batch is None else _answer(batch)

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.provider.batches.get(request.match_info["id"])
        if batch is None:
            return _refuse(404, "no such batch")
        self.provider.cancel(batch)
        return _answer(batch)


@contextmanager
def serving(provider: Provider) -> Iterator[Server]:
    """Serve a provider."""
    server = Server(provider)
    try:
        yield server
    finally:
        server.stop()
