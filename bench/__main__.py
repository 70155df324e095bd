"""`make bench [-- names]`: run the benchmarks one after the other and print one table; nothing is stored."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.rows import Row, number

NAMES = ("telemetry", "query", "ingest", "polling", "pages", "live", "memory", "trades", "mongo", "cassandra", "cold")
ROOT = Path(__file__).resolve().parent.parent
LONGEST_SECONDS = 900


def rows_here(name: str) -> list[Row]:
    """Run one benchmark in this process, in a data folder of its own."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from config.cluster.child import UnableToStart

    try:
        rows: list[Row] = importlib.import_module(f"bench.{name}_bench").rows()
    except UnableToStart as error:
        print(f"{name}: not measured here. {error}", flush=True)
        return []
    return rows


def rows_apart(name: str) -> list[Row] | str:
    """Run one benchmark in a process of its own; the answer is its rows, or why there are none."""
    if not (ROOT / "bench" / f"{name}_bench.py").exists():
        return "not there"
    # A short path: the broker's socket lies inside.
    folder = Path(tempfile.mkdtemp(prefix="mh-bench-"))
    environment = {
        **os.environ,
        "MYHOUSE_VAR": str(folder / "var"),
        "LOG_LEVEL": "WARNING",
        "OPENBLAS_NUM_THREADS": "1",
    }
    result = folder / "rows.json"
    try:
        command = [sys.executable, "-m", "bench", "--rows", name, str(result)]
        done = subprocess.run(command, cwd=ROOT, env=environment, timeout=LONGEST_SECONDS, check=False)
        if done.returncode:
            return f"ended with exit code {done.returncode}"
        return [Row(**fields) for fields in json.loads(result.read_text(encoding="utf-8"))]
    except subprocess.TimeoutExpired:
        return f"took longer than {LONGEST_SECONDS} s"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def table(rows: list[Row]) -> str:
    """Lay the rows out in columns."""
    lines = [("row", "ours", "limit (same run)", "ratio", "target", "met")]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        limit = "" if row.limit is None else f"{number(row.limit)} {row.unit}, {row.limit_name}"
        lines.append(
            (row.name, f"{number(row.ours)} {row.unit}", limit, ratio, row.target, "yes" if row.met else "NO")
        )
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    text.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"  {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*text, *(["", "Notes:", *notes] if notes else [])])


def main() -> int:
    """Run all benchmarks, or those named."""
    if sys.argv[1:2] == ["--rows"]:
        name, result = sys.argv[2:4]
        Path(result).write_text(json.dumps([asdict(row) for row in rows_here(name)]), encoding="utf-8")
        return 0
    wanted = sys.argv[1:] or list(NAMES)
    rows: list[Row] = []
    failed = 0
    for name in wanted:
        print(f"… {name}", flush=True)
        found = rows_apart(name)
        if isinstance(found, str):
            failed += 1
            print(f"{name}: no figures ({found})", flush=True)
        else:
            rows += found
    print("\n" + table(rows))
    missed = [row.name for row in rows if not row.met]
    if missed:
        print(f"\nBelow target: {'; '.join(missed)}")
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
