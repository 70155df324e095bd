"""REST API of devices: translate, one call, translate back."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api_fields import (
    AnswerBody,
    ChannelBody,
    DeviceAnswer,
    DeviceList,
    ListQuery,
    NewChannelAnswer,
    NewDeviceAnswer,
    NewKeyAnswer,
    Registration,
    SwapAnswered,
    SwitchBody,
)
from devices.models import Device, KeySlot
from devices.selectors import (
    DeviceState,
    device_for,
    device_key_held,
    device_state,
    devices_page,
    swap_question_for,
)
from devices.services.channels import Binding, channel_bind
from devices.services.keys import device_key_issue, device_key_revoke, device_key_rotate
from devices.services.registry import device_disable, device_enable, device_register
from devices.services.swaps import swap_question_answer
from myhouse.api.gate import CURSOR, LIMIT, ApiView, actor_from, user_of
from myhouse.documents.pages import limit_read
from myhouse.scopes import Scope, by_method
from myhouse.selectors.households import household_for
from myhouse.selectors.metering import point_for

TAG = ["devices"]


def checked(serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """Return the request's fields in their types, or raise naming those that cannot be accepted."""
    bound = serializer(data=data)
    bound.is_valid(raise_exception=True)
    fields: dict[str, Any] = bound.validated_data
    return fields


def device_json(state: DeviceState) -> dict[str, Any]:
    """Return a device as the API shows it."""
    return dict(DeviceAnswer(state).data)


def unkept(body: dict[str, Any]) -> Response:
    """Answer with a secret, which nobody between us may keep."""
    return Response(body, status=201, headers={"Cache-Control": "no-store"})


class Devices(ApiView):
    """The devices of the user's households."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(tags=TAG, parameters=[ListQuery, CURSOR, LIMIT], responses=DeviceList, summary="List devices")
    def get(self, request: Request) -> Response:
        """List devices with their state, by name."""
        query, ask = checked(ListQuery, request.query_params), request.query_params
        states, following = devices_page(
            user=user_of(request),
            household_id=query.get("household"),
            now=timezone.now(),
            limit=limit_read(ask.get("limit")),
            cursor=ask.get("cursor"),
        )
        return Response({"results": [device_json(state) for state in states], "next_cursor": following})

    @extend_schema(
        tags=TAG, request=Registration, responses={201: NewDeviceAnswer}, summary="Register a device that sends"
    )
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
        return unkept(device_json(state) | {"key": secret})


def opened(request: Request, device_id: uuid.UUID, *, change: bool) -> tuple[Device, DeviceState]:
    """Open a device for the request's user, for reading or for a change."""
    device, access = device_for(user=user_of(request), device_id=device_id, now=timezone.now())
    if change:
        access.require_change()
    return device, device_state(device=device, household=access.household)


class OneDevice(ApiView):
    """One device."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(tags=TAG, responses=DeviceAnswer, summary="Read a device")
    def get(self, request: Request, device_id: uuid.UUID) -> Response:
        """Show a device with its state."""
        return Response(device_json(opened(request, device_id, change=False)[1]))

    @extend_schema(tags=TAG, request=SwitchBody, responses=DeviceAnswer, summary="Switch a device on or off")
    def patch(self, request: Request, device_id: uuid.UUID) -> Response:
        """Switch a device on or off."""
        body = checked(SwitchBody, request.data)
        device, _state = opened(request, device_id, change=True)
        if "enabled" in body:
            switch = device_enable if body["enabled"] else device_disable
            switch(device=device, actor=actor_from(request), now=timezone.now())
        return Response(device_json(opened(request, device_id, change=False)[1]))


class Keys(ApiView):
    """The keys of a device."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(tags=TAG, request=None, responses={201: NewKeyAnswer}, summary="Rotate the key")
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Rotate: a new key beside the newest one, which keeps working. The key is never shown again."""
        device, _state = opened(request, device_id, change=True)
        key, secret = device_key_rotate(device=device, actor=actor_from(request), now=timezone.now())
        return unkept({"slot": key.slot, "key": secret})


class OneKey(ApiView):
    """One key of a device, by its slot."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(
        tags=TAG,
        parameters=[
            OpenApiParameter("slot", str, OpenApiParameter.PATH, enum=KeySlot.values, description="Which key.")
        ],
        responses={204: None},
        summary="Revoke a key",
    )
    def delete(self, request: Request, device_id: uuid.UUID, slot: str) -> Response:
        """Revoke a key at once."""
        device, _state = opened(request, device_id, change=True)
        key = device_key_held(device=device, slot=slot)
        device_key_revoke(key=key, actor=actor_from(request), now=timezone.now())
        return Response(status=204)


class Channels(ApiView):
    """The points of a device."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(
        tags=TAG, request=ChannelBody, responses={201: NewChannelAnswer}, summary="Bind a point of a device"
    )
    def post(self, request: Request, device_id: uuid.UUID) -> Response:
        """Bind a point of the device to a quantity of a metering point."""
        body = checked(ChannelBody, request.data)
        device, state = opened(request, device_id, change=True)
        point = point_for(household=state.household, point_id=body["metering_point"])
        binding = Binding(name=body["name"], metering_point=point, quantity=body["quantity"])
        channel = channel_bind(device=device, binding=binding, actor=actor_from(request), now=timezone.now())
        return Response(NewChannelAnswer(channel).data, status=201)


class SwapQuestions(ApiView):
    """The question why a register went back."""

    scopes = by_method(read=Scope.DEVICES_READ, write=Scope.DEVICES_WRITE)

    @extend_schema(tags=TAG, request=AnswerBody, responses=SwapAnswered, summary="Say why a register went back")
    def post(self, request: Request, question_id: uuid.UUID) -> Response:
        """Answer the question that a register which ran backwards has opened."""
        body = checked(AnswerBody, request.data)
        now = timezone.now()
        question, access = swap_question_for(user=user_of(request), question_id=question_id, now=now)
        access.require_change()
        answered = swap_question_answer(question=question, answer=body["answer"], actor=actor_from(request), now=now)
        return Response(SwapAnswered(answered).data)
