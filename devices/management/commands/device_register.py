"""Register a device from the command line and print its key once."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from devices.models import DeviceKind, KeySlot
from devices.services.keys import device_key_issue
from devices.services.registry import Address, device_register
from myhouse.documents.services import Actor
from myhouse.errors import UnableTo
from myhouse.models import MeteringPoint


class Command(BaseCommand):
    """`manage.py device_register --point ID --name NAME [--kind http]`."""

    help = "Register a device at a metering point; prints its id and, once, its key."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--name", required=True)
        parser.add_argument("--point", required=True, type=uuid.UUID, help="id of the metering point it measures")
        parser.add_argument("--kind", default=DeviceKind.HTTP, choices=DeviceKind.values)
        parser.add_argument("--external-id", default="")
        parser.add_argument("--period", type=int, default=10, help="seconds between readings")
        parser.add_argument("--model", default="", help="model file of a polled device")
        parser.add_argument("--host", default="")
        parser.add_argument("--port", type=int, default=502)
        parser.add_argument("--unit", type=int, default=1)

    def handle(self, **options: Any) -> None:
        """Register the device."""
        point = MeteringPoint.objects.select_related("household").filter(pk=options["point"]).first()
        if point is None:
            raise CommandError("There is no such metering point: give the id shown on the household's page.")
        actor, now = Actor(label="manage.py device_register"), timezone.now()
        address = Address(options["host"], options["port"], options["unit"]) if options["host"] else None
        try:
            device = device_register(
                name=options["name"],
                kind=options["kind"],
                household=point.household,
                metering_point=point,
                external_id=options["external_id"],
                period_s=options["period"],
                model=options["model"],
                address=address,
                actor=actor,
                now=now,
            )
        except UnableTo as error:
            raise CommandError(f"{error.field}: {error.message}") from error
        self.stdout.write(f"device: {device.external_id}")
        if device.kind != DeviceKind.MODBUS:
            _key, secret = device_key_issue(device=device, slot=KeySlot.PRIMARY, actor=actor, now=now)
            self.stdout.write(f"key (shown only now): {secret}")
