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


# The side bar below the start page: subjects, and the lists of each by app, model, title and icon.
_GROUPS: tuple[tuple[_StrPromise, tuple[tuple[str, str, _StrPromise, str], ...]], ...] = (
    (
        _("People"),
        (
            ("myhouse", "user", _("People"), "person"),
            ("myhouse", "membership", _("Members"), "group"),
            ("myhouse", "invitation", _("Invitations"), "mail_lock"),
            ("myhouse", "notice", _("Notices"), "notifications"),
            ("myhouse", "privacyjob", _("Privacy requests"), "policy"),
        ),
    ),
    (
        _("Homes"),
        (
            ("myhouse", "household", _("Households"), "home"),
            ("myhouse", "community", _("Communities"), "holiday_village"),
            ("myhouse", "communitymembership", _("Memberships in communities"), "link"),
            ("myhouse", "communityrole", _("Managers"), "manage_accounts"),
            ("myhouse", "appliance", _("Appliances"), "kitchen"),
            ("myhouse", "battery", _("Batteries"), "battery_charging_full"),
            ("myhouse", "displaylink", _("Display links"), "tablet"),
        ),
    ),
    (
        _("Devices"),
        (
            ("devices", "device", _("Devices"), "router"),
            ("devices", "devicechannel", _("Channels"), "cable"),
            ("devices", "devicekey", _("Device keys"), "key"),
            ("devices", "swapquestion", _("Meter swaps"), "swap_horiz"),
            ("myhouse", "meteringpoint", _("Metering points"), "speed"),
            ("myhouse", "measurement", _("Measurements"), "timeline"),
            ("myhouse", "upload", _("Imports"), "upload_file"),
        ),
    ),
    (
        _("Market"),
        (
            ("marketplace", "offer", _("Offers"), "sell"),
            ("marketplace", "trade", _("Trades"), "handshake"),
            ("marketplace", "sellableenergy", _("Sellable energy"), "bolt"),
            ("marketplace", "lot", _("Lots"), "inventory_2"),
            ("marketplace", "allocation", _("Allocations"), "splitscreen"),
        ),
    ),
    (
        _("Money"),
        (
            ("marketplace", "cashorder", _("Deposits and payouts"), "payments"),
            ("marketplace", "account", _("Accounts"), "account_balance_wallet"),
            ("marketplace", "transfer", _("Transfers"), "sync_alt"),
            ("marketplace", "entry", _("Entries"), "receipt_long"),
            ("marketplace", "ledgerproof", _("Proofs of the ledger"), "verified"),
            ("myhouse", "suppliercontract", _("Contracts"), "contract"),
            ("myhouse", "referenceseries", _("Market prices and emission factors"), "monitoring"),
        ),
    ),
    (
        _("System"),
        (
            ("myhouse", "auditentry", _("Audit log"), "history"),
            ("myhouse", "outboxmessage", _("Messages"), "outbox"),
            ("myhouse", "failedtask", _("Failed tasks"), "error"),
            ("myhouse", "accesstoken", _("Tokens"), "vpn_key"),
            ("myhouse", "secondfactor", _("Second factors"), "phonelink_lock"),
            ("myhouse", "recoverycode", _("Recovery codes"), "password"),
            ("myhouse", "idempotencyrecord", _("Requests answered"), "done_all"),
        ),
    ),
)


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
    """Return the side bar, grouped by subject; a list shows to those who may open it."""
    mail = {
        "title": _("Kept mail"),
        "icon": "mail",
        "link": reverse_lazy("operator-mail"),
        "permission": _mail_kept,
    }
    api = {"title": _("API"), "icon": "api", "link": reverse_lazy("api-docs")}
    first = {
        "items": [{"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")}, mail, api],
    }
    return [first, *({"title": title, "separator": True, "items": _lists(lists)} for title, lists in _GROUPS)]


def _lists(lists: tuple[tuple[str, str, _StrPromise, str], ...]) -> list[dict[str, Any]]:
    return [
        {
            "title": title,
            "icon": icon,
            "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
            "permission": _may_open(app, model),
        }
        for app, model, title, icon in lists
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
