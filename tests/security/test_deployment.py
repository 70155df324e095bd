"""How a production is started: clean by Django's own checks, and not at all when it would be easy prey."""

import os
import secrets
import subprocess
import sys

import pytest

from tests.services import ROOT

pytestmark = pytest.mark.slow
KEY = secrets.token_urlsafe(48)
GOOD = {
    "SECRET_KEY": KEY,
    "HTTPS": "1",
    "DEBUG": "0",
    "ALLOWED_HOSTS": "myhouse.example.org",
    "PUBLIC_URL": "https://myhouse.example.org",
}
UNSAFE = {
    "any-host": ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
    "debug-on-a-public-host": ({"DEBUG": "1"}, "DEBUG=1"),
    "debug-at-a-public-address": ({"DEBUG": "1", "HTTPS": "0", "ALLOWED_HOSTS": "localhost"}, "DEBUG=1"),
    "no-key-beside-servers": ({"SECRET_KEY": "", "DATABASE_URL": "mongodb://db.example.org/x"}, "SECRET_KEY"),
    "no-key-beside-a-ring": ({"SECRET_KEY": "", "TELEMETRY_URL": "cassandra://c1.example.org/x"}, "SECRET_KEY"),
    "a-key-one-can-guess": ({"SECRET_KEY": "changeme"}, "SECRET_KEY"),
}


def started(folder, *command, **changed):
    """Run a command in an environment that is a production's but for what is changed."""
    environment = {**os.environ, **GOOD, **changed, "MYHOUSE_VAR": str(folder), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_production_passes_every_check(tmp_path):
    done = started(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("changed", "named"), UNSAFE.values(), ids=UNSAFE)
def test_does_not_start_when_unsafe_and_says_why(tmp_path, changed, named):
    done = started(tmp_path, "manage.py", "serve", "--port", "0", **changed)

    assert done.returncode == 1
    assert done.stdout.startswith("Not started.")
    assert named in done.stdout
    assert "Traceback" not in done.stdout
    assert (changed.get("SECRET_KEY") or "changeme") not in done.stdout


def test_no_process_starts_around_the_command_line(tmp_path):
    done = started(tmp_path, "-c", "import config.asgi", ALLOWED_HOSTS="*")

    assert done.returncode == 1
    assert "UnsafeEnvironment" in done.stdout


@pytest.mark.parametrize(
    "changed",
    [{"HTTPS": "0"}, {"PUBLIC_URL": "https://elsewhere.example.org"}],
    ids=["without-tls", "under-another-name"],
)
def test_the_checks_find_what_is_unwise(tmp_path, changed):
    done = started(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **changed)

    assert done.returncode == 1
    assert "config.W00" in done.stdout
