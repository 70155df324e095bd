"""Where mail goes: into files of the data folder, or to the SMTP server that EMAIL_URL names."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

FILES = "django.core.mail.backends.filebased.EmailBackend"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
TIMEOUT_S = 10
HELP = "EMAIL_URL is smtp://user:password@host:587?from=myhouse@example.org"


class MailUrlError(ImproperlyConfigured):
    """What EMAIL_URL lacks; never with the URL itself, which holds a password."""


@dataclass(frozen=True)
class MailServer:
    """What Django's settings need; without a host mail is kept in files."""

    sender: str = "myhouse@localhost"
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False

    @property
    def backend(self) -> str:
        """Which of Django's ways it takes."""
        return SMTP if self.host else FILES


def mail_server(url: str) -> MailServer:
    """Read EMAIL_URL: `smtp://` begins TLS with STARTTLS, `smtps://` at once, `smtp+plain://` not at all.

    Raises MailUrlError.
    """
    if not url:
        return MailServer()
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise MailUrlError(f"EMAIL_URL begins with none of {', '.join(f'{name}://' for name in PORTS)}. {HELP}")
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError:
        raise MailUrlError(
            f"EMAIL_URL names no port between 1 and 65535 (a password's : and @ are %3A and %40). {HELP}"
        ) from None
    if not parts.hostname:
        raise MailUrlError(f"EMAIL_URL names no server. {HELP}")
    asked = parse_qs(parts.query)
    sender = asked.pop("from", [""])[0]
    try:
        validate_email(sender)
    except ValidationError:
        raise MailUrlError(f"EMAIL_URL says no address to send from. {HELP}") from None
    if asked:
        raise MailUrlError(f"EMAIL_URL says {', '.join(sorted(asked))}, which means nothing here. {HELP}")
    return MailServer(
        sender=sender,
        host=parts.hostname,
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parts.scheme == "smtp",
        tls=parts.scheme == "smtps",
    )
