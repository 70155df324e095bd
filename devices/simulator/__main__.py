"""`python -m devices.simulator`: serve the simulated community on Modbus TCP ports of this machine."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devices.simulator.checkpoint import checkpoint_read, checkpoint_write, spec_read
from devices.simulator.community import MOST_HOMES, Spec
from devices.simulator.installation import devices_plan
from devices.simulator.live import Live
from devices.simulator.server import Simulator, UnableToListen, devices_repeated
from devices.simulator.timeline import Timeline

BASE_PORT = 15_020
_WATCH_S = 1.0


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop, or until the starting process ends."""
    options = _parser().parse_args(arguments)
    try:
        spec, base_port = _spec(options)
        return asyncio.run(_serve(options, spec, base_port))
    except (UnableToListen, ValueError) as error:
        print(error, file=sys.stderr)  # noqa: T201 a program's output - the message of a command
        return 1


async def _serve(options: argparse.Namespace, spec: Spec, base_port: int) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    kept = options.state / "checkpoint.json" if options.state else None
    live = Live(Timeline(spec, checkpoint_read(kept, spec) if kept else None))
    live.moment(0)  # computes the days since the origin
    placed = devices_plan(spec)
    if options.devices:
        placed = devices_repeated(placed, options.devices, homes=spec.homes)
    simulator = Simulator(live=live, placed=placed, base_port=base_port)
    await simulator.start()
    if options.port_file:
        _announce(simulator, options.port_file)
    print(f"{len(simulator.devices)} simulated devices on {len(simulator.ports)} ports", flush=True)  # noqa: T201 a program's output
    parent = os.getppid()
    day = -1
    while not stop.is_set() and os.getppid() == parent:
        if kept and live.day is not None and live.day.number != day:
            day = live.day.number
            checkpoint_write(kept, spec, live.day.checkpoint_before())
        try:
            await asyncio.wait_for(stop.wait(), timeout=_WATCH_S)
        except TimeoutError:
            live.moment(0)  # the next day begins before the first poll asks for it
    simulator.stop()
    return 0


def _announce(simulator: Simulator, path: Path) -> None:
    """Write where each device stands, for the program that started us."""
    listed = []
    for key, served in simulator.devices.items():
        host, port, unit_id = simulator.address(key)
        placed = served.placed
        listed.append(
            {
                "key": key,
                "home": placed.home,
                "name": placed.name,
                "model": placed.model,
                "role": placed.role,
                "host": host,
                "port": port,
                "unit_id": unit_id,
            }
        )
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(listed), encoding="utf-8")
    fresh.replace(path)


def _spec(options: argparse.Namespace) -> tuple[Spec, int]:
    """What to simulate: as kept in the state folder, else by the options."""
    if options.state and (options.state / "spec.json").exists():
        return spec_read(options.state / "spec.json")
    origin = options.origin or (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    day = datetime.fromisoformat(origin).date()
    return Spec(origin=day, seed=options.seed, homes=options.homes), options.base_port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devices.simulator", description=__doc__)
    parser.add_argument("--homes", type=int, default=MOST_HOMES, help=f"1 to {MOST_HOMES} (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another community")
    parser.add_argument("--origin", help="UTC day at which the registers begin, YYYY-MM-DD (default: yesterday)")
    parser.add_argument("--base-port", type=int, default=BASE_PORT, help="first port; 0 = any free ports")
    parser.add_argument("--devices", type=int, default=0, help="serve exactly this many devices, repeating the homes")
    parser.add_argument("--port-file", type=Path, help="write where each device stands, as JSON")
    parser.add_argument("--state", type=Path, help="folder with the demo's spec.json; checkpoints are kept there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
