"""The one application behind the web server: static files, ingest, live connections, pages."""

from __future__ import annotations

import gc
import os
import re
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from servestatic import ServeStaticASGI

from config.edge import BodyLimit
from config.handlers import Application, DirectHandler, Receive, Scope, Send, ThreadedHandler
from marketplace.routing import websocket_urlpatterns as market_urlpatterns
from myhouse.routing import websocket_urlpatterns

# New objects until Python looks for cycles among them; of themselves almost all go without.
GARBAGE_AFTER = 20_000
# As many pages as are worked on at once; the rest waits its turn instead of piling up threads.
PAGE_THREADS = 8
# Plain asynchronous views that authenticate by a key or token in the request itself.
DIRECT = re.compile(
    r"/(ingest/.*|healthz|readyz|api/v1/measurements/[^/]+/(readings|buckets)|api/v1/households/[^/]+/events)"
)


class _ByPath:
    """Chooses between the direct handler and the pages by the path."""

    def __init__(self, *, direct: Application, pages: Application) -> None:
        self.direct = direct
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = self.direct if DIRECT.fullmatch(scope["path"]) else self.pages
        await chosen(scope, receive, send)


def _static(pages: ThreadedHandler) -> Any:
    """Put the collected, compressed, hashed files in front; while developing, the source files."""
    if settings.DEBUG:
        return ASGIStaticFilesHandler(pages)
    return ServeStaticASGI(
        pages,
        root=settings.STATIC_ROOT,
        prefix=settings.STATIC_URL,
        max_age=60,
        allow_all_origins=False,
        # The manifest storage puts twelve hex digits of the content into the name: it can never change.
        immutable_file_test=r"^.+\.[0-9a-f]{12}\.\w+$",
        add_headers_function=lambda headers, _path, _url: headers.add_header("X-Content-Type-Options", "nosniff"),
    )


_http = _ByPath(direct=DirectHandler(), pages=_static(ThreadedHandler(threads=PAGE_THREADS)))
_router = ProtocolTypeRouter(
    {
        "http": _http,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter([*websocket_urlpatterns, *market_urlpatterns]))
        ),
    }
)
application = BodyLimit(_router, limits=settings.BODY_LIMITS, default=settings.BODY_LIMIT)

# What stands now stays. Left as it is, Python would walk through all of it again and again while large requests are
# decoded, which took longer than the decoding.
gc.collect()
gc.freeze()
gc.set_threshold(GARBAGE_AFTER)
