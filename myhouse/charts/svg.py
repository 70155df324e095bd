"""The few SVG elements that charts are made of; text is escaped here and nowhere else."""

from __future__ import annotations

from html import escape


def place(value: float) -> str:
    """Write a coordinate as short as it can be."""
    return f"{value:.1f}".removesuffix(".0")


def per_cent(fraction: float) -> str:
    """Write a horizontal place as a share of the plot's width."""
    return f"{fraction * 100:.2f}".rstrip("0").rstrip(".") + "%"


def element(name: str, content: str | None = None, **attributes: str | float) -> str:
    """Return an element; `class_` becomes class, underscores become dashes."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value if isinstance(value, str) else place(value))}"'
        for key, value in attributes.items()
    )
    return f"<{name}{written}/>" if content is None else f"<{name}{written}>{content}</{name}>"


def text(content: str, **attributes: str | float) -> str:
    """Return a text element."""
    return element("text", escape(content), **attributes)


def hatch(identifier: str) -> str:
    """Return the pattern that marks what is estimated."""
    stroke = element("path", d="M-2 2 2 -2M0 8 8 0M6 10 10 6", class_="hatch")
    pattern = element("pattern", stroke, id=identifier, width=8, height=8, patternUnits="userSpaceOnUse")
    return element("defs", pattern)


def stretched(content: str, *, width: float, height: float, y: float = 0) -> str:
    """Return a nested picture that fills the plot's width, whatever that is."""
    box = f"0 0 {place(width)} {place(height)}"
    return element("svg", content, y=y, width="100%", height=height, viewBox=box, preserveAspectRatio="none")
