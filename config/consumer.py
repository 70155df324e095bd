"""How a worker takes tasks: it says that it lives, comes back within a second, and sets poison aside.

Three things are poison: a message that cannot be read, a task that nobody knows, and one whose worker dies of it
again and again. Each is written down for the operators and taken off its queue.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import redis
from celery.worker import consumer as celery_consumer
from celery.worker import request as celery_request
from django.conf import settings
from django.utils import timezone
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from kombu.transport.virtual import Message

from config.broker import renewal_s
from telemetry.broker import broker_client

logger = logging.getLogger(__name__)

DELIVERIES_AT_MOST = 5
# Longer than all deliveries of one message take; a count that outlives its task is forgotten.
_COUNTED_S = 86_400
_COUNT_KEY = "tasks:deliveries:"
_RECONNECT_S = 1.0


def use(app: Any) -> None:
    """Let this process' worker take tasks so."""
    for name in ("redis", "rediss"):
        TRANSPORT_ALIASES[name] = "config.consumer:Transport"
    app.conf.worker_consumer = "config.consumer:Consumer"
    app.Task.Request = "config.consumer:Request"


def poison_record(*, kind: str, name: str, queue: str, error: BaseException | str, body: str, **known: Any) -> None:
    """Write poison down; where even that fails, the log has it."""
    from myhouse.services.failures import failure_record

    try:
        failure_record(
            kind=kind,
            name=name,
            queue=queue,
            body=body,
            args=known.get("args") or (),
            kwargs=known.get("kwargs") or {},
            error=error if isinstance(error, BaseException) else RuntimeError(error),
            traceback="",
            now=timezone.now(),
        )
    except Exception:
        logger.exception("A %s message of queue %s is lost, it could not be written down: %.2000s", kind, queue, body)


class _Reader(redis.Redis):
    """Looks at each message before Celery does, which would end over one that is none."""

    def __init__(self, *, channel: Any, **options: Any) -> None:
        super().__init__(**options)
        self._channel = channel

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        """Return what came; nothing if it is no message at all."""
        answer: Any = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call] # redis
        if command_name != "BRPOP" or not answer:
            return answer
        queue, item = answer[0], answer[1]
        try:
            _message_check(item, self._channel)
        except Exception as error:  # noqa: BLE001 whatever is wrong with it, it must not end the worker
            text = item.decode("utf-8", "backslashreplace")
            logger.error("A message of queue %s cannot be read: %r", queue.decode(), error)  # noqa: TRY400 one line
            poison_record(kind="unreadable", name="?", queue=queue.decode(), error=error, body=text)
            return None
        return answer


def _message_check(item: bytes, channel: Any) -> None:
    payload = json.loads(item)
    message = Message(payload, channel=channel)  # type: ignore[no-untyped-call] # kombu
    _ = message.delivery_info["exchange"], message.delivery_info["routing_key"], message.delivery_tag
    if not isinstance(message.headers, Mapping):
        raise TypeError("a message has headers")


class Channel(kombu_redis.Channel):
    """Reads through `_Reader`, and says that it is closed in words that Celery knows."""

    def _get_client(self) -> Any:
        super()._get_client()  # type: ignore[no-untyped-call] # kombu
        return partial(_Reader, channel=self)

    def _connparams(self, *args: Any, **options: Any) -> Any:
        if self.connection.client is None:
            # The connection broke while it was being closed: what is not acknowledged any more is given out again.
            # Kombu stumbles here over what it has forgotten itself, and that would end the worker.
            raise redis.ConnectionError("the connection to the broker is closed")
        return super()._connparams(*args, **options)  # type: ignore[no-untyped-call] # kombu


class Transport(kombu_redis.Transport):
    """Redis, with our channel."""

    Channel = Channel


class Consumer(celery_consumer.Consumer):  # type: ignore[misc] # Celery is untyped
    """Celery's own, but quick to come back, and holding what it works on for as long as it lives."""

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, trying every second; Celery's own pauses grow to half a minute."""
        steady = {"interval_start": _RECONNECT_S, "interval_step": 0, "interval_max": _RECONNECT_S}
        conn.ensure_connection = partial(conn.ensure_connection, **steady)
        return super().ensure_connected(conn)

    def register_with_event_loop(self, hub: Any) -> None:
        """Renew regularly what this worker holds."""
        super().register_with_event_loop(hub)
        hub.call_repeatedly(renewal_s(settings.TASK_VISIBILITY_S), self._renew)

    def on_decode_error(self, message: Any, exc: BaseException) -> None:
        """Set a message aside whose content nobody can read."""
        poison_record(
            kind="unreadable",
            name=str((message.headers or {}).get("task") or "?"),
            queue=queue_of(message),
            error=exc,
            body=raw_text(message),
        )
        super().on_decode_error(message, exc)

    def _renew(self) -> None:
        """Say that what this worker holds is in good hands: a long task is not given out a second time."""
        if self.task_consumer is None:
            return
        channel = self.task_consumer.channel
        held = list(channel.qos._delivered)  # noqa: SLF001 kombu has no name for it
        if not held:
            return
        try:
            with channel.conn_or_acquire() as client:
                client.zadd(channel.unacked_index_key, dict.fromkeys(held, time.time()), xx=True)
        except channel.connection_errors as error:
            logger.debug("What is held is not renewed now: %s", error)


class Request(celery_request.Request):  # type: ignore[misc] # Celery is untyped
    """Celery's own, but a task whose workers died again and again is not given out once more."""

    _looked_at = False

    def revoked(self) -> bool:
        """Tell whether the task is not to be run; a deadly one is written down and taken off."""
        if super().revoked():
            return True
        if self._looked_at or not self.redelivered:
            return False
        self._looked_at = True
        deliveries = deliveries_count(self.id)
        if deliveries < DELIVERIES_AT_MOST:
            return False
        logger.error("Task %s[%s] was given out %d times and never finished.", self.name, self.id, deliveries)
        args, kwargs = self._arguments()
        poison_record(
            kind="deadly",
            name=self.name,
            queue=queue_of(self.message),
            error=f"given out {deliveries} times, and each time its worker died",
            body=raw_text(self.message),
            args=args,
            kwargs=kwargs,
        )
        self._announce_revoked("deadly", False, None, False)
        return True

    @property
    def redelivered(self) -> bool:
        """Whether some worker had it before and did not finish it."""
        return bool((self.message.delivery_info or {}).get("redelivered"))

    def acknowledge(self) -> None:
        """Take it off, and forget how often it was given out."""
        super().acknowledge()
        if self.redelivered:
            with contextlib.suppress(redis.RedisError):
                broker_client().delete(_COUNT_KEY + self.id)

    def _arguments(self) -> tuple[Sequence[Any], Mapping[str, Any]]:
        try:
            args, kwargs, _embedded = self.message.payload
        except Exception:  # noqa: BLE001 its arguments are for people to read, if they can be read
            return (), {}
        return args, kwargs


def deliveries_count(task_id: str) -> int:
    """Count one more delivery of a task that came back; returns how many there were before this one."""
    key = _COUNT_KEY + task_id
    try:
        pipeline = broker_client().pipeline()
        pipeline.incr(key)
        pipeline.expire(key, _COUNTED_S)
        return int(pipeline.execute()[0])
    except redis.RedisError:
        # Not counted is tried once more.
        return 0


def queue_of(message: Any) -> str:
    """Return the queue a message came from."""
    return str((message.delivery_info or {}).get("routing_key") or "")


def raw_text(message: Any) -> str:
    """Return a message as it stood in its queue."""
    return json.dumps(message._raw)  # noqa: SLF001 kombu has no name for it
