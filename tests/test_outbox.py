"""Answers that are given in one turn of the event loop leave together, in their order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from benchmarks.serving_echo import ANSWER, Echo
from locum.serving.client import ClientConnection
from locum.serving.outbox import Outbox

REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n%b\r\n{}"


class _Sender:
    def __init__(self, sent: list[int], number: int) -> None:
        self._sent, self._number = sent, number

    def flush(self) -> None:
        self._sent.append(self._number)


def test_all_send_once_and_in_their_order() -> None:
    async def run() -> list[list[int]]:
        outbox, sent = Outbox(), list[int]()
        seen = []
        for number in range(3):
            outbox.add(_Sender(sent, number))
        seen.append([*sent])
        await asyncio.sleep(0)
        seen.append([*sent])
        outbox.add(_Sender(sent, 3))
        outbox.flush()
        seen.append([*sent])
        await asyncio.sleep(0)
        return [*seen, sent]

    assert asyncio.run(run()) == [[], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3]]


class _Wire(asyncio.Transport):
    """What a connection sends, and what it does then."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[Any] = []

    def write(self, data: Any) -> None:  # noqa: ANN401 - as the loop has it
        self.done.append(bytes(data))

    def is_closing(self) -> bool:
        return "close" in self.done

    def close(self) -> None:
        self.done.append("close")

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.done.append("eof")

    def resume_reading(self) -> None:
        pass


async def _turns(data: bytes) -> list[Any]:
    wire = _Wire()
    connection = ClientConnection(Echo())
    connection.connection_made(wire)
    connection.data_received(data)
    for _ in range(8):
        await asyncio.sleep(0)
    return wire.done


@pytest.mark.parametrize("more", [b"", b"connection: close\r\n"])
def test_an_answer_is_sent_before_its_connection_is_closed(more: bytes) -> None:
    sent, *then = asyncio.run(_turns(REQUEST % more))
    assert sent.endswith(b"\r\n\r\n" + ANSWER)
    assert then == (["close"] if more else [])


def test_a_client_that_says_no_more_gets_what_was_answered() -> None:
    async def run() -> list[Any]:
        wire = _Wire()
        connection = ClientConnection(Echo())
        connection.connection_made(wire)
        connection.data_received(b"no HTTP at all\r\n\r\n")
        connection.eof_received()
        return wire.done

    assert asyncio.run(run())[0].startswith(b"HTTP/1.1 400 ")


def test_answers_on_one_connection_keep_their_order() -> None:
    done = b"".join(
        asyncio.run(_turns(REQUEST % b"" + REQUEST % b"" + REQUEST % b"connection: close\r\n"))[:-1]
    )
    assert done.count(ANSWER) == 3
    assert done.index(b"connection: close") > done.rindex(ANSWER) - 60


def test_a_refusal_is_sent_before_the_end_of_what_is_sent() -> None:
    sent, *then = asyncio.run(_turns(b"no HTTP at all\r\n\r\n"))
    assert sent.startswith(b"HTTP/1.1 400 ")
    assert then == ["eof"]
