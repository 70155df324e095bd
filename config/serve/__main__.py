"""The supervisor as a process without Django, which `manage.py serve` turns itself into."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from config.serve.parts import Plan
from config.serve.supervisor import Supervisor


def main() -> int:
    """Read the plan from the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m config.serve")
    for name in ("var", "manage"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--valkey", type=Path, default=None)
    parser.add_argument("--file", dest="files", action="append", default=[])
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--web", type=int, default=1)
    parser.add_argument("--workers", default="all")
    chosen = vars(parser.parse_args())
    chosen["files"] = tuple(chosen["files"])
    return Supervisor(plan=Plan(**chosen)).run()


if __name__ == "__main__":
    sys.exit(main())
