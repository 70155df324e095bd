"""Forms of the market: people think in kWh, ct/kWh and amounts; services in whole Wh and micro-cents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplace.models.offers import Offer, OfferKind
from marketplace.selectors.sellable import Sellable
from myhouse import formatting
from myhouse.errors import FieldError, UnableTo
from myhouse.views.tariff_forms import Amount, ct_per_kwh, money

QUARTER = timedelta(minutes=15)
LONGEST_WINDOW = timedelta(hours=24)
# 10 GWh, and the price that goes with it: beyond lies a slip of the finger.
MOST_KWH = 10_000_000
SORTS = (
    ("price", gettext_lazy("Cheapest first")),
    ("-price", gettext_lazy("Dearest first")),
    ("newest", gettext_lazy("Newest first")),
    ("energy", gettext_lazy("Largest first")),
    ("window", gettext_lazy("Soonest delivery first")),
)
KINDS = (
    ("", gettext_lazy("All")),
    ("stored", gettext_lazy("Stored energy")),
    ("window", gettext_lazy("Expected surplus")),
)
# What services call their arguments, and the field in which a person typed it.
_TYPED = {"energy_wh": "energy", "total_uct": "price", "window": "starts"}
PRICE_PER = (("kwh", gettext_lazy("per kWh, in ct")), ("total", gettext_lazy("for all of it")))


def kwh(**kwargs: Any) -> Amount:
    """An energy: 0.001 kWh is 1 Wh."""
    return Amount(unit=1_000, max_digits=11, **kwargs)


class BookForm(forms.Form):
    """What of the book one wants to see; every choice is part of the address."""

    kind = forms.ChoiceField(label=gettext_lazy("What"), choices=KINDS, required=False)
    min_kwh = kwh(label=gettext_lazy("Min. kWh"), min_value=0, required=False)
    max_price = ct_per_kwh(label=gettext_lazy("Max. ct/kWh"), min_value=0, required=False)
    sort = forms.ChoiceField(label=gettext_lazy("Order"), choices=SORTS, required=False)

    def min_wh(self) -> int | None:
        """Return the least energy in Wh."""
        return _whole(self, "min_kwh", 1_000)

    def max_price_uct_kwh(self) -> int | None:
        """Return the highest price in micro-cents per kWh."""
        return _whole(self, "max_price", 1_000_000)


class BuyForm(forms.Form):
    """How much of an offer is bought; `shown_wh` and `version` say which price the buyer has seen."""

    energy = kwh(label=gettext_lazy("Energy in kWh"), max_value=MOST_KWH)
    shown_wh = forms.IntegerField(required=False, widget=forms.HiddenInput)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def energy_wh(self) -> int:
        """Return the energy in Wh."""
        return int(self.cleaned_data["energy"] * 1_000)


class OfferForm(forms.Form):
    """What is offered at which price."""

    energy = kwh(label=gettext_lazy("Energy in kWh"), max_value=MOST_KWH)
    price = forms.CharField(
        label=gettext_lazy("Price"),
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    per = forms.ChoiceField(label=gettext_lazy("This price is"), choices=PRICE_PER, widget=forms.RadioSelect)

    def clean(self) -> dict[str, Any]:
        """Read the price in the unit that was chosen."""
        found = super().clean() or self.cleaned_data
        per, typed = found.get("per"), found.get("price")
        if per is None or typed is None:
            return found
        field = ct_per_kwh(min_value=0) if per == "kwh" else money(min_value=0)
        try:
            found["amount"] = field.clean(typed)
        except forms.ValidationError as error:
            self.add_error("price", error)
        return found

    def energy_wh(self) -> int:
        """Return the energy in Wh."""
        return int(self.cleaned_data["energy"] * 1_000)

    def total_uct(self) -> int:
        """Return the price of all of it in micro-cents."""
        amount = self.cleaned_data["amount"]
        if self.cleaned_data["per"] == "kwh":
            return self.energy_wh() * int(amount * 1_000)
        return int(amount * 100_000_000)


class ChangeForm(OfferForm):
    """A new amount or price for an offer of which nothing is sold."""

    version = forms.IntegerField(widget=forms.HiddenInput)


class WindowForm(OfferForm):
    """An offer of surplus expected in a window: quarter-hours are chosen in local time, sent as times in UTC."""

    starts = forms.TypedChoiceField(label=gettext_lazy("From"), coerce=datetime.fromisoformat)
    ends = forms.TypedChoiceField(label=gettext_lazy("Until"), coerce=datetime.fromisoformat)
    field_order = ["starts", "ends", "energy", "price", "per"]

    def __init__(self, *args: Any, slots: Sequence[Any], zone: str, language: str, **kwargs: Any) -> None:
        """Offer the quarter-hours that are still to come, each with its expected surplus."""
        super().__init__(*args, **kwargs)
        self.fields["starts"].choices = _grouped(  # type: ignore[attr-defined] # it is a choice field
            [(slot.start, _slot_text(slot.free_wh, language)) for slot in slots], zone
        )
        self.fields["ends"].choices = _grouped([(slot.start + QUARTER, "") for slot in slots], zone)  # type: ignore[attr-defined] # it is a choice field

    def clean(self) -> dict[str, Any]:
        """Refuse a window that ends before it begins or is too long."""
        found = super().clean()
        starts, ends = found.get("starts"), found.get("ends")
        if starts and ends and not starts < ends <= starts + LONGEST_WINDOW:
            self.add_error("ends", _("Choose an end after the start, at most 24 hours later."))
        return found

    def window(self) -> tuple[datetime, datetime]:
        """Return the window chosen."""
        return self.cleaned_data["starts"], self.cleaned_data["ends"]


class DepositForm(forms.Form):
    """An amount to be paid in."""

    amount = money(label=gettext_lazy("Amount"), min_value=0)

    def amount_uct(self) -> int:
        """Return the amount in micro-cents."""
        return int(self.cleaned_data["amount"] * 100_000_000)


class PayoutForm(DepositForm):
    """An amount to be paid out, and where to."""

    note = forms.CharField(
        label=gettext_lazy("Where to"),
        max_length=200,
        help_text=gettext_lazy("What your operator needs to transfer it, such as the name of the account's holder."),
    )


def refuse(form: forms.Form, refusal: UnableTo) -> None:
    """Show a refusal at the field in which a person typed what is refused; what is hidden is told above all fields."""
    shown = {field.name for field in form.visible_fields()}
    for error in refusal.errors or (FieldError("", refusal.message),):
        name = _TYPED.get(error.field, error.field)
        form.add_error(name if name in shown else None, error.message)


def offer_initial(offer: Offer) -> dict[str, Any]:
    """Return what the form of an existing offer begins with."""
    return {
        "energy": Amount(unit=1_000).shown(offer.energy_wh),
        "price": _typed(money().shown(offer.total_uct)),
        "per": "total",
        "version": offer.version,
    }


def stored_initial(sellable: Sellable) -> dict[str, Any]:
    """Return what a new offer of stored energy begins with: all that is free."""
    free = sellable.stored_free_wh or None
    return {"energy": Amount(unit=1_000).shown(free), "per": "kwh"}


def window_initial(sellable: Sellable) -> dict[str, Any]:
    """Return what a new offer of a window begins with: the first run of quarter-hours with a surplus."""
    run: list[Any] = []
    for slot in sellable.slots:
        if slot.free_wh > 0 and slot.start - sellable.slots[0].start < timedelta(hours=47):
            run.append(slot)
        elif run:
            break
    if not run:
        return {"per": "kwh"}
    run = run[: LONGEST_WINDOW // QUARTER]
    return {
        "per": "kwh",
        "starts": run[0].start.isoformat(),
        "ends": (run[-1].start + QUARTER).isoformat(),
        "energy": Amount(unit=1_000).shown(sum(slot.free_wh for slot in run)),
    }


def offer_form(kind: str) -> type[OfferForm]:
    """Return the form for a kind of offer."""
    return WindowForm if kind == OfferKind.WINDOW else OfferForm


def _whole(form: forms.Form, name: str, unit: int) -> int | None:
    value = form.cleaned_data.get(name)
    return None if value is None else int(value * unit)


def _typed(value: Any) -> Any:
    """Write a figure as a person would type it."""
    return Amount(unit=1).prepare_value(value)


def _slot_text(free_wh: int, language: str) -> str:
    return f" · {formatting.energy(free_wh, language)}" if free_wh else ""


def _grouped(moments: Sequence[tuple[datetime, str]], zone: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Group times by local day; the hour that comes twice in autumn says which it is."""
    days: dict[str, list[tuple[str, str]]] = {}
    place = ZoneInfo(zone)
    for moment, remark in moments:
        local = moment.astimezone(place)
        day = f"{date_format(local, 'l')}, {date_format(local, 'SHORT_DATE_FORMAT')}"
        twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        clock = f"{local:%H:%M}" + (f" {local:%Z}" if twice else "")
        days.setdefault(day, []).append((moment.astimezone(UTC).isoformat(), clock + remark))
    return list(days.items())
