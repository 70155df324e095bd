"""The JSON schema of device models, made from the types that read them.

.venv/bin/python tools/catalogue_schema.py           writes devices/catalogue/model.schema.json
.venv/bin/python tools/catalogue_schema.py --check   only compares
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "devices" / "catalogue" / "model.schema.json"
sys.path.insert(0, str(ROOT))

import msgspec

from devices.drivers.model import Model


def main() -> int:
    """Write or compare."""
    text = msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Model)), indent=2).decode() + "\n"
    if sys.argv[1:] != ["--check"]:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        print(f"{TARGET.relative_to(ROOT)} is out of date: run tools/catalogue_schema.py and commit it.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
