"""How the operators' pages look, and how their side bar is grouped; the one place that knows all apps' lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise

# Paper and ink of the product (static/css/tokens.css), in the steps the look asks for.
_PAPER = {
    "50": "#f8f7f3",
    "100": "#f1efe8",
    "200": "#dcd8cc",
    "300": "#c3beb0",
    "400": "#9aa19c",
    "500": "#626b65",
    "600": "#4a534e",
    "700": "#2f3b36",
    "800": "#212b27",
    "900": "#17201d",
    "950": "#0e1513",
}
_ACCENT = {
    "50": "#f0f6f3",
    "100": "#e0e9e4",
    "200": "#c3dad0",
    "300": "#b9e0d3",
    "400": "#8fcbb8",
    "500": "#6fbfa7",
    "600": "#1d4a40",
    "700": "#173d35",
    "800": "#123129",
    "900": "#0e2f28",
    "950": "#081c17",
}


def _list(app: str, model: str, title: _StrPromise, icon: str) -> dict[str, Any]:
    """Lead to the list of a model, for those who may open it."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may_open(app, model),
    }


def _may_open(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def permission(request: HttpRequest) -> bool:
        from django.apps import apps
        from django.contrib import admin

        return bool(admin.site.get_model_admin(apps.get_model(app, model)).has_module_permission(request))

    return permission


def _mail_kept(_request: HttpRequest) -> bool:
    from myhouse.selectors.mail import mail_is_kept

    return mail_is_kept()


def _theme(request: HttpRequest) -> str | None:
    """Follow what the person chose on the account page; without a choice, the device."""
    chosen = getattr(request.user, "theme", "auto")
    return chosen if chosen in {"light", "dark"} else None


def sidebar(_request: HttpRequest) -> list[dict[str, Any]]:
    """Return the side bar, grouped by subject."""
    return [
        {
            "items": [
                {"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")},
                {
                    "title": _("Kept mail"),
                    "icon": "mail",
                    "link": reverse_lazy("operator-mail"),
                    "permission": _mail_kept,
                },
            ]
        },
        {
            "title": _("People"),
            "separator": True,
            "items": [
                _list("myhouse", "user", _("People"), "person"),
                _list("myhouse", "membership", _("Members"), "group"),
                _list("myhouse", "invitation", _("Invitations"), "mail_lock"),
                _list("myhouse", "notice", _("Notices"), "notifications"),
                _list("myhouse", "privacyjob", _("Privacy requests"), "policy"),
            ],
        },
        {
            "title": _("Homes"),
            "separator": True,
            "items": [
                _list("myhouse", "household", _("Households"), "home"),
                _list("myhouse", "community", _("Communities"), "holiday_village"),
                _list("myhouse", "communitymembership", _("Memberships in communities"), "link"),
                _list("myhouse", "communityrole", _("Managers"), "manage_accounts"),
                _list("myhouse", "appliance", _("Appliances"), "kitchen"),
                _list("myhouse", "battery", _("Batteries"), "battery_charging_full"),
                _list("myhouse", "displaylink", _("Display links"), "tablet"),
            ],
        },
        {
            "title": _("Devices"),
            "separator": True,
            "items": [
                _list("devices", "device", _("Devices"), "router"),
                _list("devices", "devicechannel", _("Channels"), "cable"),
                _list("devices", "devicekey", _("Device keys"), "key"),
                _list("devices", "swapquestion", _("Meter swaps"), "swap_horiz"),
                _list("myhouse", "meteringpoint", _("Metering points"), "speed"),
                _list("myhouse", "measurement", _("Measurements"), "timeline"),
                _list("myhouse", "upload", _("Imports"), "upload_file"),
            ],
        },
        {
            "title": _("Market"),
            "separator": True,
            "items": [
                _list("marketplace", "offer", _("Offers"), "sell"),
                _list("marketplace", "trade", _("Trades"), "handshake"),
                _list("marketplace", "sellableenergy", _("Sellable energy"), "bolt"),
                _list("marketplace", "lot", _("Lots"), "inventory_2"),
                _list("marketplace", "allocation", _("Allocations"), "splitscreen"),
            ],
        },
        {
            "title": _("Money"),
            "separator": True,
            "items": [
                _list("marketplace", "cashorder", _("Deposits and payouts"), "payments"),
                _list("marketplace", "account", _("Accounts"), "account_balance_wallet"),
                _list("marketplace", "transfer", _("Transfers"), "sync_alt"),
                _list("marketplace", "entry", _("Entries"), "receipt_long"),
                _list("marketplace", "ledgerproof", _("Proofs of the ledger"), "verified"),
                _list("myhouse", "suppliercontract", _("Contracts"), "contract"),
                _list("myhouse", "referenceseries", _("Market prices and emission factors"), "monitoring"),
            ],
        },
        {
            "title": _("System"),
            "separator": True,
            "items": [
                _list("myhouse", "auditentry", _("Audit log"), "history"),
                _list("myhouse", "outboxmessage", _("Messages"), "outbox"),
                _list("myhouse", "failedtask", _("Failed tasks"), "error"),
                _list("myhouse", "accesstoken", _("Tokens"), "vpn_key"),
                _list("myhouse", "secondfactor", _("Second factors"), "phonelink_lock"),
                _list("myhouse", "recoverycode", _("Recovery codes"), "password"),
                _list("myhouse", "idempotencyrecord", _("Requests answered"), "done_all"),
            ],
        },
    ]


LOOK: dict[str, Any] = {
    "SITE_TITLE": _("MyHouse operation"),
    "SITE_HEADER": "MyHouse",
    "SITE_SUBHEADER": _("Operation"),
    "SITE_URL": "/home/",
    "SITE_ICON": lambda _request: static("img/icon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("img/icon.svg")},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": True,
    "SHOW_BACK_BUTTON": True,
    "THEME": _theme,
    "BORDER_RADIUS": "8px",
    "COLORS": {"base": _PAPER, "primary": _ACCENT},
    "STYLES": [
        lambda _request: static("css/tokens.css"),
        lambda _request: static("css/charts.css"),
        lambda _request: static("css/admin.css"),
    ],
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": sidebar},
    "DASHBOARD_CALLBACK": "myhouse.admin.start.start_page",
}
