"""`python -m config.cluster run`: the product on servers of this machine; `… fetch` gets what they need beforehand."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from config.cluster.cassandra import library_fetch
from config.cluster.child import UnableToStart
from config.cluster.java import ROOT, java_fetch
from config.cluster.run import Plan, run, say
from config.cluster.servers import Kept


def main(words: list[str]) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m config.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="get Java and Cassandra, where they are missing")
    running = commands.add_parser("run", help="start MongoDB, Cassandra, Valkey and the product with its demo")
    running.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="nodes of Cassandra (default: 1)")
    running.add_argument("--port", type=int, default=8000, help="where the product listens (default: 8000)")
    running.add_argument("--empty", action="store_true", help="leave the demo out")
    telling = commands.add_parser("environment", help="print what to set to use manage.py on it")
    telling.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="as said to `run` (default: 1)")
    for one in (running, telling):
        one.add_argument("--folder", type=Path, help="where the servers keep their data (default: var/cluster-NODES)")
    given = parser.parse_args(words)
    try:
        if given.command == "fetch":
            say(f"Cassandra's Java is {java_fetch()}, its libraries are in {library_fetch()}")
            return 0
        folder = given.folder or ROOT / "var" / f"cluster-{given.nodes}"
        if given.command == "environment":
            return _tell(folder)
        java_fetch()
        library_fetch()
    except UnableToStart as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return run(Plan(folder=folder, cassandra_nodes=given.nodes, port=given.port, demo=not given.empty))


def _tell(folder: Path) -> int:
    """Print shell commands."""
    try:
        told = Kept.of(folder).environment() | {"MYHOUSE_VAR": str(folder.resolve() / "var")}
    except FileNotFoundError:
        raise UnableToStart(f"There is no cluster in {folder}: make one with `make run-cluster`.") from None
    for name, value in told.items():
        say(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
