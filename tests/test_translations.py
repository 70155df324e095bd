"""Every text of the product has its German: nothing missing, nothing unsure, nothing that loses a placeholder."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

from config.messages import catalogue_read

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "locale" / "de" / "LC_MESSAGES" / "django.po"
APPS = ("config", "devices", "marketplace", "myhouse", "telemetry")
PLAIN = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
IN_CONTEXT = {"pgettext", "pgettext_lazy"}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w*\}|%[sd]")


def keys_of(call: ast.Call) -> Iterator[str]:
    """The catalogue keys that one call of gettext asks for."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    texts = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    texts = [text for text in texts if isinstance(text, str)]
    if name in PLAIN and len(texts) == 1:
        yield texts[0]
    elif name in PLURAL and len(texts) == 2:
        yield "\0".join(texts)
    elif name in IN_CONTEXT and len(texts) == 2:
        yield "\4".join(texts)


def python_keys() -> Iterator[tuple[str, str]]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            if {"tests", "migrations"} & set(path.parts):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield from ((key, path.name) for key in keys_of(node))


def template_keys() -> Iterator[tuple[str, str]]:
    for folder in ("templates", *APPS):
        for path in [*(ROOT / folder).rglob("*.html"), *(ROOT / folder).rglob("*.txt")]:
            if "templates" not in path.parts:
                continue
            source = templatize(path.read_text(encoding="utf-8"), origin=path.name)
            for found in re.finditer(r"\b(n?p?gettext|_)\(", source):
                call = _call_at(source, found.start())
                if call is not None:
                    yield from ((key, path.name) for key in keys_of(call))


def _call_at(source: str, start: int) -> ast.Call | None:
    """Read the call that begins here: up to the first bracket that makes it whole."""
    for end in re.finditer(r"\)", source[start:]):
        try:
            return ast.parse(source[start : start + end.end()], mode="eval").body
        except SyntaxError:
            continue
    return None


def catalogue() -> dict[str, str]:
    return catalogue_read(CATALOGUE.read_text(encoding="utf-8"))


def test_every_text_in_the_code_has_its_german():
    known = catalogue()
    asked = [*python_keys(), *template_keys()]
    assert len(asked) > 500
    assert sorted({(key, where) for key, where in asked if key and key not in known}) == []


def test_no_entry_of_the_catalogue_is_open_or_unsure():
    text = CATALOGUE.read_text(encoding="utf-8")
    assert "fuzzy" not in text
    assert "#~" not in text
    entries = re.findall(r"^msgid ", text, re.MULTILINE)
    assert len(catalogue()) == len(entries)


def test_translations_keep_every_placeholder():
    lost = {
        key: german
        for key, german in catalogue().items()
        if key
        for form in german.split("\0")
        if set(PLACEHOLDER.findall(form)) != set(PLACEHOLDER.findall(key.split("\0")[-1]))
    }
    assert lost == {}
