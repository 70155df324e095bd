"""A body larger than its route takes is refused while it arrives."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config.edge import BodyLimit


async def reading_everything(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200 with the number of bytes that came."""
    size = 0
    more = True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def answer_to(path: str, chunks: list[bytes], *, declared: int | None = None) -> tuple[int, bytes, int]:
    """Return status, body and how many chunks were taken before the answer."""
    sent: list[Any] = []
    taken = before = 0

    async def receive() -> Any:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": chunks[taken - 1], "more_body": taken < len(chunks)}

    async def send(message: Any) -> None:
        nonlocal before
        if not sent:
            before = taken
        sent.append(message)

    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    application = BodyLimit(reading_everything, limits=[("/ingest/", 100)], default=10)
    await application({"type": "http", "path": path, "headers": headers}, receive, send)
    return sent[0]["status"], sent[1]["body"], before


async def test_a_body_within_the_limit_passes() -> None:
    assert await answer_to("/", [b"x" * 5, b"x" * 5]) == (200, b"10", 2)


async def test_a_declared_length_is_refused_before_anything_is_read() -> None:
    status, body, taken = await answer_to("/api/v1/x", [b"x"], declared=11)

    assert (status, taken) == (413, 0)
    assert json.loads(body)["limit_bytes"] == 10


async def test_an_undeclared_length_is_refused_as_soon_as_it_is_too_much() -> None:
    status, _, taken = await answer_to("/", [b"x" * 6] * 50)

    assert (status, taken) == (413, 2)


async def test_a_lie_about_the_length_does_not_help() -> None:
    status, _, _ = await answer_to("/", [b"x" * 6] * 50, declared=6)

    assert status == 413


@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413)])
async def test_each_route_has_its_own_limit(size: int, status: int) -> None:
    assert (await answer_to("/ingest/readings", [b"x" * size]))[0] == status


async def test_a_page_is_refused_in_words() -> None:
    status, body, _ = await answer_to("/households/x/uploads", [b"x" * 11])

    assert status == 413
    assert body.startswith(b"<!doctype html>")
    assert b"at most 10 bytes" in body
