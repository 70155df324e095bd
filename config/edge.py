"""What is refused before any of our code sees the request: bodies larger than their route takes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import MutableMapping, Sequence
from typing import Any

from config.handlers import Application, Receive, Scope, Send

# How much of a refused body is still taken off the wire, and for how long.
DROPPED_BYTES = 256 * 1_048_576
DROPPED_SECONDS = 10


class _TooLarge(Exception):
    """More arrived than the route takes; `more` is still on its way."""

    def __init__(self, more: bool) -> None:  # noqa: FBT001 - the one thing to say
        super().__init__()
        self.more = more


class BodyLimit:
    """Counts a request's body while it arrives and answers 413 as soon as it grows too large."""

    def __init__(self, application: Application, *, limits: Sequence[tuple[str, int]], default: int) -> None:
        self.application = application
        self.limits = limits
        self.default = default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless its declared length is too large already."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        limit = self.limit_of(scope["path"])
        if _declared(scope) > limit:
            await _refuse(scope, receive, send, limit)
            return
        received = 0
        started = False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _TooLarge(message.get("more_body", False))
            return message

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.application(scope, counted, noted)
        except _TooLarge as refused:
            if not started:
                await _refuse(scope, receive if refused.more else None, send, limit)

    def limit_of(self, path: str) -> int:
        """Return the bytes that a request to the path may bring."""
        return next((limit for part, limit in self.limits if part in path), self.default)


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(scope: Scope, receive: Receive | None, send: Send, limit: int) -> None:
    """Answer at once; then let what is still on its way arrive, bounded, and drop it.

    A connection that is closed while the client still sends is reset, and the client never reads the answer.
    """
    detail = f"This address takes at most {limit:,} bytes per request: send less at a time."
    form, body = _problem(detail, limit) if scope["path"].startswith(("/api/", "/ingest/")) else _page(detail)
    headers = [(b"content-type", form), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    headers += [(b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"default-src 'none'")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if receive is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DROPPED_SECONDS):
                await _drop(receive)
    await send({"type": "http.response.body", "body": b""})


def _problem(detail: str, limit: int) -> tuple[bytes, bytes]:
    problem = {
        "type": "about:blank",
        "title": "Content too large",
        "status": 413,
        "detail": detail,
        "limit_bytes": limit,
    }
    return b"application/problem+json", json.dumps(problem).encode()


def _page(detail: str) -> tuple[bytes, bytes]:
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Too large</title><h1>Too large</h1><p>{detail}</p>"
    )
    return b"text/html; charset=utf-8", text.encode()


async def _drop(receive: Receive) -> None:
    left = DROPPED_BYTES
    more = True
    while more and left > 0:
        message = await receive()
        left -= len(message.get("body", b"")) or 1
        more = message["type"] == "http.request" and message.get("more_body", False)
