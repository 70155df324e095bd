"""Offers, trades, ledger."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MarketplaceConfig(AppConfig):
    """Offers, trades, ledger."""

    name = "marketplace"
    verbose_name = _("Market and money")
