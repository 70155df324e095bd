"""A register ran backwards: ask the household why, and follow the answer."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from devices.errors import UnableToAnswerSwap
from devices.models import DeviceChannel, SwapAnswer, SwapQuestion
from devices.state import registry_changed
from myhouse.documents.atomic import after_commit, atomic, guard
from myhouse.documents.base import FOREVER
from myhouse.documents.services import Actor, audit_record
from myhouse.models import Measurement, MeteringPoint
from myhouse.services.metering import measurement_swap


@atomic
def swap_question_open(
    *,
    channel: DeviceChannel,
    before: tuple[datetime, float],
    after: tuple[datetime, float],
    now: datetime,
) -> SwapQuestion | None:
    """Ask once: while a question about the channel is open, further steps back add none."""
    guard("swap question", channel.pk)
    if SwapQuestion.objects.filter(channel_id=channel.pk, answered_at=FOREVER).exists():
        return None
    measurement = Measurement.objects.get(pk=channel.measurement_id)
    point = MeteringPoint.objects.get(pk=measurement.metering_point_id)
    return SwapQuestion.objects.create(
        device_id=channel.device_id,
        channel=channel,
        household_id=point.household_id,
        read_before_at=before[0],
        value_before=before[1],
        read_after_at=after[0],
        value_after=after[1],
        opened_at=now,
    )


@atomic
def swap_question_answer(*, question: SwapQuestion, answer: str, actor: Actor, now: datetime) -> SwapQuestion:
    """Close the question; an exchanged meter starts a measurement of its own from here on."""
    if answer not in {SwapAnswer.SWAP, SwapAnswer.RESET, SwapAnswer.FAULT}:
        raise UnableToAnswerSwap(_("Choose: exchanged, started again, or a wrong reading."), field="answer")
    changed = SwapQuestion.objects.filter(pk=question.pk, answered_at=FOREVER).update(answer=answer, answered_at=now)
    if not changed:
        raise UnableToAnswerSwap(_("This question was answered already."), field="answer")
    if answer == SwapAnswer.SWAP:
        _swap(question=question, now=now)
    audit_record(actor=actor, action="device.swap_answered", subject=question, now=now, details={"answer": answer})
    question.refresh_from_db()
    return question


def _swap(*, question: SwapQuestion, now: datetime) -> None:
    channel = DeviceChannel.objects.get(pk=question.channel_id)
    measurement = Measurement.objects.get(pk=channel.measurement_id)
    point = MeteringPoint.objects.get(pk=measurement.metering_point_id)
    from telemetry.selectors import series_get

    series = series_get(series_id=measurement.series_id)
    channel.measurement = measurement_swap(
        metering_point=point,
        quantity=measurement.quantity,
        at=now,
        kind=series.kind if series else None,
        simulated=series.simulated if series else False,
    )
    channel.save(update_fields=["measurement"])
    after_commit(registry_changed)
