"""Request bodies within bounds, unpacked no further than the limit.

What is too long for any route is refused before Django reads it (`config.edge`); here the route's own
bound is kept.
"""

from __future__ import annotations

import zlib

from django.http import HttpRequest
from django.utils.translation import gettext as _

from devices.ingest.refusals import Refusal

MEGABYTE = 1_048_576
PACKETS_BYTES = MEGABYTE
COLUMNS_BYTES = 16 * MEGABYTE
TELEGRAM_BYTES = 65_536
GZIP = 16 + zlib.MAX_WBITS


def too_large(limit: int) -> Refusal:
    """Return the refusal of a body beyond `limit` bytes."""
    return Refusal(
        413,
        _("Send at most %(limit)s bytes in one request; split what is longer.") % {"limit": limit},
    )


def body_read(request: HttpRequest, *, limit: int) -> bytes:
    """Return the whole body, unpacked, if it holds no more than `limit` bytes either way."""
    meta = request.META  # the parsed headers would cost more than all else here
    if int(meta.get("CONTENT_LENGTH") or 0) > limit:
        raise too_large(limit)
    body: bytes = request.read(limit + 1)
    if len(body) > limit:
        raise too_large(limit)
    encoding = meta.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise Refusal(415, _("Send the body as it is, or packed with gzip."), field="Content-Encoding")
    return _unpacked(body, limit)


def _unpacked(body: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(GZIP)
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error:
        raise Refusal(400, _("The body is not valid gzip."), field="Content-Encoding") from None
    if len(plain) > limit:
        raise too_large(limit)
    if not stream.eof:
        raise Refusal(400, _("The gzip body ends too early."), field="Content-Encoding")
    return plain
