"""How log lines look, and what never appears in one."""

from __future__ import annotations

import re
from typing import Any

import structlog

HIDDEN = "[hidden]"
_SECRET_NAMES = re.compile(
    r"pass(word|phrase)|secret|token|authorization|cookie|api_?key|device_?key|csrf", re.IGNORECASE
)
_SECRET_TEXTS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 " + HIDDEN),
    (
        re.compile(
            r"(?i)\b(password|passphrase|secret|token|authorization|cookie|\w*key)(['\"]?\s*[=:]\s*['\"]?)[^\s'\"&,;]{4,}"
        ),
        r"\1\2" + HIDDEN,
    ),
    (re.compile(r"\bmh[a-z]_[\w-]{16,}"), HIDDEN),  # device keys, wherever they stand
    # Addresses that are secrets themselves, in the lines of web server and framework.
    (
        re.compile(r"(/(?:display|join|sign-up/finish|password/reset/[^/\s]+)/)(?!sent/)[^/\s\"'?&<>]{8,}"),
        r"\1" + HIDDEN,
    ),
    # Named in plain words: only what looks drawn by chance, long and with a digit in it.
    (re.compile(r"(?i)\b(token|key|secret)\s+(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}"), r"\1 " + HIDDEN),
    (re.compile(r"://([^/\s:@]+):[^@\s/]+@"), r"://\1:" + HIDDEN + "@"),
)


def secrets_hide(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Replace what looks like a secret, by the field's name or by its shape within a text."""
    event.pop("color_message", None)  # the web server's second copy of its text
    return {name: _hidden(name, value) for name, value in event.items()}


def _hidden(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name):
        return HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): _hidden(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", inner) for inner in value]
    # Anything else (a request, an exception) would be written as this text after us.
    return text_hide(value if isinstance(value, str) else repr(value))


def text_hide(text: str) -> str:
    """Return the text without the secrets in it."""
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def logging_configuration(*, form: str, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: one line per event on stderr, as text or (form "json") as JSON."""
    # Formatted before it is hidden: a traceback's last line may quote a secret too.
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    last += [structlog.processors.format_exc_info, secrets_hide]
    last.append(
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False, sort_keys=False)
    )
    structlog.configure(
        processors=[
            *_shared(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": "structlog.stdlib.ProcessorFormatter",
                "processors": last,
                "foreign_pre_chain": [*_shared(), structlog.stdlib.ExtraAdder()],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Their own lines at INFO would fill the log with every single task.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "pymodbus": {"level": "CRITICAL"},
            # Its tracebacks at every try to connect: the store itself says when it is away and when it is back.
            "cassandra": {"level": "CRITICAL"},
            # At DEBUG it writes what every command asks for and answers: keys of sessions among it.
            "pymongo": {"level": "INFO"},
        },
    }
