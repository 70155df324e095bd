"""Commands of the product, run as an operator runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def managed(url: str, var: Path, *words: str) -> str:
    """What a management command says, with the time series at this URL."""
    surroundings = {**os.environ, "TELEMETRY_URL": url, "SECRET_KEY": "Ee7" * 20, "MYHOUSE_VAR": str(var)}
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=Path(__file__).parents[2],
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
