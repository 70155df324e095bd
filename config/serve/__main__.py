"""The supervisor as a process without Django, which `manage.py serve` turns itself into."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from config.serve.supervisor import Plan, Supervisor


def main() -> int:
    """Read the plan from the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m config.serve")
    for name in ("var", "valkey", "manage"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--demo", action="store_true")
    return Supervisor(plan=Plan(**vars(parser.parse_args()))).run()


if __name__ == "__main__":
    sys.exit(main())
