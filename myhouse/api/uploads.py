"""Files of readings: hand in, preview, import, follow."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api.gate import CURSOR, LIMIT, ApiView, actor_from, user_of
from myhouse.api.parsers import BoundedJSONParser
from myhouse.documents.pages import limit_read
from myhouse.models import Upload
from myhouse.scopes import Scope, by_method
from myhouse.selectors.households import household_for
from myhouse.uploads import limits, selectors, services
from myhouse.uploads.errors import FileTooLarge, UnableToImport
from myhouse.uploads.mapping import mapping_read
from myhouse.uploads.report import report_shown

TAG = ["files"]
_PIECE = 1 << 16
_AROUND_THE_FILE = 64 * 1024  # what multipart adds


class UploadSerializer(serializers.Serializer[dict[str, Any]]):
    """An upload: its state, progress and report."""

    id = serializers.UUIDField()
    household = serializers.UUIDField()
    file_name = serializers.CharField()
    size = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["received", "running", "done", "failed"])
    rows_total = serializers.IntegerField()
    rows_done = serializers.IntegerField()
    share = serializers.FloatField(help_text="How much of the import is done, 0 to 1.")
    mapping = serializers.DictField()
    report = serializers.DictField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class UploadPageSerializer(serializers.Serializer[dict[str, Any]]):
    """A page of uploads."""

    uploads = UploadSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class FileSerializer(serializers.Serializer[dict[str, Any]]):
    """The file."""

    file = serializers.FileField()


class MappingSerializer(serializers.Serializer[dict[str, Any]]):
    """How to read the file; absent: as detected."""

    mapping = serializers.DictField(required=False)


class PreviewSerializer(serializers.Serializer[dict[str, Any]]):
    """The first rows, what was detected, the mapping, what would become of the rows, what is in the way."""

    titles = serializers.ListField(child=serializers.CharField())
    sample = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    mapping = serializers.DictField()
    report = serializers.DictField()
    problems = serializers.ListField(child=serializers.DictField())
    same_as = serializers.UUIDField(allow_null=True)


class RawParser(BaseParser):
    """Leaves the body alone; it is read piece by piece."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the stream itself."""
        return stream


def upload_json(upload: Upload) -> dict[str, Any]:
    """An upload as the API shows it."""
    share = 1.0 if upload.state == "done" else float(upload.report.get("share", 0.0))
    return {
        "id": str(upload.pk),
        "household": str(upload.household_id),
        "file_name": upload.file_name,
        "size": upload.size,
        "state": upload.state,
        "rows_total": upload.rows_total,
        "rows_done": upload.rows_done,
        "share": share,
        "mapping": upload.mapping,
        "report": report_shown(upload.report),
        "created_at": upload.created_at,
        "finished_at": upload.finished_at,
    }


class UploadsView(ApiView):
    """A household's files."""

    scopes = by_method(read=Scope.READINGS_READ, write=Scope.READINGS_WRITE)

    parser_classes = [MultiPartParser, RawParser]

    @extend_schema(
        operation_id="uploads_list",
        tags=TAG,
        summary="List the files handed in",
        parameters=[CURSOR, LIMIT],
        responses=UploadPageSerializer,
    )
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """List uploads, the newest first."""
        access = household_for(user=user_of(request), household_id=household_id, now=timezone.now())
        access.require_member()
        ask = request.query_params
        found = selectors.uploads_page(
            household=access.household, limit=limit_read(ask.get("limit")), cursor=ask.get("cursor")
        )
        return Response({"uploads": [upload_json(one) for one in found.items], "next_cursor": found.next_cursor})

    @extend_schema(
        operation_id="uploads_create",
        tags=TAG,
        summary="Hand in a file",
        request={"multipart/form-data": FileSerializer, "text/csv": bytes},
        parameters=[OpenApiParameter("name", str, description="Name of the file, when it is the body itself.")],
        responses={201: UploadSerializer},
    )
    def post(self, request: Request, household_id: uuid.UUID) -> Response:
        """Hand in a CSV or Excel file, at most 50 MB, as form field `file` or as the body; nothing is imported yet."""
        declared = request.headers.get("content-length") or "0"
        if not declared.isdigit() or int(declared) > limits.FILE_BYTES + _AROUND_THE_FILE:
            raise FileTooLarge(services.file_too_large())
        now = timezone.now()
        access = household_for(user=user_of(request), household_id=household_id, now=now)
        access.require_change()
        name, chunks = _file(request)
        upload = services.upload_receive(
            household=access.household,
            user=user_of(request),
            chunks=chunks,
            file_name=name,
            actor=actor_from(request),
            now=now,
        )
        return Response(upload_json(upload), status=status.HTTP_201_CREATED)


def _file(request: Request) -> tuple[str, Iterable[bytes]]:
    if (request.content_type or "").startswith("multipart/form-data"):
        file = request.FILES.get("file")
        if file is None:
            raise UnableToImport(_("Send the file as form field `file`."))
        return file.name or "", file.chunks()
    stream: Any = request.data

    def pieces() -> Iterable[bytes]:
        while piece := stream.read(_PIECE):
            yield piece

    return request.query_params.get("name", "upload.csv"), pieces() if hasattr(stream, "read") else ()


class UploadView(ApiView):
    """One file."""

    scopes = by_method(read=Scope.READINGS_READ, write=Scope.READINGS_WRITE)

    @extend_schema(operation_id="uploads_read", tags=TAG, summary="Follow a file", responses=UploadSerializer)
    def get(self, request: Request, upload_id: uuid.UUID) -> Response:
        """State, progress and report."""
        upload, _access = selectors.upload_for(user=user_of(request), upload_id=upload_id, now=timezone.now())
        return Response(upload_json(upload))

    @extend_schema(operation_id="uploads_remove", tags=TAG, summary="Remove a file", responses={204: None})
    def delete(self, request: Request, upload_id: uuid.UUID) -> Response:
        """Remove the file; what was imported stays."""
        now = timezone.now()
        upload, access = selectors.upload_for(user=user_of(request), upload_id=upload_id, now=now)
        access.require_change()
        services.upload_remove(upload=upload, actor=actor_from(request), now=now)
        return Response(status=status.HTTP_204_NO_CONTENT)


class UploadPreviewView(ApiView):
    """What is in a file."""

    scopes = by_method(read=Scope.READINGS_READ, write=Scope.READINGS_WRITE)

    parser_classes = [BoundedJSONParser]

    @extend_schema(
        operation_id="uploads_preview",
        tags=TAG,
        summary="See what is in a file",
        request=MappingSerializer,
        responses=PreviewSerializer,
    )
    def post(self, request: Request, upload_id: uuid.UUID) -> Response:
        """Read the whole file by a mapping (or the detected one) and say what would happen; writes nothing."""
        now = timezone.now()
        upload, access = selectors.upload_for(user=user_of(request), upload_id=upload_id, now=now)
        access.require_change()
        given = _body(request).get("mapping")
        preview = services.upload_preview(upload=upload, mapping=mapping_read(given) if given else None, now=now)
        data = preview.as_json()
        return Response({**data, "report": report_shown(data["report"]) if data["report"] else {}})


class UploadStartView(ApiView):
    """The import of a file."""

    scopes = by_method(read=Scope.READINGS_READ, write=Scope.READINGS_WRITE)

    parser_classes = [BoundedJSONParser]

    @extend_schema(
        operation_id="uploads_start",
        tags=TAG,
        summary="Import a file",
        request=MappingSerializer,
        responses={202: UploadSerializer},
    )
    def post(self, request: Request, upload_id: uuid.UUID) -> Response:
        """Import the file by a mapping; follow it at its own address."""
        now = timezone.now()
        upload, access = selectors.upload_for(user=user_of(request), upload_id=upload_id, now=now)
        access.require_change()
        given = _body(request).get("mapping")
        if not given:
            raise UnableToImport(_("Say how to read the file; the preview suggests a mapping."), field="mapping")
        upload = services.upload_start(upload=upload, mapping=mapping_read(given), actor=actor_from(request), now=now)
        return Response(upload_json(upload), status=status.HTTP_202_ACCEPTED)


def _body(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise ValidationError({"mapping": [_("Send a JSON object.")]})
    return request.data


class UploadResumeView(ApiView):
    """An import that has stalled."""

    scopes = by_method(read=Scope.READINGS_READ, write=Scope.READINGS_WRITE)

    @extend_schema(
        operation_id="uploads_resume",
        tags=TAG,
        summary="Go on with an import",
        request=None,
        responses={202: UploadSerializer},
    )
    def post(self, request: Request, upload_id: uuid.UUID) -> Response:
        """Go on with an import that shows no progress for five minutes."""
        now = timezone.now()
        upload, access = selectors.upload_for(user=user_of(request), upload_id=upload_id, now=now)
        access.require_change()
        upload = services.upload_resume(upload=upload, actor=actor_from(request), now=now)
        return Response(upload_json(upload), status=status.HTTP_202_ACCEPTED)
