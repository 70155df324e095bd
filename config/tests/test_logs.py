"""Secrets never reach a log line."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog
from django.conf import settings

from config.logs import logging_configuration, text_hide

SECRET = "s3cr3t-V4lue-0123456789"


@pytest.fixture(params=["json", "console"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Log into a buffer with the product's own configuration."""
    configuration = logging_configuration(form=request.param, level="DEBUG")
    buffer = io.StringIO()
    configuration["handlers"]["console"]["stream"] = buffer
    logging.config.dictConfig(configuration)
    yield buffer
    logging.config.dictConfig(settings.LOGGING)


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}",
        f"password={SECRET}",
        f'{{"password": "{SECRET}"}}',
        f"device_key='{SECRET}'",
        f"redis://user:{SECRET}@host/0",
        f"Token {SECRET} was used",
        f"/invite?token={SECRET}&x=1",
        f"mhd_{SECRET} came from 10.0.0.3",
    ],
)
def test_a_text_loses_its_secret(lines: io.StringIO, text: str) -> None:
    logging.getLogger("myhouse").warning(text)

    assert SECRET not in lines.getvalue()
    assert "myhouse" in lines.getvalue()


@pytest.mark.parametrize("field", ["password", "token", "device_key", "secret", "cookie", "api_key"])
def test_a_field_loses_its_secret(lines: io.StringIO, field: str) -> None:
    logging.getLogger("myhouse").warning("signed in", extra={field: SECRET})
    structlog.get_logger("myhouse").warning("signed in", **{field: SECRET})

    assert SECRET not in lines.getvalue()
    assert lines.getvalue().count("signed in") == 2


def test_an_argument_loses_its_secret(lines: io.StringIO) -> None:
    logging.getLogger("myhouse").warning("the password: %s", SECRET)

    assert SECRET not in lines.getvalue()


def test_a_traceback_loses_its_secret(lines: io.StringIO) -> None:
    try:
        raise ValueError(f"bad token={SECRET}")  # noqa: TRY301 the traceback is what is tested
    except ValueError:
        logging.getLogger("myhouse").exception("failed")

    assert "ValueError" in lines.getvalue()
    assert SECRET not in lines.getvalue()


def test_an_ordinary_text_stays_as_it_is() -> None:
    text = "Device 4f6b of key figures answered after 12 ms: https://example.org/a?b=c"

    assert text_hide(text) == text


def test_json_lines_can_be_read_by_machines() -> None:
    configuration = logging_configuration(form="json", level="INFO")
    buffer = io.StringIO()
    configuration["handlers"]["console"]["stream"] = buffer
    logging.config.dictConfig(configuration)
    logging.getLogger("myhouse").info("polled", extra={"devices": 3})
    logging.config.dictConfig(settings.LOGGING)

    line = json.loads(buffer.getvalue())
    assert (line["event"], line["devices"], line["level"]) == ("polled", 3, "info")
