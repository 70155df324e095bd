"""REST API of the marketplace under /api/v1/."""

from django.urls import URLPattern, URLResolver, path

from marketplace.api import accounts, buying, community, energy, movements, offers, trades
from marketplace.api.events import events

_HOME = "households/<uuid:household_id>"
urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{_HOME}/offers", offers.BookView.as_view()),
    path(f"{_HOME}/own-offers", offers.OwnOffersView.as_view()),
    path(f"{_HOME}/offers/<uuid:offer_id>", offers.OfferView.as_view()),
    path(f"{_HOME}/offers/<uuid:offer_id>/purchases", buying.PurchasesView.as_view()),
    path(f"{_HOME}/offers/<uuid:offer_id>/price", buying.PriceView.as_view()),
    path(f"{_HOME}/trades", trades.TradesView.as_view()),
    path(f"{_HOME}/trades/<uuid:trade_id>", trades.TradeView.as_view()),
    path(f"{_HOME}/accounts", accounts.AccountsView.as_view()),
    path(f"{_HOME}/accounts/<uuid:account_id>/entries", accounts.EntriesView.as_view()),
    path(f"{_HOME}/accounts/<uuid:account_id>/entries/<uuid:transfer_id>", movements.MovementView.as_view()),
    path(f"{_HOME}/accounts/<uuid:account_id>/export.<str:form>", movements.MovementsFileView.as_view()),
    path(f"{_HOME}/cash-orders", accounts.CashOrdersView.as_view()),
    path(f"{_HOME}/cash-orders/<uuid:order_id>", accounts.CashOrderView.as_view()),
    path(f"{_HOME}/sellable", energy.SellableView.as_view()),
    path(f"{_HOME}/energy-sources", energy.EnergySourcesView.as_view()),
    path(f"{_HOME}/market", community.MarketStateView.as_view()),
    path(f"{_HOME}/community-savings", community.CommunitySavingsView.as_view()),
    path(f"{_HOME}/events", events, name="api-events"),
]
