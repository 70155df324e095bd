"""Forms of the devices page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from devices.models import DeviceKind
from myhouse.models import MeteringPoint


class DeviceForm(forms.Form):
    """Registering a device that sends its readings itself."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Such as “Meter in the cellar”."))
    kind = forms.ChoiceField(
        label=_("How it sends"),
        choices=[(DeviceKind.HTTP, DeviceKind.HTTP.label), (DeviceKind.P1, DeviceKind.P1.label)],
    )
    metering_point = forms.ChoiceField(
        label=_("Metering point"), help_text=_("What it measures there is recognised when it first arrives.")
    )
    period_s = forms.IntegerField(
        label=_("Seconds between readings"),
        min_value=1,
        max_value=86_400,
        initial=10,
        help_text=_("After three times as long without a word it counts as silent."),
    )

    def __init__(self, *args: Any, points: list[MeteringPoint], **kwargs: Any) -> None:
        """Offer the household's metering points."""
        super().__init__(*args, **kwargs)
        field = self.fields["metering_point"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(str(point.pk), point.name) for point in points]
