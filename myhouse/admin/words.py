"""Words of the admin's look that come without a German translation: named here, so that ours is used."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

WORDS = (
    _("Apply Filters"),
    _("Dark"),
    _("Expand row"),
    _("Filters"),
    _("General"),
    _("Go back"),
    _("Light"),
    _("More actions"),
    _("Next"),
    _("No data"),
    _("No results found"),
    _("Previous"),
    _("Reset filters"),
    _("Return to site"),
    _("Run"),
    _("Select action"),
    _("Select action to run"),
    _("Select all rows"),
    _("Select record"),
    _("System"),
    _("This page yielded into no results. Create a new item or reset your filters."),
    _("Type to search"),
)
