"""`python -m config.cluster fetch` gets what cannot be had as a Python package."""

from __future__ import annotations

import sys

from config.cluster.cassandra import library_fetch
from config.cluster.child import UnableToStart


def main(words: list[str]) -> int:
    """Do what the command line says."""
    if words != ["fetch"]:
        sys.stderr.write("Say: python -m config.cluster fetch\n")
        return 2
    try:
        sys.stdout.write(f"Cassandra's libraries are in {library_fetch()}\n")
    except UnableToStart as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
