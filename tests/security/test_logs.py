"""Secrets never stand in a log, whatever happens: all of them are used on the real product at level DEBUG."""

import shutil
import tempfile
from pathlib import Path

import pytest

from bench.serving import serving
from config.logs import HIDDEN, text_hide
from tests.security.person import Person
from tests.servers import surroundings

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.xdist_group("logs")]
LOUD = {"LOG_LEVEL": "DEBUG", "MYHOUSE_DEMO_HOMES": "1", "MYHOUSE_DEMO_DAYS": "1"}


@pytest.fixture(scope="module")
def told():
    """What a person used, and all that the product said meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="mh-"))
    var = folder / "v"
    own = surroundings(var)
    with serving(var=var, environment={**own, **LOUD}) as product:
        person = Person(product.url, product.var)
        person.sign_up()
        person.tokens()
        person.device()
        person.links()
        person.second_factor()
        person.reset()
    said = "".join(one.read_text(errors="replace") for one in sorted((var / "log").iterdir()))
    yield person.secrets, said + product.text(), own.get("SECRET_KEY") or (var / "secret_key").read_text()
    shutil.rmtree(folder, ignore_errors=True)


def test_everything_that_was_used_left_no_secret_in_a_log(told):
    secrets, said, _key = told

    assert {name for name, secret in secrets.items() if secret in said} == set()
    assert len(secrets) > 20


def test_the_key_of_the_installation_is_in_no_log(told):
    _secrets, said, key = told

    assert key not in said


def test_the_logs_that_were_searched_were_loud(told):
    _secrets, said, _key = told

    assert "debug" in said
    assert "/display/" + HIDDEN in said
    assert "Bearer" not in said.replace("Bearer " + HIDDEN, "")


@pytest.mark.parametrize(
    "line",
    [
        '127.0.0.1:1 - "WebSocket /live/display/hU7k-1_x9Qm3vTzB2/" [accepted]',
        "Not Found: /display/hU7k-1_x9Qm3vTzB2/",
        "Gone: /join/hU7k-1_x9Qm3vTzB2/",
        "Forbidden: /sign-up/finish/hU7k-1_x9Qm3vTzB2:1t:x/",
        "Not Found: /password/reset/MQ/hU7k-1_x9Qm3vTzB2/",
        "<WSGIRequest: GET '/display/hU7k-1_x9Qm3vTzB2/'>",
        "Authorization: Bearer hU7k-1_x9Qm3vTzB2",
        "GET /api/v1/me?token=hU7k-1_x9Qm3vTzB2",
        "redis://user:hU7k-1_x9Qm3vTzB2@cache.example.org/0",
        "mhs_hU7k-1_x9Qm3vTzB2",
    ],
)
def test_hides_a_secret_where_it_stands_in_a_line(line):
    hidden = text_hide(line)

    assert "hU7k" not in hidden
    assert HIDDEN in hidden


@pytest.mark.parametrize("line", ["GET /password/reset/sent/", "GET /households/1/settings/", "GET /sign-up/sent/"])
def test_hides_nothing_that_is_none(line):
    assert text_hide(line) == line
