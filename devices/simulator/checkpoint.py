"""Where the simulation stands, kept in a file so that a start need not compute everything since the origin."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import date
from pathlib import Path

from devices.simulator.community import Spec
from devices.simulator.timeline import Checkpoint

_VERSION = 1  # raised whenever the physics changes: older checkpoints are then computed anew


def checkpoint_read(path: Path, spec: Spec) -> Checkpoint | None:
    """The checkpoint of this very simulation, or None."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["version"] != _VERSION or kept["spec"] != _spec(spec):
            return None
        return Checkpoint(**kept["checkpoint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def checkpoint_write(path: Path, spec: Spec, checkpoint: Checkpoint) -> None:
    """Keep a checkpoint; a reader sees the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    kept = {"version": _VERSION, "spec": _spec(spec), "checkpoint": asdict(checkpoint)}
    fresh.write_text(json.dumps(kept), encoding="utf-8")
    fresh.replace(path)


def spec_write(path: Path, spec: Spec, *, base_port: int) -> None:
    """Keep what the simulation depends on, for the process that serves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(_spec(spec) | {"base_port": base_port}), encoding="utf-8")
    fresh.replace(path)


def spec_read(path: Path) -> tuple[Spec, int]:
    """The kept simulation and its base port; OSError or ValueError if there is none."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    base_port = int(kept.pop("base_port"))
    kept["origin"] = date.fromisoformat(kept["origin"])
    return Spec(**kept), base_port


def _spec(spec: Spec) -> dict[str, object]:
    return asdict(spec) | {"origin": spec.origin.isoformat()}
