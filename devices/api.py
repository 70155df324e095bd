"""REST API of devices: translate, one call, translate back."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from devices.models import Device, DeviceKind, KeySlot, SwapAnswer
from devices.selectors import (
    DeviceState,
    device_for,
    device_key_held,
    device_state,
    device_states,
    swap_question_for,
)
from devices.services.channels import Binding, channel_bind
from devices.services.keys import device_key_issue, device_key_revoke, device_key_rotate
from devices.services.registry import device_disable, device_enable, device_register
from devices.services.swaps import swap_question_answer
from myhouse.api.gate import ApiView, actor_from, user_of
from myhouse.models.metering import Quantity
from myhouse.scopes import Scope, by_method
from myhouse.selectors.households import household_for
from myhouse.selectors.metering import point_for


class ListQuery(serializers.Serializer[Any]):
    """Which household's devices."""

    household = serializers.UUIDField(required=False)


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

    enabled = serializers.BooleanField()


class AnswerBody(serializers.Serializer[Any]):
    """Why the register went back."""

    answer = serializers.ChoiceField(choices=[SwapAnswer.SWAP, SwapAnswer.RESET, SwapAnswer.FAULT])


def checked(serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return the request's fields in their types, or raise naming those that cannot be accepted."""
    bound = serializer(data=data)
    bound.is_valid(raise_exception=True)
    fields: dict[str, Any] = bound.validated_data
    return fields


def device_json(state: DeviceState) -> dict[str, Any]:
    """Return a device as the API shows it."""
    device = state.device
    return {
        "id": device.pk,
        "household": device.household_id,
        "name": device.name,
        "kind": device.kind,
        "external_id": device.external_id,
        "model": device.model,
        "period_s": device.period_s,
        "enabled": device.enabled,
        "simulated": device.simulated,
        "seen_at": state.seen_at,
        "silent_since": device.silent_since if device.silent else None,
        "last_error": device.last_error,
        "keys": [{"slot": key.slot, "hint": key.hint, "created_at": key.created_at} for key in state.keys],
        "channels": [
            {"name": one.name, "quantity": one.quantity, "metering_point": one.point_name} for one in state.channels
        ],
        "swap_questions": [
            {"id": one.pk, "value_before": one.value_before, "value_after": one.value_after, "at": one.read_after_at}
            for one in state.questions
        ],
    }


class Devices(ApiView):
    """The devices of the user's households."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(parameters=[ListQuery], responses={200: dict})
    def get(self, request: Request) -> Response:
        """List devices with their state."""
        query = checked(ListQuery, request.query_params)
        states = device_states(user=user_of(request), household_id=query.get("household"), now=timezone.now())
        return Response({"results": [device_json(state) for state in states]})

    @extend_schema(request=Registration, responses={201: dict})
    def post(self, request: Request) -> Response:
        """Register a device; its primary key is in this answer and never shown again."""
        body = checked(Registration, request.data)
        now, actor = timezone.now(), actor_from(request)
        access = household_for(user=user_of(request), household_id=body["household"], now=now)
        access.require_change()
        device = device_register(
            name=body["name"],
            kind=body["kind"],
            household=access.household,
            metering_point=point_for(household=access.household, point_id=body["metering_point"]),
            period_s=body["period_s"],
            external_id=body["external_id"],
            actor=actor,
            now=now,
        )
        _key, secret = device_key_issue(device=device, slot=KeySlot.PRIMARY, actor=actor, now=now)
        state = device_state(device=device, household=access.household)
        return Response(device_json(state) | {"key": secret}, status=201)


def opened(request: Request, device_id: uuid.UUID, *, change: bool) -> tuple[Device, DeviceState]:
    """Open a device for the request's user, for reading or for a change."""
    device, access = device_for(user=user_of(request), device_id=device_id, now=timezone.now())
    if change:
        access.require_change()
    return device, device_state(device=device, household=access.household)


class OneDevice(ApiView):
    """One device."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(responses={200: dict})
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """Show a device with its state."""
        return Response(device_json(opened(request, device_id, change=False)[1]))

    @extend_schema(request=SwitchBody, responses={200: dict})
    def patch(self, request: Request, device_id: uuid.UUID) -> Response:
        """Switch a device on or off."""
        body = checked(SwitchBody, request.data)
        device, _state = opened(request, device_id, change=True)
        switch = device_enable if body["enabled"] else device_disable
        switch(device=device, actor=actor_from(request), now=timezone.now())
        return Response(device_json(opened(request, device_id, change=False)[1]))


class Keys(ApiView):
    """The keys of a device."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(request=None, responses={201: dict})
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Rotate: a new key beside the newest one, which keeps working. The key is never shown again."""
        device, _state = opened(request, device_id, change=True)
        key, secret = device_key_rotate(device=device, actor=actor_from(request), now=timezone.now())
        return Response({"slot": key.slot, "key": secret}, status=201)


class OneKey(ApiView):
    """One key of a device, by its slot."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, device_id: uuid.UUID, slot: str) -> Response:
        """Revoke a key at once."""
        device, _state = opened(request, device_id, change=True)
        key = device_key_held(device=device, slot=slot)
        device_key_revoke(key=key, actor=actor_from(request), now=timezone.now())
        return Response(status=204)


class Channels(ApiView):
    """The points of a device."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(request=ChannelBody, responses={201: dict})
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Bind a point of the device to a quantity of a metering point."""
        body = checked(ChannelBody, request.data)
        device, state = opened(request, device_id, change=True)
        point = point_for(household=state.household, point_id=body["metering_point"])
        binding = Binding(name=body["name"], metering_point=point, quantity=body["quantity"])
        channel = channel_bind(device=device, binding=binding, actor=actor_from(request), now=timezone.now())
        return Response({"name": channel.name, "measurement": channel.measurement_id}, status=201)


class SwapQuestions(ApiView):
    """The question why a register went back."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(request=AnswerBody, responses={200: dict})
    def post(self, request: Request, question_id: uuid.UUID) -> Response:
        """Answer it."""
        body = checked(AnswerBody, request.data)
        now = timezone.now()
        question, access = swap_question_for(user=user_of(request), question_id=question_id, now=now)
        access.require_change()
        answered = swap_question_answer(question=question, answer=body["answer"], actor=actor_from(request), now=now)
        return Response({"id": answered.pk, "answer": answered.answer})
