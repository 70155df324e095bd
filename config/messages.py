"""Translations compiled without GNU gettext, so that running needs nothing but Python.

`make messages` (for translators) uses gettext's own tools; what it writes is read here.
"""

from __future__ import annotations

import ast
import struct
from pathlib import Path

MAGIC = 0x950412DE


def catalogue_read(text: str) -> dict[str, str]:
    """Return message → translation of a .po file; fuzzy, obsolete and empty entries are left out."""
    found: dict[str, str] = {}
    for block in text.split("\n\n"):
        entry = _entry(block)
        if entry is not None:
            found[entry[0]] = entry[1]
    return found


def _entry(block: str) -> tuple[str, str] | None:
    fields: dict[str, str] = {}
    keyword = ""
    for raw in block.splitlines():
        line = raw.strip()
        if line.startswith("#,") and "fuzzy" in line:
            return None
        if not line or line.startswith("#"):
            continue
        if not line.startswith('"'):
            keyword, _, line = line.partition(" ")
            fields[keyword] = ""
        # The quoting of .po files is a subset of Python's.
        fields[keyword] += ast.literal_eval(line)
    if "msgid" not in fields:
        return None
    message = fields["msgid"]
    if "msgid_plural" in fields:
        message += "\0" + fields["msgid_plural"]
        forms = [fields[name] for name in sorted(fields) if name.startswith("msgstr[")]
        translation = "\0".join(forms) if all(forms) else ""
    else:
        translation = fields.get("msgstr", "")
    if "msgctxt" in fields:
        message = fields["msgctxt"] + "\4" + message
    return (message, translation) if translation else None


def catalogue_bytes(messages: dict[str, str]) -> bytes:
    """Return the .mo file: a sorted table of offsets, then the texts, each ended by a zero."""
    pairs = sorted((key.encode(), value.encode()) for key, value in messages.items())
    ids = b"".join(key + b"\0" for key, _ in pairs)
    texts = b"".join(value + b"\0" for _, value in pairs)
    count = len(pairs)
    start = 28 + 16 * count
    id_table, text_table = [], []
    id_at, text_at = start, start + len(ids)
    for key, value in pairs:
        id_table += [len(key), id_at]
        text_table += [len(value), text_at]
        id_at += len(key) + 1
        text_at += len(value) + 1
    header = struct.pack("<7I", MAGIC, 0, count, 28, 28 + 8 * count, 0, start)
    return header + struct.pack(f"<{4 * count}I", *id_table, *text_table) + ids + texts


def messages_compile(*, locale: Path) -> int:
    """Compile every catalogue that is newer than its compiled form; return how many were."""
    compiled = 0
    for source in sorted(locale.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        fresh = target.with_suffix(".mo.new")
        fresh.write_bytes(catalogue_bytes(catalogue_read(source.read_text(encoding="utf-8"))))
        fresh.replace(target)
        compiled += 1
    return compiled
