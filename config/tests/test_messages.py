"""Catalogues compiled here say the same as those compiled by gettext."""

from __future__ import annotations

import gettext
import io
import os
from pathlib import Path

import pytest

from config.messages import catalogue_bytes, catalogue_read, messages_compile

SAMPLE = r"""# Translators
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#: myhouse/x.py:3
msgid "Consumption"
msgstr "Verbrauch"

msgctxt "energy"
msgid "Grid"
msgstr "Netz"

msgid "%(count)d home"
msgid_plural "%(count)d homes"
msgstr[0] "%(count)d Haus"
msgstr[1] "%(count)d Häuser"

msgid ""
"A long line, "
"cut in \"two\"\n"
msgstr ""
"Eine lange Zeile, "
"in \"zwei\" geteilt\n"

#, fuzzy
msgid "Unsure"
msgstr "Vielleicht"

msgid "Missing"
msgstr ""

#~ msgid "Gone"
#~ msgstr "Weg"
"""


@pytest.fixture
def catalogue() -> gettext.GNUTranslations:
    return gettext.GNUTranslations(io.BytesIO(catalogue_bytes(catalogue_read(SAMPLE))))


def test_plain_contextual_plural_and_long_texts_are_translated(catalogue: gettext.GNUTranslations) -> None:
    assert catalogue.gettext("Consumption") == "Verbrauch"
    assert catalogue.pgettext("energy", "Grid") == "Netz"
    assert catalogue.ngettext("%(count)d home", "%(count)d homes", 1) == "%(count)d Haus"
    assert catalogue.ngettext("%(count)d home", "%(count)d homes", 5) == "%(count)d Häuser"
    assert catalogue.gettext('A long line, cut in "two"\n') == 'Eine lange Zeile, in "zwei" geteilt\n'


@pytest.mark.parametrize("text", ["Unsure", "Missing", "Gone"])
def test_fuzzy_empty_and_obsolete_entries_stay_in_the_source_language(
    catalogue: gettext.GNUTranslations, text: str
) -> None:
    assert catalogue.gettext(text) == text


def test_only_changed_catalogues_are_compiled(tmp_path: Path) -> None:
    source = tmp_path / "de" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text(SAMPLE, encoding="utf-8")

    assert messages_compile(locale=tmp_path) == 1
    assert messages_compile(locale=tmp_path) == 0
    later = source.with_suffix(".mo").stat().st_mtime + 5
    os.utime(source, (later, later))
    assert messages_compile(locale=tmp_path) == 1
