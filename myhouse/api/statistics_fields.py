"""How statistics, the day's curve and the flow look in JSON; for the API's description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.serializers import BooleanField, CharField, DateField, FloatField, IntegerField, ListField

from myhouse.models.metering import PointRole
from myhouse.models.tariffs import Direction
from myhouse.statistics.span import STEPS, UNITS


def whole(text: str = "") -> IntegerField:
    """A whole number, or null where it is not known."""
    return IntegerField(allow_null=True, help_text=text)


def number(text: str = "") -> FloatField:
    """A number, or null where it is not known."""
    return FloatField(allow_null=True, help_text=text)


def money(text: str = "") -> CharField:
    """An amount of money as decimal string, or null where no contract held."""
    return CharField(allow_null=True, help_text=text)


def column(child: Any, text: str = "") -> ListField:
    """One value per step."""
    return ListField(child=child, help_text=text)


class EnergiesAnswer(serializers.Serializer[Any]):
    """Energies in whole Wh and money of a span."""

    import_wh = IntegerField()
    export_wh = IntegerField()
    production_wh = IntegerField()
    charge_wh = IntegerField()
    discharge_wh = IntegerField()
    consumption_wh = IntegerField()
    own_use_wh = IntegerField()
    battery_use_wh = IntegerField(help_text="The part of own use that came out of the battery.")
    community_wh = IntegerField(help_text="Bought from neighbours: part of import.")
    supplier_wh = IntegerField(help_text="The import that the supplier delivered.")
    sold_wh = IntegerField(help_text="The part of export that neighbours bought.")
    cost = money()
    income = money()
    saving = money("Against everything from the supplier.")
    co2_g = whole()
    covered_quarters = IntegerField()
    expected_quarters = IntegerField()
    estimated_quarters = IntegerField()


class TotalsAnswer(EnergiesAnswer):
    """A span added up; null is unknown, never zero."""

    net = money("Cost less income.")
    co2_grid_g = whole()
    co2_own_g = whole()
    co2_community_g = whole()
    co2_avoided_g = whole()
    self_consumption_rate = number("0 to 1: own use of what was produced.")
    self_sufficiency_rate = number("0 to 1: own use of what was consumed.")


class BucketAnswer(EnergiesAnswer):
    """One step of the span."""

    start = CharField()
    end = CharField()
    provisional = BooleanField(help_text="Not over yet, or not wholly measured.")


class ComparisonAnswer(serializers.Serializer[Any]):
    """The same sums of another span."""

    start = DateField()
    end = DateField()
    like_for_like_until = CharField(allow_null=True, help_text="Both were cut there, as ours is still running.")
    known = BooleanField(help_text="The other span was measured nearly throughout.")
    totals = TotalsAnswer()
    own_totals = TotalsAnswer()


class ComparisonsAnswer(serializers.Serializer[Any]):
    """Against the span before, and the same a year earlier."""

    previous = ComparisonAnswer(required=False)
    year = ComparisonAnswer(required=False)


class SubMeterAnswer(serializers.Serializer[Any]):
    """What a metered part of the home drew."""

    metering_point = serializers.UUIDField()
    name = CharField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment] # Field.parent
    energy_wh = IntegerField()
    own_wh = IntegerField(help_text="Without the parts that are metered below it.")
    share = number("Of the home's consumption, 0 to 1.")


class ContractGapAnswer(serializers.Serializer[Any]):
    """Local days on which energy flowed and no contract held."""

    direction = serializers.ChoiceField(choices=Direction.choices)
    start = DateField()
    end = DateField()


class SourceAnswer(serializers.Serializer[Any]):
    """A named figure that went into the answer, and who publishes it."""

    name = CharField()
    kind = CharField()
    source = CharField()  # type: ignore[assignment] # Field.source
    demo = BooleanField()


class StatisticsAnswer(serializers.Serializer[Any]):
    """What a household used, made, paid and saved."""

    household = serializers.UUIDField()
    unit = serializers.ChoiceField(choices=list(UNITS))
    start = DateField()
    end = DateField()
    step = serializers.ChoiceField(choices=list(STEPS))
    zone = CharField()
    currency = CharField()
    provisional = BooleanField()
    estimated_share = FloatField()
    grid_derived = BooleanField(help_text="No meter at the grid connection: import and export follow from the others.")
    clipped = BooleanField(help_text="You may see a part of the span only.")
    unpriced_quarters = IntegerField(help_text="Energy flowed and the market price is missing.")
    totals = TotalsAnswer()
    cost_parts = serializers.DictField(
        child=CharField(), help_text="Energy, levies, fixed, capacity, VAT, what neighbours got."
    )
    buckets = BucketAnswer(many=True)
    comparisons = ComparisonsAnswer()
    sub_meters = SubMeterAnswer(many=True)
    contract_gaps = ContractGapAnswer(many=True)
    sources = SourceAnswer(many=True)


@extend_schema_field({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2})
class NightField(ListField):
    """Start and end in ms."""


class DayCurveAnswer(serializers.Serializer[Any]):
    """A local day in columns of equal length, W; seen from the home's bus bar, into the home is positive."""

    day = DateField()
    zone = CharField()
    step_s = IntegerField()
    starts_ms = column(IntegerField())
    end_ms = IntegerField()
    now_ms = IntegerField()
    home_w = column(number())
    production_w = column(number())
    battery_w = column(number(), "Positive discharges.")
    grid_w = column(number(), "Positive imports.")
    soc_pct = column(number())
    price_uct_wh = column(whole(), "Gross, in micro-cents per Wh.")
    feed_in_uct_wh = column(whole())
    estimated = column(BooleanField())
    night = column(NightField(), "Spans in ms between sunset and sunrise.")
    from_quarters = BooleanField(help_text="No power gauges: mean powers of the quarter-hours.")
    sources = SourceAnswer(many=True)


class PointFlowAnswer(serializers.Serializer[Any]):
    """The last power of one metering point."""

    point_id = serializers.UUIDField()
    name = CharField()
    role = serializers.ChoiceField(choices=PointRole.choices)
    power_w = number()
    at_ms = whole()
    age_s = number()
    stale = BooleanField()


class FlowAnswer(serializers.Serializer[Any]):
    """The home at this moment, W; null is not measured."""

    at_ms = IntegerField()
    sun_w = number()
    wind_w = number()
    battery_w = number("Positive discharges.")
    soc_pct = number()
    home_w = number()
    grid_w = number("Positive imports.")
    community_w = number("What the community's homes give (+) or lack (−) now.")
    community_homes = IntegerField()
    price_uct_wh = whole("Gross, in micro-cents per Wh.")
    feed_in_uct_wh = whole()
    cost_rate_uct_h = whole("Costs (+) or earns (−) per hour at this power, in micro-cents.")
    co2_g_kwh = number()
    co2_rate_g_h = number()
    age_s = number("Of the oldest value shown.")
    stale_s = number()
    stale = BooleanField()
    stale_points = ListField(child=CharField())
    points = PointFlowAnswer(many=True)
