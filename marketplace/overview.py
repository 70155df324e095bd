"""What the market shows on the operators' start page: the ledger's proof, money, offers, and trade by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncHour
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from marketplace.models import Account, CashOrder, LedgerProof, Offer, Trade
from marketplace.models.ledger import Asset, CashDirection, CashState, OwnerKind
from marketplace.models.offers import OfferState, TradeState
from marketplace.selectors.accounts import proof_latest
from myhouse import formatting
from myhouse.admin.figures import count_text, list_url
from myhouse.charts.bars import BarInput, bar_chart
from myhouse.charts.model import Chart, KeyItem, Layer, Row, Tick
from myhouse.panels import Figure, Overview
from myhouse.selectors.staff import StaffScope

DAYS = 30
# Proven nightly: older than this, the check has not run.
_PROOF_OLD = timedelta(hours=26)
_UCT_PER_UNIT = 100_000_000


@dataclass(frozen=True)
class TradedDay:
    """What was bought on a local day."""

    day: date
    energy_wh: int = 0
    total_uct: int = 0


def operator_panel(*, scope: StaffScope, now: datetime) -> Overview:
    """Show how the market stands in the communities in sight."""
    communities = scope.communities_seen()
    zones = {community.time_zone for community in communities}
    currencies = {community.currency for community in communities}
    days = traded_days(scope=scope, zone=zones.pop() if len(zones) == 1 else "UTC", now=now)
    charts = [_energy_chart(days)]
    if len(currencies) == 1:
        charts.append(_money_chart(days, currencies.pop()))
    figures = [_proof_figure(scope, now), *_cash_figures(scope), *_money_figures(scope), *_offer_figures(scope)]
    return Overview(title=_("Market and money"), figures=figures, charts=charts, order=10)


def traded_days(*, scope: StaffScope, zone: str, now: datetime) -> list[TradedDay]:
    """Sum what was bought on each of the last local days, today included; reversed trades left out."""
    tz = ZoneInfo(zone)
    today = now.astimezone(tz).date()
    first = today - timedelta(days=DAYS - 1)
    start = datetime(first.year, first.month, first.day, tzinfo=tz)
    # Summed by hour in the database and by local day here: zones are not the database's business.
    hours = (
        scope.limit(Trade.objects.all(), community_id="communities")
        .filter(bought_at__gte=start)
        .exclude(state=TradeState.REVERSED)
        .annotate(hour=TruncHour("bought_at"))
        .values("hour")
        .annotate(energy=Sum("energy_wh"), total=Sum("total_uct"))
        .order_by("hour")
    )
    sums: dict[date, tuple[int, int]] = {}
    for hour in hours:
        day = hour["hour"].astimezone(tz).date()
        energy, total = sums.get(day, (0, 0))
        sums[day] = energy + hour["energy"], total + hour["total"]
    span = [first + timedelta(days=index) for index in range(DAYS)]
    return [TradedDay(day, *sums.get(day, (0, 0))) for day in span]


def _proof_figure(scope: StaffScope, now: datetime) -> Figure:
    proof = proof_latest()
    url = list_url("marketplace_ledgerproof") if scope.everything else ""
    title = _("Ledger proof")
    if proof is None:
        return Figure(title, _("not yet"), url, note=_("It runs every night."), tone="warn")
    count, unit = formatting.age((now - proof.at).total_seconds())
    ago = _("%(age)s ago") % {"age": f"{count}{formatting.THIN}{unit}"}
    if not proof.sound:
        return Figure(title, _("broken"), url, note=f"{proof.finding} ({ago})", tone="bad")
    return Figure(
        title, _("sound"), url, note=_size(proof, ago), tone="warn" if now - proof.at > _PROOF_OLD else "good"
    )


def _size(proof: LedgerProof, ago: str) -> str:
    return _("%(n)s transfers, %(ago)s") % {"n": count_text(proof.transfers), "ago": ago}


def _cash_figures(scope: StaffScope) -> list[Figure]:
    orders = (
        scope.limit(CashOrder.objects.all(), community_id="communities")
        .filter(state=CashState.REQUESTED)
        .aggregate(
            deposits=Count("pk", filter=Q(direction=CashDirection.DEPOSIT)),
            payouts=Count("pk", filter=Q(direction=CashDirection.PAYOUT)),
        )
    )
    waiting = orders["deposits"] + orders["payouts"]
    note = _("Deposits: %(deposits)s, payouts: %(payouts)s") % {
        "deposits": count_text(orders["deposits"]),
        "payouts": count_text(orders["payouts"]),
    }
    url = list_url("marketplace_cashorder", state__exact=CashState.REQUESTED.value)
    return [
        Figure(_("Cash orders waiting"), count_text(waiting), url, note if waiting else "", "warn" if waiting else "")
    ]


def _money_figures(scope: StaffScope) -> list[Figure]:
    held = (
        scope.limit(Account.objects.all(), community_id="communities")
        .filter(owner_kind=OwnerKind.HOUSEHOLD, asset=Asset.MONEY)
        .values("currency")
        .annotate(balance=Sum("balance"), reserved=Sum("reserved"))
        .order_by("currency")
    )
    url = list_url("marketplace_account", owner_kind__exact="household", asset__exact="money")
    figures = []
    for row in held:
        balance, reserved = (_money(row[name], row["currency"]) for name in ("balance", "reserved"))
        note = _("of which %(amount)s reserved") % {"amount": reserved}
        figures.append(Figure(_("Money of the members"), balance, url, note))
    return figures


def _offer_figures(scope: StaffScope) -> list[Figure]:
    offers = (
        scope.limit(Offer.objects.all(), community_id="communities")
        .filter(state=OfferState.OPEN)
        .aggregate(n=Count("pk"), left=Sum("left_wh"))
    )
    reserved = scope.limit(Trade.objects.all(), community_id="communities").filter(state=TradeState.RESERVED).count()
    return [
        Figure(
            _("Open offers"),
            count_text(offers["n"]),
            list_url("marketplace_offer", state__exact=OfferState.OPEN.value),
            formatting.energy(offers["left"] or 0, get_language()),
        ),
        Figure(
            _("Trades to settle"),
            count_text(reserved),
            list_url("marketplace_trade", state__exact=TradeState.RESERVED.value),
        ),
    ]


@dataclass(frozen=True)
class _Drawn:
    """What one of the two charts shows of each day."""

    name: str
    key: str
    title: str
    units: tuple[str, ...]
    values: list[float]
    texts: list[str]
    total: str
    least: float


def _energy_chart(days: Sequence[TradedDay]) -> Chart:
    drawn = _Drawn(
        name="traded-energy",
        key="community",
        title=_("Energy traded by day"),
        units=("Wh", "kWh", "MWh"),
        values=[float(day.energy_wh) for day in days],
        texts=[formatting.energy(day.energy_wh, get_language()) for day in days],
        total=formatting.energy(sum(day.energy_wh for day in days), get_language()),
        least=1000.0,
    )
    return _chart(drawn, days)


def _money_chart(days: Sequence[TradedDay], currency: str) -> Chart:
    drawn = _Drawn(
        name="traded-money",
        key="grid-import",
        title=_("Paid for it by day"),
        units=(formatting.SYMBOLS.get(currency, currency),),
        values=[day.total_uct / _UCT_PER_UNIT for day in days],
        texts=[_money(day.total_uct, currency) for day in days],
        total=_money(sum(day.total_uct for day in days), currency),
        least=1.0,
    )
    return _chart(drawn, days)


def _chart(drawn: _Drawn, days: Sequence[TradedDay]) -> Chart:
    ticks = [
        Tick((index + 0.5) / DAYS, str(one.day.day), minor=one.day.day % 10 != 0)
        for index, one in enumerate(days)
        if one.day.day % 5 == 0 or one.day.day == 1
    ]
    rows = [
        Row((index + 0.5) / DAYS, date_format(one.day, "SHORT_DATE_FORMAT"), [text])
        for index, (one, text) in enumerate(zip(days, drawn.texts, strict=True))
    ]
    return bar_chart(
        BarInput(
            name=drawn.name,
            title=drawn.title,
            units=drawn.units,
            language=get_language() or "en",
            above=[Layer(drawn.key, drawn.title, [*drawn.values])],
            below=[],
            ticks=ticks,
            keys=[KeyItem(drawn.key, drawn.title, drawn.total, 1)],
            columns=[drawn.title],
            rows=rows,
            at_rest=_("Sum of the last %(n)s days") % {"n": DAYS},
            height=180,
            least=drawn.least,
        )
    )


def _money(amount_uct: int, currency: str) -> str:
    return formatting.money(amount_uct, currency, get_language())
