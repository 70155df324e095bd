"""What a production must not look like: no process starts with such an environment; `check --deploy` says the rest."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 Django's own name for it
from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment

SHORTEST_KEY = 32
_HERE = {"localhost", "127.0.0.1", "[::1]", "::1"}


class UnsafeEnvironment(ImproperlyConfigured):
    """The environment would make the installation an easy prey; the message says what to set."""


def faults(environment: Environment) -> list[str]:
    """Say what makes this environment unsafe to start with; nothing for one that is made for trying out at home."""
    public = sorted(host for host in environment.allowed_hosts if _is_public(host))
    found = []
    if "*" in environment.allowed_hosts:
        found.append("ALLOWED_HOSTS is “*”: name the hosts that people type, or anybody makes up links in our mails.")
    if environment.debug and (public or environment.https or _is_public(_host(environment.public_url))):
        found.append("DEBUG=1 shows the inside to every visitor: set it to 0, or answer to this machine only.")
    if environment.on_servers and not environment.secret_key_given:
        found.append("SECRET_KEY is not set, but servers are named: every replica needs the same one. Set it.")
    if environment.secret_key_given and len(environment.secret_key) < SHORTEST_KEY:
        found.append(f"SECRET_KEY is shorter than {SHORTEST_KEY} characters: set one drawn by chance.")
    return found


def environment_require_safe(environment: Environment) -> None:
    """Refuse to go on with an unsafe environment."""
    found = faults(environment)
    if found:
        raise UnsafeEnvironment("Not started. " + " ".join(found))


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """An installation that others reach is reached by TLS, under the name it puts into its mails."""
    environment: Environment = settings.ENVIRONMENT
    public = [host for host in environment.allowed_hosts if _is_public(host)]
    host = _host(environment.public_url)
    found: list[CheckMessage] = []
    if not environment.https and (public or environment.public_url.startswith("https:")):
        found.append(
            Warning("It is reached from elsewhere, but HTTPS is not 1.", hint="Put TLS in front.", id="config.W001")
        )
    if public and not any(host == one or (one.startswith(".") and host.endswith(one)) for one in public):
        found.append(
            Warning(
                f"PUBLIC_URL names {host}, which is not in ALLOWED_HOSTS.",
                hint="Links in mails would lead nowhere: set PUBLIC_URL.",
                id="config.W002",
            )
        )
    return found


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _is_public(host: str) -> bool:
    return bool(host) and host not in _HERE and not host.endswith(".localhost")
