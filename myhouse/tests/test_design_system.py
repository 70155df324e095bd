"""The design system keeps its promises: contrast, colours told apart by everybody, three sizes, nothing inline."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
CSS = ROOT / "static" / "css"
THEMES = ("light", "dark")
FLOWS = ("sun", "battery", "home", "community", "grid-import", "grid-export")
GROUNDS = ("paper", "surface")
TEXT_ON = {
    "ink": ("paper", "surface", "sunken", "accent-soft", "good-soft", "warn-soft", "bad-soft"),
    "ink-soft": ("paper", "surface", "sunken"),
    "accent": ("paper", "surface", "accent-soft", "sunken"),
    "on-accent": ("accent", "accent-strong"),
    "good": ("surface", "good-soft"),
    "warn": ("surface", "warn-soft"),
    "bad": ("surface", "bad-soft", "paper"),
}
# Machado, Oliveira, Fernandes 2009: full protanopia and deuteranopia, in linear RGB.
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
)


def tokens(theme: str) -> dict[str, np.ndarray]:
    """Read the colours of a theme as linear RGB."""
    text = (CSS / "tokens.css").read_text()
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", text)
    return {name: linear(light if theme == "light" else dark) for name, light, dark in found}


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """The contrast ratio of WCAG 2."""
    high, low = sorted((float(c @ [0.2126, 0.7152, 0.0722]) for c in (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(colour: np.ndarray) -> np.ndarray:
    xyz = TO_XYZ @ np.clip(colour, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """CIEDE2000 between two Lab colours."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, (1 + g) * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    h = h1 + turn / 2
    c, light = (c1 + c2) / 2, (l1 + l2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(h - 30))
        + 0.24 * np.cos(np.radians(2 * h))
        + 0.32 * np.cos(np.radians(3 * h + 6))
        - 0.2 * np.cos(np.radians(4 * h - 63))
    )
    sl = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    sc, sh = 1 + 0.045 * c, 1 + 0.015 * c * t
    bend = np.exp(-((((h % 360) - 275) / 25) ** 2))
    rt = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(np.radians(60 * bend))
    x, y, z = (l2 - l1) / sl, (c2 - c1) / sc, dh / sh
    return float(np.sqrt(x * x + y * y + z * z + rt * y * z))


def test_the_colour_difference_agrees_with_published_pairs():
    # Sharma, Wu, Dalal 2005, table 1, pairs 1, 7, 19 and 25.
    assert difference([50, 2.6772, -79.7751], [50, 0, -82.7485]) == pytest.approx(2.0425, abs=1e-4)
    assert difference([50, 0, 0], [50, -1, 2]) == pytest.approx(2.3669, abs=1e-4)
    assert difference([50, 2.5, 0], [50, 3.1736, 0.5854]) == pytest.approx(1.0, abs=1e-4)
    assert difference([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387]) == pytest.approx(1.2644, abs=1e-4)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("text", "ground"), [(t, g) for t, grounds in TEXT_ON.items() for g in grounds])
def test_text_has_enough_contrast_on_every_ground_it_stands_on(theme, text, ground):
    colours = tokens(theme)
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("flow", FLOWS)
def test_each_flow_stands_out_from_the_ground(theme, flow):
    colours = tokens(theme)
    assert min(contrast(colours[flow], colours[ground]) for ground in GROUNDS) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_lines_that_bound_fields_stand_out_from_the_ground(theme):
    colours = tokens(theme)
    assert min(contrast(colours["line-strong"], colours[ground]) for ground in GROUNDS) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("sight", SIGHT)
def test_the_flows_are_told_apart_by_every_kind_of_sight(theme, sight):
    colours = tokens(theme)
    seen = {flow: lab(SIGHT[sight] @ colours[flow]) for flow in FLOWS}
    distances = {(a, b): difference(seen[a], seen[b]) for a, b in itertools.combinations(FLOWS, 2)}
    assert min(distances.values()) >= 11, min(distances, key=distances.get)


def test_a_page_has_three_sizes_of_type():
    sizes = {
        size
        for path in CSS.glob("*.css")
        if path.name != "flow.css"
        for size in re.findall(r"font-size:\s*([^;]+);", path.read_text())
    }
    assert sizes <= {"var(--text-s)", "var(--text-m)", "var(--text-l)", "100%"}


def test_space_keeps_to_the_grid_of_four_pixels():
    text = (CSS / "tokens.css").read_text()
    steps = [int(px) for px in re.findall(r"--s\d: (\d+)px", text)]
    assert len(steps) == 8
    assert all(px % 4 == 0 for px in steps)


def templates() -> list[Path]:
    return [path for path in (ROOT / "templates").rglob("*.html") if "mail" not in path.parts]


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_templates_hold_no_inline_style_script_or_foreign_address(path):
    text = path.read_text()
    assert not re.search(r"\sstyle=", text)
    assert not re.search(r"\son\w+=", text)
    assert not re.search(r"<script(?![^>]*\b(src|type=\"application/json\"))", text)
    assert not re.search(r"(src|href|action)=\"(https?:)?//", text)
