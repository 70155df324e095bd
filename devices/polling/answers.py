"""What polls brought: stored in one write, passed on, and noted where a device fell silent or spoke again."""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
from django.db import close_old_connections

from devices.intake import UNSAID, Sheet, sheet_check, sheet_guard, sheet_part
from devices.polling.loop import Answer, by_token
from devices.polling.schedule import failures_clear, failures_note, locks_release
from devices.relay import relay
from devices.services.presence import device_fell_silent, device_spoke
from devices.state import seen_get
from devices.targets import Target, Targets
from telemetry.errors import TelemetryError
from telemetry.services import readings_write

SILENT_PERIODS = 3
WRITE_TRIES = 3
WRITE_PAUSE_S = 0.5

logger = logging.getLogger(__name__)
_jitter = random.Random()  # noqa: S311 - spreads retries, guards nothing
_spoken: set[uuid.UUID] = set()
"""Devices whose plan still says silent although they were noted as speaking: noted once is enough."""


def answers_take(answers: list[Answer]) -> None:
    """Store what the devices answered and note who did not; never raises, or the loop would lose its sink."""
    now_ms = time.time_ns() // 1_000_000
    try:
        answers_store([answer for answer in answers if answer.readings], now_ms=now_ms)
        presence_note(answers, now_ms=now_ms)
    except Exception:
        logger.exception("Polls were not stored or noted: %s devices", len(answers))
    finally:
        for token, device_ids in by_token(answers).items():
            locks_release(device_ids=device_ids, token=token)
        close_old_connections()


def answers_store(answers: list[Answer], *, now_ms: int) -> int:
    """Write the readings of many devices at once; returns how many were stored."""
    sheet = answers_sheet(answers)
    wrong = rows_wrong(sheet, now_ms=now_ms)
    if wrong:
        logger.warning("Left out %s readings that cannot be: first %s", len(wrong), sheet.place(wrong[0], "value"))
        keep = np.ones(len(sheet), dtype=np.bool_)
        keep[wrong] = False
        sheet = sheet_part(sheet, keep)
    sheet = sheet_guard(sheet)
    if not len(sheet):
        return 0
    for left in reversed(range(WRITE_TRIES)):
        try:
            accepted = readings_write(batch=sheet.batch, now_ms=now_ms).accepted
            break
        except TelemetryError as error:
            if not left or error.retry_after_s is None:
                raise
            time.sleep(WRITE_PAUSE_S)
    relay.put(sheet, now_ms=now_ms)
    return accepted


def answers_sheet(answers: Iterable[Answer]) -> Sheet:
    """Return the readings that are bound to a measurement; the others are not wanted by anybody."""
    targets: list[Target] = []
    times: list[int] = []
    values: list[float] = []
    for answer in answers:
        for reading in answer.readings:
            target = answer.plan.targets.get(reading.channel)
            if target is not None:
                targets.append(target)
                times.append(answer.time_ms)
                values.append(reading.value)
    return Sheet(
        Targets(targets),
        np.arange(len(targets), dtype=np.int32),
        np.array(times, dtype=np.int64),
        np.array(values, dtype=np.float64),
        np.full(len(targets), UNSAID, dtype=np.uint8),
        lambda row, _part: f"{targets[row].device_id} {targets[row].name}",
    )


def rows_wrong(sheet: Sheet, *, now_ms: int) -> list[int]:
    """Return the rows the store would refuse: one odd register must not cost the readings of the others."""
    if not len(sheet) or not sheet_check(sheet, now_ms=now_ms):
        return []
    one = np.zeros(len(sheet), dtype=np.bool_)
    wrong: list[int] = []
    for row in range(len(sheet)):
        one[:] = False
        one[row] = True
        if sheet_check(sheet_part(sheet, one), now_ms=now_ms):
            wrong.append(row)
    return wrong


def presence_note(answers: list[Answer], *, now_ms: int) -> None:
    """Clear the failures of who answered, count those of who did not, and write the transitions."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    answered = {answer.plan.device_id: answer.plan for answer in answers if not answer.error}
    failing = failures_clear(device_ids=answered)
    silent = {device_id for device_id, plan in answered.items() if plan.silent and device_id not in _spoken}
    for device_id in silent.union(failing):
        device_spoke(device_id=device_id, now=now)
        _spoken.add(device_id)
    failed = {answer.plan.device_id: answer for answer in answers if answer.error}
    lasting = [device_id for device_id, answer in failed.items() if not answer.retry]
    periods = {device_id: answer.plan.period_s * 1000 for device_id, answer in failed.items()}
    since = failures_note(failed=periods, lasting=lasting, now_ms=now_ms, jitter=_jitter)
    seen = seen_get(failed)
    for device_id, answer in failed.items():
        last_ms = seen.get(device_id, since[device_id])
        if now_ms - last_ms >= SILENT_PERIODS * periods[device_id] or not answer.retry:
            moment = datetime.fromtimestamp(last_ms / 1000, UTC)
            device_fell_silent(device_id=device_id, since=moment, error=answer.error, now=now)
            _spoken.discard(device_id)


def silence_review(*, devices: Iterable[tuple[uuid.UUID, int, bool, datetime]], now: datetime) -> tuple[int, int]:
    """Note transitions of devices that send by themselves, given as (id, period in s, silent, registered at).

    Returns how many fell silent and how many spoke again. Unknown to Redis counts as heard just now, because a
    lost Redis must not silence everybody; a device that never spoke is not silent but new.
    """
    listed = list(devices)
    seen = seen_get(device_id for device_id, _period, _silent, _registered in listed)
    fell = spoke = 0
    for device_id, period_s, silent, _registered in listed:
        last_ms = seen.get(device_id)
        if last_ms is None:
            continue
        late = now.timestamp() * 1000 - last_ms > SILENT_PERIODS * period_s * 1000
        if late and not silent:
            since = datetime.fromtimestamp(last_ms / 1000, UTC)
            fell += device_fell_silent(device_id=device_id, since=since, error="", now=now)
        elif silent and not late:
            spoke += device_spoke(device_id=device_id, now=now)
    return fell, spoke
