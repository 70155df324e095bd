"""Copy the locked browser libraries into static/vendor, each with its version and licence.

    npm ci --ignore-scripts && python3 tools/assets.py     refreshes
    python3 tools/assets.py --check                        only compares with package-lock.json

Uses nothing but the standard library, so that it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
MANIFEST = VENDOR / "manifest.json"
# package -> its file, the name it is served under, its licence text
SERVED = {"htmx.org": ("dist/htmx.min.js", "htmx.min.js", "LICENSE")}


def locked(package: str) -> dict[str, str]:
    """Return version, licence and integrity of a package as the lock has them."""
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    entry = lock["packages"][f"node_modules/{package}"]
    return {key: entry[key] for key in ("version", "license", "integrity")}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refresh() -> None:
    """Copy each served file and write the manifest anew."""
    manifest = {}
    for package, (source, name, licence) in SERVED.items():
        folder = ROOT / "node_modules" / package
        installed = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
        if installed != locked(package)["version"]:
            sys.exit(f"{package} {installed} is installed, the lock says {locked(package)['version']}: run npm ci.")
        shutil.copyfile(folder / source, VENDOR / name)
        shutil.copyfile(folder / licence, VENDOR / f"{name}.LICENSE")
        manifest[name] = {"package": package, **locked(package), "sha256": digest(VENDOR / name)}
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def faults() -> list[str]:
    """Return what in static/vendor does not follow from the lock."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    found = []
    for package, (_source, name, _licence) in SERVED.items():
        entry = manifest.get(name, {})
        if {key: entry.get(key) for key in locked(package)} != locked(package):
            found.append(f"{name} is not of the locked {package} {locked(package)['version']}: run make assets.")
        if not (VENDOR / name).is_file() or entry.get("sha256") != digest(VENDOR / name):
            found.append(f"{name} was changed by hand: run make assets.")
        if not (VENDOR / f"{name}.LICENSE").is_file():
            found.append(f"{name} has no licence beside it: run make assets.")
    return found


def main() -> None:
    """Refresh, or with --check say what is wrong."""
    if "--check" not in sys.argv:
        refresh()
    found = faults()
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
