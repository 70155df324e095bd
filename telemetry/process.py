"""The store of this process: opened at first use, safe across threads and forks."""

from __future__ import annotations

import atexit
import os
import threading
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from telemetry.cold.files import Files
from telemetry.cold.place import Place
from telemetry.errors import StoreConfigurationError
from telemetry.store import Store
from telemetry.stores.base import Backend

_lock = threading.Lock()
_stores: dict[str, Store] = {}
_left_behind: list[Store] = []


def backend_class(url: str) -> type[Backend]:
    """The class that settings.TELEMETRY_STORES names for the URL's scheme."""
    scheme = url.partition(":")[0]
    known: dict[str, str] = settings.TELEMETRY_STORES
    if scheme not in known:
        raise StoreConfigurationError(
            f"TELEMETRY_URL begins with {scheme!r}; TELEMETRY_STORES knows {', '.join(sorted(known))}."
        )
    try:
        found = import_string(known[scheme])
    except ImportError as error:
        raise StoreConfigurationError(f"TELEMETRY_STORES[{scheme!r}] cannot be imported: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, Backend)):
        raise StoreConfigurationError(f"TELEMETRY_STORES[{scheme!r}] = {known[scheme]} is not a telemetry backend.")
    return found


def store_current() -> Store:
    """The store that TELEMETRY_URL names now."""
    url: str = settings.TELEMETRY_URL
    store = _stores.get(url)
    if store is None:
        with _lock:
            store = _stores.get(url)
            if store is None:
                store = _stores[url] = _store_made(url)
    return store


def _store_made(url: str) -> Store:
    store = _store_hot(url)
    if settings.COLD_URL:
        store.cold_use(Files(Place.of(settings.COLD_URL)))
    return store


def _store_hot(url: str) -> Store:
    """A store that can be away gets a spool, in a folder of its own for each name of a store."""
    backend = backend_class(url)(url)
    if not backend.may_be_away:
        return Store(backend)
    from telemetry.spooled import SpooledStore

    # A second time changes nothing; its driver ends later, because it began before.
    atexit.unregister(_stores_end)
    atexit.register(_stores_end)
    folder = Path(settings.SPOOL_DIR) / urlsplit(url).path.strip("/")
    return SpooledStore(backend, folder, max_bytes=settings.SPOOL_MAX_MB * 1024 * 1024, redis_url=settings.REDIS_URL)


def store_close() -> None:
    """Close what this process has open; the next use opens it again."""
    with _lock:
        stores = list(_stores.values())
        _stores.clear()
    for store in stores:
        store.close()


def _stores_end() -> None:
    """Let go of servers before their driver does; whoever still asks finds them closed, not opened again."""
    for store in list(_stores.values()):
        store.close()


def _forget_parents_stores() -> None:
    global _lock  # noqa: PLW0603 - the parent's lock may be held by a thread that does not exist here
    _lock = threading.Lock()
    # Kept, not closed: closing a file inherited from the parent would drop the parent's locks on it.
    _left_behind.extend(_stores.values())
    _stores.clear()


os.register_at_fork(after_in_child=_forget_parents_stores)
