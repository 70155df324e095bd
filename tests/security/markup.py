"""Reads a page the way a strict browser does: what would run or load, and from where."""

from __future__ import annotations

from html.parser import HTMLParser

_LOADS = {"src", "href", "action", "formaction", "poster", "data", "srcset", "ping", "manifest"}
# Data for our own scripts, which no browser runs.
_DATA = {"application/json"}


class Reader(HTMLParser):
    """Collects what a page must not have: code or style within it, and addresses of others."""

    def __init__(self) -> None:
        """Begin with nothing found."""
        super().__init__()
        self.inline: list[str] = []
        self.foreign: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") not in _DATA):
            self.inline.append(f"<{tag}>")
        for name, value in given.items():
            if name.startswith("on") or name in {"style", "srcdoc"} or value.strip().lower().startswith("javascript:"):
                self.inline.append(f"<{tag} {name}={value[:40]}>")
            if name in _LOADS and (value.startswith("//") or "://" in value.split("?")[0]):
                self.foreign.append(f"<{tag} {name}={value[:80]}>")


def read(html: str) -> Reader:
    """Read a page."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader
