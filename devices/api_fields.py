"""What the devices' API takes and answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from devices.models import DeviceKind, KeySlot, SwapAnswer
from devices.selectors import DeviceState
from myhouse.api.fields import Moment
from myhouse.models.metering import Quantity


class ListQuery(serializers.Serializer[Any]):
    """Which household's devices."""

    household = serializers.UUIDField(required=False, help_text="Of this household only; of all yours if left out.")


class Registration(serializers.Serializer[Any]):
    """A device that sends its readings itself."""

    household = serializers.UUIDField()
    name = serializers.CharField(max_length=80)
    kind = serializers.ChoiceField(choices=[DeviceKind.HTTP, DeviceKind.P1], default=DeviceKind.HTTP)
    metering_point = serializers.UUIDField(help_text="Its quantities are bound there when they first arrive.")
    period_s = serializers.IntegerField(min_value=1, max_value=86_400, default=10)
    external_id = serializers.CharField(max_length=64, required=False, default="")


class ChannelBody(serializers.Serializer[Any]):
    """A point of the device and the quantity it measures."""

    name = serializers.CharField(max_length=64)
    metering_point = serializers.UUIDField()
    quantity = serializers.ChoiceField(choices=Quantity.choices)


class SwitchBody(serializers.Serializer[Any]):
    """Whether the device's readings are taken."""

    enabled = serializers.BooleanField(required=False)


class AnswerBody(serializers.Serializer[Any]):
    """Why the register went back."""

    answer = serializers.ChoiceField(choices=[SwapAnswer.SWAP, SwapAnswer.RESET, SwapAnswer.FAULT])


class KeyAnswer(serializers.Serializer[Any]):
    """A key that holds, without its secret."""

    slot = serializers.ChoiceField(choices=KeySlot.choices)
    hint = serializers.CharField(help_text="The last characters of the key, to tell keys apart.")
    created_at = Moment()


class NewKeyAnswer(serializers.Serializer[Any]):
    """A new key, given this once."""

    slot = serializers.ChoiceField(choices=KeySlot.choices)
    key = serializers.CharField()


class DeviceChannelAnswer(serializers.Serializer[Any]):
    """A point of the device: what it measures and where."""

    name = serializers.CharField()
    quantity = serializers.CharField()
    metering_point = serializers.CharField(source="point_name")


class NewChannelAnswer(serializers.Serializer[Any]):
    """A point that is bound, and the measurement it feeds."""

    name = serializers.CharField()
    measurement = serializers.UUIDField(source="measurement_id")


class SwapQuestionAnswer(serializers.Serializer[Any]):
    """An open question: why did this register go back?"""

    id = serializers.UUIDField()
    value_before = serializers.FloatField()
    value_after = serializers.FloatField()
    at = Moment(source="read_after_at")


class SwapAnswered(serializers.Serializer[Any]):
    """A question that has its answer."""

    id = serializers.UUIDField()
    answer = serializers.ChoiceField(choices=[SwapAnswer.SWAP, SwapAnswer.RESET, SwapAnswer.FAULT])


class DeviceAnswer(serializers.Serializer[DeviceState]):
    """A device with its state."""

    id = serializers.UUIDField(source="device.pk")
    household = serializers.UUIDField(source="device.household_id")
    name = serializers.CharField(source="device.name")
    kind = serializers.ChoiceField(source="device.kind", choices=DeviceKind.choices)
    external_id = serializers.CharField(source="device.external_id")
    model = serializers.CharField(source="device.model", help_text="The model file of a polled device, else empty.")
    period_s = serializers.IntegerField(source="device.period_s")
    enabled = serializers.BooleanField(source="device.enabled")
    simulated = serializers.BooleanField(source="device.simulated")
    seen_at = Moment(allow_null=True, help_text="When it was last heard.")
    silent_since = Moment(source="device.silent_since", allow_null=True)
    last_error = serializers.CharField(source="device.last_error")
    keys = KeyAnswer(many=True)
    channels = DeviceChannelAnswer(many=True)
    swap_questions = SwapQuestionAnswer(source="questions", many=True)


class NewDeviceAnswer(DeviceAnswer):
    """A new device with its primary key, given this once."""

    key = serializers.CharField()


class DeviceList(serializers.Serializer[Any]):
    """A page of devices."""

    results = DeviceAnswer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
