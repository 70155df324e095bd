"""What every test may rely on: a folder of its own, a real Valkey, an empty time-series store."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Before Django reads its settings: tests never touch the installation's own var/.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
_var = Path(tempfile.mkdtemp(prefix=f"myhouse-test-{_worker}-"))
os.environ["MYHOUSE_VAR"] = str(_var)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
