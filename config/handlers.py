"""How requests reach Django: pages in a fixed pool of threads, ingest directly on the event loop.

Django's own ASGI handler makes a thread (and with it a database connection) for every request and
hops between loop and thread once per middleware. Views here are synchronous, so one hop serves the
whole chain, and threads that live on keep their connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import io
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import set_script_prefix

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ThreadedHandler(ASGIHandler):
    """Runs middleware and view in one of a few threads, so work is bounded and connections stay open."""

    def __init__(self, *, threads: int) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="page")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            response, content = await self._in_thread(self._respond, scope, body)
            await send(_start(response))
            if content is not None:
                await send({"type": "http.response.body", "body": content})
            else:
                await self._stream(response, receive, send)
        finally:
            body.close()

    def _respond(self, scope: Scope, body: IO[bytes]) -> tuple[HttpResponseBase, bytes | None]:
        """Build the response; content is None when it has to be streamed (and closed) afterwards."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = refusal if request is None else self.get_response(request)
        if response.streaming:
            return response, None
        content = b"" if scope["method"] == "HEAD" else bytes(response.content)
        response.close()
        return response, content

    async def _stream(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Send part after part; stop making parts once nobody listens any more."""
        assert isinstance(response, StreamingHttpResponse)
        gone = asyncio.ensure_future(receive())
        try:
            async with contextlib.aclosing(self._parts(response)) as parts:
                async for part in parts:
                    if gone.done():
                        return
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            await self._in_thread(response.close)

    async def _parts(self, response: StreamingHttpResponse) -> AsyncGenerator[bytes, None]:
        if response.is_async:
            async for part in response:
                yield part
            return
        iterator = iter(response)
        while (part := await self._in_thread(next, iterator, None)) is not None:
            yield part

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call in the pool, in a context of its own: language and zone of one request never reach another."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self.pool, lambda: context.run(function, *args))


class DirectHandler(ASGIHandler):
    """Calls asynchronous views on the event loop, without middleware: ingest, fast reads, streams, health checks.

    No sessions, no cookies, no host check: such a view authenticates by a key in the request itself.
    """

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 Django's signature
        """Leave the chain empty but for turning exceptions into responses."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined] # stubs lack it

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one HTTP request; the body was bounded at the edge and is handed over whole."""
        parts: list[bytes] = []
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = b"".join(parts)
        request, refusal = self.create_request(scope, io.BytesIO(body))
        if request is not None:
            request._body = body  # noqa: SLF001 spares Django's own copy and bound
        response: Any = refusal if request is None else await self.get_response_async(request)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        if response.streaming:
            await _stream_live(response, receive, send)
            return
        response.headers.setdefault("Content-Length", str(len(response.content)))
        await send(_start(response))
        await send({"type": "http.response.body", "body": response.content})


# One for each stream that is open in this process; set, it asks the stream to end.
_endings: set[asyncio.Event] = set()
# A client that takes nothing for so long is taken for gone.
SEND_S = 20.0


def streams_end() -> None:
    """Ask every open stream to end, because the server is about to."""
    for ending in list(_endings):
        ending.set()


async def _stream_live(response: Any, receive: Receive, send: Send) -> None:
    """Send parts as they come into being, until they end, the client leaves or the server does."""
    ending = asyncio.Event()
    _endings.add(ending)
    leaving: set[asyncio.Future[Any]] = {asyncio.ensure_future(receive()), asyncio.ensure_future(ending.wait())}
    try:
        await send(_start(response))
        parts = aiter(response)
        while (part := await _next(parts, leaving)) is not None:
            async with asyncio.timeout(SEND_S):
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except TimeoutError:
        # Left unfinished, the connection is closed by the server.
        return
    finally:
        _endings.discard(ending)
        for waiting in leaving:
            waiting.cancel()
        response.close()


async def _next(parts: AsyncIterator[bytes], leaving: set[asyncio.Future[Any]]) -> bytes | None:
    """Wait for the next part; None when there is none or nobody to send it to."""
    coming = asyncio.ensure_future(anext(parts, None))
    try:
        await asyncio.wait({coming, *leaving}, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        coming.cancel()


def _start(response: HttpResponseBase) -> dict[str, Any]:
    headers = [(name.encode("ascii"), str(value).encode("latin-1")) for name, value in response.items()]
    headers += [
        (b"Set-Cookie", cookie.output(header="").strip().encode("ascii")) for cookie in response.cookies.values()
    ]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}
