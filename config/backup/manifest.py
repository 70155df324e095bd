"""What an archive says about its contents: the first member, read before anything else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

FORMAT = 1
NAME = "manifest.json"
LARGEST_MANIFEST = 64 * 1_048_576


class Part(msgspec.Struct, frozen=True):
    """One file: its path inside the data folder, its size, and the digest that proves it whole."""

    path: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """Versions, counts, parts."""

    format: int
    product: str
    installation_format: int
    created_at: str
    migrations: list[str]
    counts: dict[str, dict[str, int]]
    parts: list[Part]


def version_key(version: str) -> tuple[int, ...]:
    """Return a version such as 0.10.2 in a form that compares as people expect."""
    return tuple(int(number) for number in version.split(".") if number.isdigit())


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
