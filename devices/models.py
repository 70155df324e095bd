"""Devices, the keys they sign in with, and which measurement each of their points feeds."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from myhouse.documents.base import FOREVER, Document


class DeviceKind(models.TextChoices):
    """How readings come from a device: polled by us, or sent to us."""

    MODBUS = "modbus", _("Modbus TCP, polled")
    HTTP = "http", _("Sends over HTTP")
    P1 = "p1", _("P1 port of a smart meter")
    GATEWAY = "gateway", _("Gateway of many meters")


class Device(Document):
    """A meter, inverter or gateway; it points down to the metering points it measures.

    When a poll last succeeded is kept in Redis, not here: this document changes only when the
    device falls silent or speaks again.
    """

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=12, choices=DeviceKind)
    household = models.ForeignKey(
        "myhouse.Household", null=True, blank=True, on_delete=models.PROTECT, related_name="devices"
    )
    community = models.ForeignKey(
        "myhouse.Community", null=True, blank=True, on_delete=models.PROTECT, related_name="devices"
    )
    gateway = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    metering_point = models.ForeignKey(
        "myhouse.MeteringPoint",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="devices",
        help_text="Where quantities of this device are measured when they arrive for the first time.",
    )
    registrar_id = models.UUIDField(help_text="The gateway's id, or the device's own: the scope of external_id.")
    external_id = models.CharField(max_length=64, help_text="What the device is called in its own packets.")
    model = models.CharField(max_length=64, blank=True, default="", help_text="Model file of a polled device.")
    host = models.CharField(max_length=120, blank=True, default="")
    port = models.PositiveIntegerField(default=502, validators=[MinValueValidator(1), MaxValueValidator(65_535)])
    unit_id = models.PositiveSmallIntegerField(default=1, validators=[MaxValueValidator(247)])
    period_s = models.PositiveIntegerField(default=10, validators=[MinValueValidator(1), MaxValueValidator(86_400)])
    enabled = models.BooleanField(default=True)
    simulated = models.BooleanField(default=False, help_text="Its readings are simulated and marked so.")
    silent_since = models.DateTimeField(default=FOREVER, help_text="Far future while the device answers.")
    last_error = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["registrar_id", "external_id"], name="device_external_once")]
        indexes = [
            models.Index(fields=["household", "name", "id"], name="device_household"),
            models.Index(fields=["registrar_id", "external_id"], name="device_external"),
            models.Index(fields=["gateway", "external_id"], name="device_gateway"),
            models.Index(fields=["kind", "enabled"], name="device_kind"),
            models.Index(fields=["silent_since"], name="device_silent"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def silent(self) -> bool:
        """Whether the device has stopped answering."""
        return self.silent_since < FOREVER


class DeviceChannel(Document):
    """One point of a device, under the device's own name for it, and the measurement it feeds."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="channels")
    name = models.CharField(max_length=64)
    measurement = models.ForeignKey("myhouse.Measurement", on_delete=models.PROTECT, related_name="channels")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "name"], name="channel_once")]
        indexes = [
            models.Index(fields=["device", "name"], name="channel_device"),
        ]

    def __str__(self) -> str:
        return self.name


class KeySlot(models.TextChoices):
    """Two keys may hold at once, so that one can be replaced while the other still works."""

    PRIMARY = "primary", _("Primary")
    SECONDARY = "secondary", _("Secondary")


class DeviceKey(Document):
    """A device's bearer key: 256 random bits, of which only the SHA-256 digest is kept."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="keys")
    slot = models.CharField(max_length=10, choices=KeySlot)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=4, help_text="The last characters of the key, to tell keys apart.")
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(default=FOREVER, help_text="Far future while the key holds.")

    class Meta:
        indexes = [
            models.Index(fields=["digest"], name="device_key_digest"),
            models.Index(fields=["device", "revoked_at", "slot"], name="device_key_device"),
        ]


class SwapAnswer(models.TextChoices):
    """Why a register went back."""

    OPEN = "", _("Not answered yet")
    SWAP = "swap", _("The meter was exchanged")
    RESET = "reset", _("The same meter started again")
    FAULT = "fault", _("A wrong reading")


class SwapQuestion(Document):
    """A register ran backwards: was the meter exchanged? Open until a member answers."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="swap_questions")
    channel = models.ForeignKey(DeviceChannel, on_delete=models.CASCADE, related_name="swap_questions")
    household = models.ForeignKey("myhouse.Household", on_delete=models.CASCADE, related_name="swap_questions")
    value_before = models.FloatField()
    read_before_at = models.DateTimeField()
    value_after = models.FloatField()
    read_after_at = models.DateTimeField()
    opened_at = models.DateTimeField(default=timezone.now)
    answer = models.CharField(max_length=8, choices=SwapAnswer, blank=True, default=SwapAnswer.OPEN)
    answered_at = models.DateTimeField(default=FOREVER, help_text="Far future while open.")

    class Meta:
        indexes = [
            models.Index(fields=["household", "answered_at"], name="swap_household"),
            models.Index(fields=["channel", "answered_at"], name="swap_channel"),
        ]
