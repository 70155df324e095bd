"""Mail to a real SMTP server: over TLS with a password, later while it is away, never without encryption."""

from __future__ import annotations

import ssl
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from django.test import override_settings
from django.utils import timezone

from config.cluster.child import free_port
from config.mail import FILES, MailServer, MailUrlError, mail_server
from myhouse.documents.models import OutboxMessage
from myhouse.documents.outbox import mail_put, outbox_flush
from myhouse.selectors.mail import mail_is_kept
from tests.certificates import certificates_make


class Inbox:
    """What the server took."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 the server's name for it
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content.decode(), session.ssl is not None))
        return "250 taken"


def let_in(_server, _session, _envelope, _mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"myhouse", b"p@ss:word"), handled=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return certificates_make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server(certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server, certificates.server_key)
    controller = Controller(
        Inbox(),
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=let_in,
        auth_required=True,
    )
    controller.start()
    yield controller
    controller.stop()


def by(server: MailServer) -> override_settings:
    """Settings as config.settings makes them of EMAIL_URL."""
    return override_settings(
        EMAIL_BACKEND=server.backend,
        DEFAULT_FROM_EMAIL=server.sender,
        EMAIL_HOST=server.host,
        EMAIL_PORT=server.port,
        EMAIL_HOST_USER=server.user,
        EMAIL_HOST_PASSWORD=server.password,
        EMAIL_USE_TLS=server.starttls,
        EMAIL_USE_SSL=server.tls,
    )


@pytest.mark.django_db
def test_a_mail_goes_out_over_tls_with_user_and_password(server):
    now = timezone.now()
    mail_put(to="a.home@example.org", subject="Ihre Rechnung für März", body="Grüße\nhttps://example.org/x", now=now)
    url = f"smtp://myhouse:p%40ss%3Aword@127.0.0.1:{server.port}?from=community@example.org"
    with by(mail_server(url)):
        assert not mail_is_kept()
        assert outbox_flush(now=now) == 1

    ((sender, receivers, text, was_encrypted),) = server.handler.mails
    assert (sender, receivers, was_encrypted) == ("community@example.org", ["a.home@example.org"], True)
    assert "Subject: =?utf-8?" in text


@pytest.mark.django_db
def test_a_wrong_password_or_a_server_that_is_away_is_noted_and_tried_again(server):
    now = timezone.now()
    message = mail_put(to="a.home@example.org", subject="Hello", body="World", now=now)
    url = f"smtp://myhouse:%s@127.0.0.1:{server.port}?from=community@example.org"
    with by(mail_server(url % "wrong")):
        assert outbox_flush(now=now) == 0
    message.refresh_from_db()
    assert message.last_error.startswith("SMTPAuthenticationError")
    assert server.handler.mails == []

    later = now + timedelta(minutes=1)
    with by(mail_server(f"smtp://127.0.0.1:{free_port()}?from=community@example.org")):
        assert outbox_flush(now=later) == 0
    message.refresh_from_db()
    assert message.last_error.startswith("ConnectionRefusedError")
    assert OutboxMessage.objects.filter(due_at__gt=later).count() == 1


@pytest.mark.django_db
def test_a_server_without_encryption_gets_no_password(certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    plain = Controller(Inbox(), hostname="127.0.0.1", port=free_port(), authenticator=let_in)
    plain.start()
    now = timezone.now()
    message = mail_put(to="a.home@example.org", subject="Hello", body="World", now=now)
    url = f"smtp://myhouse:p%40ss%3Aword@127.0.0.1:{plain.port}?from=community@example.org"
    try:
        with by(mail_server(url)):
            assert outbox_flush(now=now) == 0
    finally:
        plain.stop()
    message.refresh_from_db()
    assert "STARTTLS" in message.last_error
    assert plain.handler.mails == []


def test_without_email_url_mail_is_kept_in_files():
    assert mail_server("") == MailServer()
    assert mail_server("").backend == FILES


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("smtp://m.example.org?from=a@example.org", ("m.example.org", 587, True, False)),
        ("smtps://m.example.org?from=a@example.org", ("m.example.org", 465, False, True)),
        ("smtp+plain://127.0.0.1:1025?from=a@example.org", ("127.0.0.1", 1025, False, False)),
    ],
)
def test_the_scheme_decides_over_port_and_encryption(url, found):
    server = mail_server(url)
    assert (server.host, server.port, server.starttls, server.tls) == found


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mail.example.org", "begins with none of"),
        ("http://mail.example.org?from=a@example.org", "begins with none of"),
        ("smtp://?from=a@example.org", "names no server"),
        ("smtp://m.example.org:99999?from=a@example.org", "no port between"),
        ("smtp://user:se:cret@m.example.org:x?from=a@example.org", "no port between"),
        ("smtp://user:secret@m.example.org", "no address to send from"),
        ("smtp://user:secret@m.example.org?from=nobody", "no address to send from"),
        ("smtp://user:secret@m.example.org?from=a@example.org&tls=0", "says tls"),
    ],
)
def test_a_wrong_url_is_refused_with_what_is_missing_and_without_its_password(url, says):
    with pytest.raises(MailUrlError, match=says) as refused:
        mail_server(url)
    assert "secret" not in str(refused.value)
    assert "se:cret" not in str(refused.value)
