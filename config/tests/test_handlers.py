"""Requests keep to themselves in the threads they share, and streams end when nobody listens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from django.utils import translation

from config.handlers import DirectHandler, ThreadedHandler, streams_end

seen: dict[str, Any] = {}


def page(request: HttpRequest) -> HttpResponse:
    """Tell language and thread, then leave another language behind."""
    language = translation.get_language()
    translation.activate("de")
    return JsonResponse({"language": language, "thread": threading.current_thread().name, "got": len(request.body)})


def numbers(request: HttpRequest) -> StreamingHttpResponse:
    """Stream many numbers and note how far it came."""

    def parts() -> Iterator[bytes]:
        try:
            for number in range(1_000):
                seen["number"] = number
                yield b"%d\n" % number
        finally:
            seen["closed"] = True

    return StreamingHttpResponse(parts())


def broken(request: HttpRequest) -> HttpResponse:
    """Fail."""
    raise ValueError("broken on purpose")


async def direct(request: HttpRequest) -> JsonResponse:
    """Answer on the event loop."""
    return JsonResponse({"size": len(request.body), "thread": threading.current_thread().name})


async def forever(request: HttpRequest) -> StreamingHttpResponse:
    """Stream one number, then nothing until the end."""

    async def parts() -> AsyncIterator[bytes]:
        try:
            yield b"1\n"
            await asyncio.Event().wait()
        finally:
            seen["closed"] = True

    return StreamingHttpResponse(parts())


urlpatterns = [
    path("page", page),
    path("numbers", numbers),
    path("broken", broken),
    path("direct", direct),
    path("forever", forever),
]
pytestmark = [pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _routes() -> Iterator[None]:
    seen.clear()
    with override_settings(
        ROOT_URLCONF=__name__, MIDDLEWARE=["django.middleware.common.CommonMiddleware"], DATABASE_ROUTERS=[]
    ):
        yield


async def answer(
    handler: Any, where: str, *, method: str = "GET", body: bytes = b"", leave_after: int | None = None
) -> list[Any]:
    """Send one request and return the messages; leave after so many of them."""
    sent: list[Any] = []
    left = asyncio.Event()
    asked = False

    async def receive() -> Any:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if leave_after is not None and len(sent) >= leave_after:
            left.set()
            await asyncio.sleep(0)

    scope = {
        "type": "http",
        "method": method,
        "path": where,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())],
    }
    await handler(scope, receive, send)
    return sent


async def test_a_page_is_answered_in_a_thread_of_the_pool() -> None:
    start, content = await answer(ThreadedHandler(threads=1), "/page", method="POST", body=b"abc")

    assert start["status"] == 200
    assert b'"thread": "page_0"' in content["body"]
    assert b'"got": 3' in content["body"]
    assert (b"Content-Length", str(len(content["body"])).encode()) in start["headers"]


async def test_the_language_of_one_request_never_reaches_the_next() -> None:
    handler = ThreadedHandler(threads=1)
    await answer(handler, "/page")

    assert b'"language": "de"' not in (await answer(handler, "/page"))[1]["body"]


async def test_a_head_request_gets_no_body() -> None:
    assert (await answer(ThreadedHandler(threads=1), "/page", method="HEAD"))[1]["body"] == b""


async def test_a_stream_arrives_whole() -> None:
    _, *parts = await answer(ThreadedHandler(threads=1), "/numbers")

    assert b"".join(part["body"] for part in parts).splitlines()[-1] == b"999"
    assert seen["closed"]


async def test_a_stream_stops_once_nobody_listens() -> None:
    await answer(ThreadedHandler(threads=1), "/numbers", leave_after=5)

    assert seen["number"] < 20
    assert seen["closed"]


@pytest.mark.parametrize("make", [lambda: ThreadedHandler(threads=1), DirectHandler])
async def test_a_failure_is_an_answer_without_details(make: Any) -> None:
    start, content = await answer(make(), "/broken")

    assert start["status"] == 500
    assert b"broken on purpose" not in content["body"]


async def test_a_direct_view_runs_on_the_loop_with_a_body_beyond_the_form_limit() -> None:
    body = b"x" * 3_000_000
    start, content = await answer(DirectHandler(), "/direct", method="POST", body=body)

    assert start["status"] == 200
    assert b'"size": 3000000' in content["body"]
    assert b"MainThread" in content["body"]


async def test_a_live_stream_ends_once_nobody_listens() -> None:
    parts = await answer(DirectHandler(), "/forever", leave_after=2)

    assert [part.get("body") for part in parts] == [None, b"1\n", b""]
    assert seen["closed"]


async def test_a_live_stream_ends_with_the_server() -> None:
    task = asyncio.create_task(answer(DirectHandler(), "/forever"))
    await asyncio.sleep(0.1)
    streams_end()
    parts = await asyncio.wait_for(task, 2)

    assert parts[-1] == {"type": "http.response.body", "body": b""}
    assert seen["closed"]
