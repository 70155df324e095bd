"""The event stream: readings and market news of one household as Server-Sent Events.

A plain asynchronous view: it costs no thread while it waits. It answers bearer tokens only, looks every RECHECK_S
seconds whether token and membership still hold, and keeps a token in use alive as any other request does.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException, MethodNotAllowed, NotAuthenticated
from rest_framework.request import Request
from rest_framework.settings import api_settings

from marketplace.api.hub import Box, Gap, hub_join, hub_leave
from marketplace.api.news import news_json, readings_json
from marketplace.news import NEWS, market_group
from myhouse.api.fields import moment
from myhouse.api.gate import ApiView
from myhouse.api.throttle import MinuteCounter
from myhouse.authentication import token_authenticate
from myhouse.errors import Busy, NotAllowed, TooMany, UnableTo
from myhouse.feeds import in_thread
from myhouse.models.accounts import TokenKind
from myhouse.models.households import Role
from myhouse.scopes import Scope, by_method
from myhouse.selectors.households import community_of, household_for
from myhouse.services.live import group_of

HEARTBEAT_S = 15.0
RECHECK_S = 30.0
RETRY_MS = 2_000  # how long a client waits before it connects again
STREAMS_AT_MOST = 500
STREAMS_PER_USER = 10
_COME_AGAIN_S = 30


@dataclass(frozen=True)
class Caller:
    """Who listens, to which household, and what of it he may hear."""

    user_id: uuid.UUID
    household_id: uuid.UUID
    currency: str
    community_id: uuid.UUID | None
    readings: bool
    market: bool

    @property
    def groups(self) -> set[str]:
        """The groups in which what he may hear is told."""
        groups = {group_of(self.household_id)}
        if self.market and self.community_id is not None:
            groups.add(market_group(self.community_id))
        return groups


def caller_of(secret: str, address: str, household_id: uuid.UUID) -> Caller:
    """Find out who brings this token and what he may hear (in a thread), or refuse."""
    now = timezone.now()
    token = token_authenticate(secret=secret, address=address, now=now)
    access = household_for(user=token.user, household_id=household_id, now=now)
    access.require_curves()
    free = token.kind == TokenKind.USER
    readings = free or Scope.READINGS_READ in token.scopes
    market = (free or Scope.MARKET_READ in token.scopes) and access.role != Role.SUPPLIER
    if not readings and not market:
        raise NotAllowed(
            _("This token needs the scope %(scope)s.") % {"scope": f"{Scope.READINGS_READ}, {Scope.MARKET_READ}"}
        )
    community = community_of(household=access.household, now=now)
    return Caller(
        user_id=token.user_id,
        household_id=household_id,
        currency=access.household.currency if community is None else community.currency,
        community_id=None if community is None else community.pk,
        readings=readings,
        market=market,
    )


class Stream:
    """One client's events, made while it listens."""

    def __init__(self, caller: Caller, look: Callable[[], Caller], last_seen: datetime | None) -> None:
        """Begin; `look` finds the caller again, `last_seen` is when a returning client got its last event."""
        self.caller = caller
        self._look = look
        self._last_seen = last_seen
        self._box = Box(caller.groups)
        self._numbers = itertools.count()
        _open.add(self)

    def close(self) -> None:
        """Leave; called once nobody listens any more."""
        if self in _open:
            _open.discard(self)
            hub_leave(self._box)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Make the events: `hello` first, then what happens, a comment when nothing does, `end` at the end."""
        await hub_join(self._box)
        yield f"retry: {RETRY_MS}\n".encode() + self._hello()
        if self._last_seen is not None:
            yield self._gap(Gap(self._last_seen, timezone.now()))
        checked = monotonic()
        while True:
            items = await self._box.take(min(HEARTBEAT_S, RECHECK_S))
            if monotonic() - checked >= RECHECK_S:
                refusal = await self._refusal()
                if refusal is not None:
                    yield self._event("end", refusal)
                    return
                checked = monotonic()
            yield b"".join(map(self._written, items)) or b": still here\n\n"

    async def _refusal(self) -> dict[str, Any] | None:
        """Say why the client may not go on as it does; nothing when it may."""
        try:
            now_is = await in_thread(self._look)
        except (UnableTo, APIException) as error:
            answer = _answer(error)
            return {"status": answer.status_code, "detail": str(answer.data["detail"])}
        if now_is == self.caller:
            return None
        return {"status": int(HTTPStatus.OK), "detail": _("What you may hear has changed. Connect again.")}

    def _hello(self) -> bytes:
        """The state's time: what is read after it misses nothing that is told from here on."""
        caller = self.caller
        state = {
            "at": moment(timezone.now()),
            "household": str(caller.household_id),
            "community": None if caller.community_id is None else str(caller.community_id),
            "currency": caller.currency,
            "readings": caller.readings,
            "market": caller.market,
            "heartbeat_s": int(HEARTBEAT_S),
        }
        return self._event("hello", state)

    def _gap(self, gap: Gap) -> bytes:
        return self._event("gap", {"since": moment(gap.since), "until": moment(gap.until)})

    def _written(self, item: Gap | dict[str, Any]) -> bytes:
        """Write what the hub brought; nothing for what this client may not hear."""
        if isinstance(item, Gap):
            return self._gap(item)
        if item.get("type") == "live.values" and self.caller.readings:
            return self._event("readings", readings_json(item))
        if item.get("type") == NEWS and self.caller.market:
            return self._event(str(item["news"]["kind"]), news_json(item["news"], currency=self.caller.currency))
        return b""

    def _event(self, name: str, data: dict[str, Any]) -> bytes:
        at_ms = int(timezone.now().timestamp() * 1000)
        body = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        return f"id: {at_ms}-{next(self._numbers)}\nevent: {name}\ndata: {body}\n\n".encode()


_open: set[Stream] = set()
_opened = MinuteCounter()


async def events(request: HttpRequest, household_id: uuid.UUID) -> HttpResponseBase:
    """Stream what happens in the household from now on."""
    try:
        if request.method != "GET":
            raise MethodNotAllowed(str(request.method))
        address, secret = str(request.META.get("REMOTE_ADDR") or "local"), _secret_of(request)
        _opened.hit(hashlib.sha256(secret.encode()).digest(), tries=settings.API_RATES["write"])
        look = partial(caller_of, secret, address, household_id)
        caller = await in_thread(look)
        _refuse_crowd(caller)
        stream = Stream(caller, look, _last_seen(request))
    except (UnableTo, APIException) as error:
        return _refused(error)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Authorization"}
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers=headers)


def _secret_of(request: HttpRequest) -> str:
    scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise NotAuthenticated
    return secret


def _refuse_crowd(caller: Caller) -> None:
    """Bound what streams cost: per user, and in this process."""
    own = sum(1 for stream in _open if stream.caller.user_id == caller.user_id)
    if own >= STREAMS_PER_USER:
        message = _("You have %(count)d open streams already. Close one first.") % {"count": own}
        raise TooMany(message, retry_after_s=_COME_AGAIN_S)
    if len(_open) >= STREAMS_AT_MOST:
        raise Busy(_("Too many streams are open. Try again in half a minute."), retry_after_s=_COME_AGAIN_S)


def _last_seen(request: HttpRequest) -> datetime | None:
    """When a returning client got its last event, by that event's id; None when that cannot be."""
    text = request.headers.get("Last-Event-ID", "").partition("-")[0]
    if not (text.isascii() and text.isdigit() and len(text) <= 14):
        return None
    at = datetime.fromtimestamp(int(text) / 1000, UTC)
    return at if at < timezone.now() else None


def _answer(error: Exception) -> Any:
    """Problem details, by the one table of the project."""
    handler: Any = api_settings.EXCEPTION_HANDLER
    answer = handler(error, {"request": None, "view": None})
    if answer is None:
        raise error
    return answer


def _refused(error: Exception) -> HttpResponse:
    answer = _answer(error)
    response = HttpResponse(json.dumps(answer.data), status=answer.status_code)
    for name, value in answer.headers.items():
        response.headers[name] = cast("str", value)
    response.headers["Content-Type"] = "application/problem+json"
    return response


class EventsView(ApiView):
    """Describes `events`, which answers in its place; a service hears readings, market news or both by its scopes."""

    scopes = by_method(read=Scope.READINGS_READ)

    @extend_schema(
        operation_id="households_events",
        tags=["market"],
        parameters=[
            OpenApiParameter(
                "Last-Event-ID",
                str,
                OpenApiParameter.HEADER,
                description="The id of the last event you got: what happened since is told as one `gap`.",
            )
        ],
        responses={
            (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description="Events, as they happen")
        },
        summary="Readings, trades, offers and balances as they happen (Server-Sent Events)",
    )
    def get(self, request: Request, household_id: uuid.UUID) -> None:
        """Stream what happens from now on; never ends by itself.

        `hello` comes first: what you read after its time `at` misses nothing. `readings` brings new values, `trade`
        and `balance` what happened to you, `offer` what changed in the book. `gap` says that events between two
        times are lost: read again what you keep. `end` says why the server ends the stream (token revoked or
        expired, no member any more). While nothing happens a comment comes every 15 seconds. At most 10 streams
        per user; one more answers 429, a full server 503, both with Retry-After.
        """


events.cls = EventsView  # type: ignore[attr-defined] # read by spectacular
events.initkwargs = {}  # type: ignore[attr-defined] # read by spectacular
