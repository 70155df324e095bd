"""REST API of the news for one person."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api.description import Example, Parameter
from myhouse.api.fields import Moment, moment
from myhouse.api.gate import ApiView, user_of
from myhouse.documents.pages import LIMIT_MAX, limit_read
from myhouse.models import Notice
from myhouse.scopes import CLOSED
from myhouse.selectors.notices import notices_page, notices_unread
from myhouse.services.notices import notices_read

TAG = ["notices"]


class NoticeAnswer(serializers.Serializer[Any]):
    """News: a sale, a decision."""

    id = serializers.UUIDField()
    text = serializers.CharField(help_text="In your language.")
    url = serializers.CharField(help_text="The page it is about; empty for none.")
    created_at = Moment()
    read_at = Moment(allow_null=True, help_text="Null: not yet read.")


class NoticeList(serializers.Serializer[Any]):
    """A page of news, the newest first."""

    unread = serializers.IntegerField(help_text="How many you have not read, counted up to 100.")
    results = NoticeAnswer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class NoticesSeen(serializers.Serializer[Any]):
    """Which news were read; left out: all."""

    ids = serializers.ListField(child=serializers.UUIDField(), max_length=LIMIT_MAX, required=False)


class NoticesMarked(serializers.Serializer[Any]):
    """How many were marked."""

    marked = serializers.IntegerField()


_NOTICE = {
    "id": "01990b64-5c1e-7d0a-9b3f-6a2f1c8e4d10",
    "text": "A neighbour bought 1.5 kWh of your offer.",
    "url": "/households/01990b5e-93a1-7c44-8f0d-2b7a6c51e301/market/trades/",
    "created_at": "2026-11-21T09:30:00.000Z",
    "read_at": None,
}


def notice_json(notice: Notice) -> dict[str, Any]:
    """Write a notice as the API does."""
    return {
        "id": str(notice.pk),
        "text": notice.text,
        "url": notice.url,
        "created_at": moment(notice.created_at),
        "read_at": moment(notice.read_at),
    }


class NoticesView(ApiView):
    """The user's news."""

    scopes = CLOSED

    @extend_schema(
        tags=TAG,
        parameters=[
            OpenApiParameter("cursor", str, description="`next_cursor` of the page before."),
            OpenApiParameter("limit", int, description="Rows per page."),
        ],
        responses=NoticeList,
        summary="List your news",
    )
    def get(self, request: Request) -> Response:
        """Answer what was told to you, the newest first."""
        user, ask = user_of(request), request.query_params
        found = notices_page(user=user, cursor=ask.get("cursor"), limit=limit_read(ask.get("limit")))
        rows = [notice_json(notice) for notice in found.items]
        return Response({"unread": notices_unread(user=user), "results": rows, "next_cursor": found.next_cursor})


class NoticesReadView(ApiView):
    """Having read them."""

    scopes = CLOSED

    @extend_schema(
        tags=TAG,
        request=NoticesSeen,
        responses=NoticesMarked,
        summary="Mark news as read",
    )
    def post(self, request: Request) -> Response:
        """Mark these news, or all, as read."""
        asked = NoticesSeen(data=request.data)
        asked.is_valid(raise_exception=True)
        marked = notices_read(user=user_of(request), now=timezone.now(), notice_ids=asked.validated_data.get("ids"))
        return Response({"marked": marked})


PARAMETERS: dict[str, Parameter] = {}
EXAMPLES = {
    "notices_list": Example({"unread": 1, "results": [_NOTICE], "next_cursor": None}),
    "notices_read_create": Example({"marked": 1}, body={"ids": [_NOTICE["id"]]}),
}
urlpatterns = [
    path("notices", NoticesView.as_view()),
    path("notices/read", NoticesReadView.as_view()),
]
