"""Forms of a household: founding it, its settings, invitations, metering points."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from myhouse.models import MeteringPoint
from myhouse.models.households import Role
from myhouse.models.metering import PointRole
from myhouse.place import CURRENCIES, time_zones


def _zones() -> list[tuple[str, str]]:
    return [(zone, zone.replace("_", " ")) for zone in time_zones()]


class HouseholdForm(forms.Form):
    """Founding a household."""

    name = forms.CharField(
        label=_("Name"), max_length=80, help_text=_("What you call your home, such as “Garden Street 5”.")
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=_zones, initial="Europe/Berlin")
    currency = forms.ChoiceField(label=_("Currency"), choices=[(c, c) for c in CURRENCIES], initial="EUR")


class SettingsForm(HouseholdForm):
    """What an owner may change about the household itself."""

    connection_limit_w = forms.IntegerField(
        label=_("Grid connection, in W"),
        min_value=1_000,
        max_value=10_000_000,
        help_text=_("What the connection can carry; larger readings are refused. A usual house has 43000 W."),
    )


class InvitationForm(forms.Form):
    """A link that lets one person join."""

    role = forms.ChoiceField(
        label=_("Role"),
        choices=[
            (Role.VIEWER, _("Viewer: sees everything, changes nothing")),
            (Role.OWNER, _("Owner: sees and changes everything")),
            (Role.SUPPLIER, _("Supplier: sees sums only")),
        ],
    )
    email = forms.EmailField(
        label=_("E-mail"),
        required=False,
        max_length=254,
        help_text=_("We mail the link. Leave it empty to get a link you pass on yourself."),
    )
    history_shared = forms.BooleanField(
        label=_("May see the past too"),
        required=False,
        help_text=_("Otherwise the new member sees what is measured from joining on."),
    )


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)


class MeteringPointForm(forms.Form):
    """A place where energy is measured; the battery's fields only for a battery."""

    role = forms.ChoiceField(label=_("What is measured"), choices=PointRole.choices, initial=PointRole.CONSUMER)
    name = forms.CharField(label=_("Name"), max_length=80)
    parent = forms.ChoiceField(
        label=_("Behind the meter"), required=False, help_text=_("For a sub-meter behind another sub-meter.")
    )
    capacity_wh = forms.IntegerField(
        label=_("Battery: capacity, in Wh"), required=False, min_value=1, max_value=100_000_000
    )
    max_charge_w = forms.IntegerField(
        label=_("Battery: charges with at most, in W"), required=False, min_value=1, max_value=10_000_000
    )
    max_discharge_w = forms.IntegerField(
        label=_("Battery: discharges with at most, in W"), required=False, min_value=1, max_value=10_000_000
    )

    def __init__(self, *args: Any, points: list[MeteringPoint], **kwargs: Any) -> None:
        """Offer the household's other points as the one in front."""
        super().__init__(*args, **kwargs)
        parent = self.fields["parent"]
        assert isinstance(parent, forms.ChoiceField)
        parent.choices = [("", _("None")), *((str(p.pk), p.name) for p in points if p.role != PointRole.GRID)]

    @property
    def battery_terms(self) -> dict[str, int] | None:
        """The battery's fields; None when all were left empty."""
        names = ("capacity_wh", "max_charge_w", "max_discharge_w")
        given = {name: self.cleaned_data[name] for name in names}
        return given if any(value is not None for value in given.values()) else None


class BatteryForm(forms.Form):
    """What a battery can hold and how fast."""

    capacity_wh = forms.IntegerField(label=_("Capacity, in Wh"), min_value=1, max_value=100_000_000)
    max_charge_w = forms.IntegerField(label=_("Charges with at most, in W"), min_value=1, max_value=10_000_000)
    max_discharge_w = forms.IntegerField(label=_("Discharges with at most, in W"), min_value=1, max_value=10_000_000)


class DisplayForm(forms.Form):
    """A new display link."""

    name = forms.CharField(
        label=_("Where the display hangs"), max_length=80, widget=forms.TextInput({"autocomplete": "off"})
    )


class PointNameForm(forms.Form):
    """Another name for a metering point."""

    name = forms.CharField(label=_("Name"), max_length=80)
