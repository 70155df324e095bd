"""Offers, trades, ledger."""

from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    """Offers, trades, ledger."""

    name = "marketplace"
