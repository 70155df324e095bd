"""Rules that hold when two do it at the same moment, on a real database file."""

import json
import subprocess
import sys

import pytest

from tests.servers import surroundings

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.xdist_group("home_races")]


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    environment = surroundings(tmp_path_factory.mktemp("races"))
    done = subprocess.run(
        [sys.executable, "-m", "myhouse.tests.races"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_of_two_last_owners_who_leave_at_once_one_stays(raced):
    assert raced["leaving"] == [["UnableToChangeMember", "left"]] * 10


def test_of_eight_guests_with_one_invitation_one_joins(raced):
    assert raced["joining"] == ["UnableToJoin"] * 7 + ["joined"]


def test_of_eight_equal_requests_one_is_done_and_all_get_its_answer(raced):
    assert raced["repeating"] == {"ids": 1, "made": 1}
