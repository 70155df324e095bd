"""Forms of supplier contracts: people think in ct/kWh, amounts and clocks; the rules in whole micro-cents per Wh."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from myhouse.tariffs.holidays import COUNTRIES
from myhouse.tariffs.terms import DAYS

if TYPE_CHECKING:
    _FormSet = forms.BaseFormSet[Any]
else:
    _FormSet = forms.BaseFormSet

KINDS = ("flat", "tou", "dynamic", "tiers")
KIND_LABELS = {
    "flat": gettext_lazy("One price"),
    "tou": gettext_lazy("Prices by time of use"),
    "dynamic": gettext_lazy("Market price"),
    "tiers": gettext_lazy("Prices by amount used"),
}
DAY_LABELS = {
    "mon": gettext_lazy("Monday"),
    "tue": gettext_lazy("Tuesday"),
    "wed": gettext_lazy("Wednesday"),
    "thu": gettext_lazy("Thursday"),
    "fri": gettext_lazy("Friday"),
    "sat": gettext_lazy("Saturday"),
    "sun": gettext_lazy("Sunday"),
    "holiday": gettext_lazy("Public holiday"),
}
MOST_ROWS = 24


class Amount(forms.DecimalField):
    """A decimal number written with a comma or a point; `unit` of it make one in the terms' whole unit."""

    def __init__(self, *args: Any, unit: int, **kwargs: Any) -> None:
        """Take numbers with as many decimals as the unit has zeros."""
        self.unit = unit
        decimals = len(str(unit)) - 1
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        kwargs = {"max_digits": 15, "decimal_places": decimals, "widget": widget, **kwargs}
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Any:
        """Read 31,25 as well as 31.25; separators of thousands are not taken, they would be guesses."""
        return super().to_python(value.replace(",", ".", 1) if isinstance(value, str) else value)

    def prepare_value(self, value: Any) -> Any:
        """Show a stored figure in the reader's notation, and what was typed as it was typed."""
        if isinstance(value, Decimal):
            return number_format(value.normalize(), use_l10n=True, force_grouping=False)
        return value

    def whole(self, value: Decimal | None) -> int | None:
        """Return the figure in the terms' unit."""
        return None if value is None else int(value * self.unit)

    def shown(self, value: int | None) -> Decimal | None:
        """Return a figure of the terms as it is typed."""
        return None if value is None else Decimal(value) / self.unit


def ct_per_kwh(**kwargs: Any) -> Amount:
    """A price: 0.001 ct/kWh is 1 µct per Wh."""
    return Amount(unit=1_000, **kwargs)


def money(**kwargs: Any) -> Amount:
    """An amount of the household's currency, with two decimals or more."""
    return Amount(unit=100_000_000, **kwargs)


class ContractForm(forms.Form):
    """What every contract says."""

    supplier_name = forms.CharField(label=gettext_lazy("Supplier"), max_length=80)
    name = forms.CharField(label=gettext_lazy("Name of the tariff"), max_length=80)
    starts_on = forms.DateField(
        label=gettext_lazy("First day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=gettext_lazy("Leave it empty while the contract goes on."),
    )
    vat = Amount(unit=10, label=gettext_lazy("VAT in %"), min_value=0, max_value=100)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def clean_last_day(self) -> date | None:
        """Refuse a day so far off that it must be a slip."""
        day: date | None = self.cleaned_data["last_day"]
        if day is not None and day.year >= 2200:
            raise forms.ValidationError(_("Leave it empty while the contract goes on, or give a day before 2200."))
        return day


class CapacityForm(forms.Form):
    """A charge on the highest quarter-hour of a month."""

    per_kw = Amount(unit=100_000, label=gettext_lazy("Per kW and month"), min_value=0, required=False)
    minimum_w = forms.IntegerField(label=gettext_lazy("At least, in W"), min_value=0, max_value=10**7, required=False)


class FlatForm(forms.Form):
    """One price."""

    price = ct_per_kwh(label=gettext_lazy("Price in ct/kWh"))


class DynamicForm(forms.Form):
    """A market price with a markup."""

    reference = forms.ChoiceField(label=gettext_lazy("Market price"))
    resolution = forms.ChoiceField(
        label=gettext_lazy("Changes every"),
        choices=[("quarter", gettext_lazy("quarter-hour")), ("hour", gettext_lazy("hour"))],
    )
    markup = ct_per_kwh(label=gettext_lazy("Markup in ct/kWh"), required=False)
    factor = Amount(unit=10, label=gettext_lazy("Share of the market price in %"), min_value=0, required=False)
    cap = ct_per_kwh(label=gettext_lazy("At most, in ct/kWh"), required=False)
    floor = ct_per_kwh(label=gettext_lazy("At least, in ct/kWh"), required=False)

    def __init__(self, *args: Any, references: list[str], **kwargs: Any) -> None:
        """Offer the market prices this installation knows."""
        super().__init__(*args, **kwargs)
        choice = self.fields["reference"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(name, name) for name in references]


class CountryForm(forms.Form):
    """Whose public holidays count."""

    country = forms.ChoiceField(label=gettext_lazy("Public holidays of"), choices=[(c, c) for c in COUNTRIES])


class PeriodForm(forms.Form):
    """When counting begins anew."""

    period = forms.ChoiceField(
        label=gettext_lazy("Counting begins anew each"),
        choices=[("month", gettext_lazy("month")), ("year", gettext_lazy("year"))],
    )


class WindowRow(forms.Form):
    """When a price holds; rows of the same name and price are one zone."""

    zone = forms.CharField(label=gettext_lazy("Zone"), max_length=80)
    price = ct_per_kwh(label=gettext_lazy("Price in ct/kWh"))
    since = forms.CharField(label=gettext_lazy("From"), max_length=5, initial="00:00")
    until = forms.CharField(label=gettext_lazy("Until"), max_length=5, initial="24:00")
    days = forms.MultipleChoiceField(
        label=gettext_lazy("Days"),
        choices=[(day, DAY_LABELS[day]) for day in DAYS],
        widget=forms.CheckboxSelectMultiple,
        initial=list(DAYS[:7]),
    )
    months = forms.CharField(
        label=gettext_lazy("Months"), max_length=40, initial="1-12", help_text=gettext_lazy("Such as 1-12 or 11-2.")
    )

    def clean_months(self) -> list[int]:
        """Read 1-3,10-12; a range may run over the turn of the year."""
        months: list[int] = []
        for part in str(self.cleaned_data["months"]).replace(" ", "").split(","):
            found = re.fullmatch(r"(\d{1,2})(?:[-–](\d{1,2}))?", part)
            if found is None or not all(1 <= int(n) <= 12 for n in found.groups() if n):
                raise forms.ValidationError(_("Write months as numbers, such as 1-3,10-12."))
            first, last = int(found[1]), int(found[2] or found[1])
            months += [(first - 1 + i) % 12 + 1 for i in range((last - first) % 12 + 1)]
        return sorted(set(months))


class TierRow(forms.Form):
    """A price up to an amount."""

    up_to = Amount(
        unit=1_000,
        label=gettext_lazy("Up to kWh"),
        min_value=0,
        required=False,
        help_text=gettext_lazy("Empty in the last row."),
    )
    price = ct_per_kwh(label=gettext_lazy("Price in ct/kWh"))


class FeeRow(forms.Form):
    """A fixed fee."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    amount = money(label=gettext_lazy("Amount"))
    per = forms.ChoiceField(
        label=gettext_lazy("Per"),
        choices=[("month", gettext_lazy("month")), ("day", gettext_lazy("day")), ("year", gettext_lazy("year"))],
    )


class LevyRow(forms.Form):
    """A surcharge per kWh."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    rate = ct_per_kwh(label=gettext_lazy("ct/kWh"))


ROWS: dict[str, type[forms.Form]] = {"windows": WindowRow, "tiers": TierRow, "fees": FeeRow, "levies": LevyRow}


class Rows(_FormSet):
    """Rows of which one can be left out again."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Call the box by what it does."""
        super().add_fields(form, index)
        form.fields["DELETE"].label = _("Leave this row out")


def rows_of(name: str, data: QueryDict | None, initial: list[dict[str, Any]]) -> forms.BaseFormSet[Any]:
    """Return the rows of one kind; what is left empty is left out, one empty row is always there."""
    least = 1 if name in {"windows", "tiers"} else 0
    made = forms.formset_factory(
        ROWS[name], formset=Rows, extra=1, can_delete=True, max_num=MOST_ROWS, absolute_max=MOST_ROWS, min_num=least
    )
    if data is not None:
        return made(data, prefix=name)
    return made(initial=initial, prefix=name)
