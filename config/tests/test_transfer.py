"""Moving an installation from folder to folder: what is refused, what is resumed, what the stream keeps."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from config.environment import environment_read
from config.transfer.compare import differences, differing
from config.transfer.errors import UnableToTransfer
from config.transfer.files import place_inside
from config.transfer.place import Place, place_of
from config.transfer.series import columns_pack, columns_unpack
from config.transfer.stream import MARK, SMALL, Sink, frames
from telemetry.model import Columns
from tests.services import ROOT
from tests.surroundings import VAR

# Each of these starts a dozen processes of the product.
_MARKS = (pytest.mark.slow, pytest.mark.processes, pytest.mark.timeout(900), pytest.mark.xdist_group("transfer"))
SERVERS = "mongodb://u:secret@a,b,c/house?replicaSet=rs0,cassandra://x,y/house?dc=dc1"


def heavy(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that works with whole installations."""
    for mark in _MARKS:
        test = mark(test)
    return test


def named(text: str) -> Place:
    return place_of(text, environment=environment_read())


def packed(*some: tuple[object, ...]) -> bytes:
    file = io.BytesIO()
    sink = Sink(file, level=SMALL)
    for frame in some:
        sink.put(*frame)
    sink.close()
    return file.getvalue()


def test_servers_are_named_by_two_addresses_with_many_hosts_each():
    place = named(SERVERS + ",file:///srv/house")

    assert place.servers == ("mongodb://u:secret@a,b,c/house?replicaSet=rs0", "cassandra://x,y/house?dc=dc1")
    assert place.folder == Path("/srv/house")
    assert "secret" not in place.name
    assert "secret" not in place.mark
    assert place.environment()["DATABASE_URL"].startswith("mongodb://u:secret@")


@pytest.mark.parametrize(
    "text", ["", "mongodb://a/house", "cassandra://a/house", f"{SERVERS},redis://a", "sqlite:///a,cassandra://a/b"]
)
def test_what_names_no_installation_is_refused_with_what_would(text):
    with pytest.raises(UnableToTransfer, match="Name a data folder"):
        named(text)


def test_a_stream_gives_back_its_frames():
    some = [("begin", {"a": 1}), ("rows", 0, [[b"\x01", None, 2.5, "ä", 1 << 62]])]

    found = list(frames(io.BytesIO(packed(*some))))

    assert [tuple(frame) for frame in found[:-1]] == some
    assert found[-1][0] == "end"


@pytest.mark.parametrize("cut", [3, 20, 60, -8])
def test_a_stream_that_was_cut_is_refused(cut):
    whole = packed(("begin", {"a": "b" * 100}), ("rows", list(range(100))))
    with pytest.raises(UnableToTransfer):
        list(frames(io.BytesIO(whole[:cut])))


def test_a_stream_with_one_changed_byte_is_refused_wherever_it_is():
    whole = packed(("begin", {"a": "b" * 100}), ("rows", list(range(100))))
    assert whole.startswith(MARK)
    for at in range(len(MARK) + 12, len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]
        with pytest.raises(UnableToTransfer):
            list(frames(io.BytesIO(changed)))


def test_readings_keep_every_bit():
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.integers(1, 1 << 40, 1_000))
    columns = Columns(times, rng.normal(0, 1e9, 1_000), rng.integers(0, 5, 1_000).astype(np.uint8))

    count, *data = columns_pack(columns)
    found = columns_unpack(count, *data)

    assert np.array_equal(found.times, times)
    assert found.values.tobytes() == columns.values.tobytes()
    assert np.array_equal(found.quality, columns.quality)


@pytest.mark.parametrize("name", ["../x", "files/../../x", "/etc/x", "secret_key", "log/x"])
def test_a_stream_names_no_file_outside_the_folders_for_files(name, tmp_path):
    with pytest.raises(UnableToTransfer, match="outside"):
        place_inside(tmp_path, name)


def test_differences_are_said_by_model_series_and_file():
    entry = {"rows": 2, "hash": "a", "sums": {"balance": "7"}}
    reading = {"facts": ["W"], "readings": 3, "hash": "b", "quarters": ["1", "1", "0"]}
    one = {"documents": {"m.entry": entry}, "ledger": "x", "series": {"s": reading}, "files": {"files/a": "d"}}

    def found(**changed: object) -> str:
        return differing(differences(one, {**one, **changed}))

    assert found() == ""
    assert "2 rows in the source, 1" in found(documents={"m.entry": {**entry, "rows": 1}})
    assert "balance adds up to 7 and 8" in found(documents={"m.entry": {**entry, "sums": {"balance": "8"}}})
    assert "contents differ" in found(documents={"m.entry": {**entry, "hash": "c"}})
    assert "ledgers differ" in found(ledger="y")
    assert "in one of them only" in found(series={})
    assert "quarter-hours add up to 1 and 2" in found(series={"s": {**reading, "quarters": ["2", "1", "0"]}})
    assert "files/a differs" in found(files={})


# Real processes


def run(*words: str, var: Path, program: str = "manage.py", **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program in the environment of an embedded installation."""
    named_elsewhere = {"DATABASE_URL", "TELEMETRY_URL", "SECRET_KEY"}
    plain = {name: value for name, value in os.environ.items() if name not in named_elsewhere}
    broker = os.environ.get("REDIS_URL", f"unix://{VAR}/run/valkey.sock")
    environment = {**plain, "MYHOUSE_VAR": str(var), "LOG_LEVEL": "ERROR", "REDIS_URL": broker, **more}
    start = [sys.executable, program] if program.endswith(".py") else [sys.executable, "-m", program]
    return subprocess.run([*start, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def told(*words: str, var: Path, **more: str) -> dict[str, object]:
    done = run(*words, var=var, program="config.tests.moving", **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> tuple[Path, dict[str, object]]:
    var = tmp_path_factory.mktemp("market")
    return var, told("seed", var=var)


def moved(source: object, target: object, *, var: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return run("transfer", "--from", str(source), "--to", str(target), var=var, **more)


@heavy
def test_a_folder_is_moved_whole_and_its_members_feel_at_home(market, tmp_path):
    source, seeded = market
    people = (str(seeded["email"]), str(seeded["factor"]))
    before = told("visit", *people, var=source)

    done = moved(source, tmp_path / "target", var=tmp_path / "env")

    assert done.returncode == 0, done.stderr
    assert "all equal" in done.stdout
    after = told("visit", *people, var=tmp_path / "target")
    assert after == before
    assert after["signed_in"] == [302, True]
    assert after["ledger"][0] is True
    assert after["rights"] == ["devices.change_device"]
    assert after["groups"] == {"Treasurers": ["view_trade"]}
    uploaded = Path("files") / "uploads" / "meter.csv"
    assert (tmp_path / "target" / uploaded).read_bytes() == (source / uploaded).read_bytes()
    assert not (tmp_path / "target" / "transfer.new").exists()
    noted = json.loads((tmp_path / "env" / "run" / "transfer.json").read_text())
    assert noted["state"] == "done"


@heavy
def test_a_target_that_is_not_empty_or_a_source_that_is_none_is_refused(market, tmp_path):
    source, _seeded = market
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "my letters").write_text("mine")

    refused = moved(source, tmp_path / "full", var=tmp_path / "env")
    assert "not empty (my letters)" in refused.stderr
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["my letters"]

    assert "holds no installation" in moved(tmp_path / "none", tmp_path / "x", var=tmp_path / "env").stderr
    assert "the same installation" in moved(source, source, var=tmp_path / "env").stderr


@heavy
def test_a_source_that_a_server_works_on_is_refused(market, tmp_path):
    from config.installation import lock_take

    source, _seeded = market
    with closing(lock_take(var=source)):
        refused = moved(source, tmp_path / "target", var=tmp_path / "env")
    assert "stop it first" in refused.stderr
    assert refused.returncode == 1


@heavy
def test_an_interrupted_copy_goes_on_and_a_source_that_changed_meanwhile_is_noticed(market, tmp_path):
    source, seeded = shutil.copytree(market[0], tmp_path / "source"), market[1]
    # The writer ends in the middle: no file may grow beyond 16 MB, as on a disk that is full.
    (source / "files" / "uploads" / "year.csv").write_bytes(bytes(20 * 1_048_576))
    limited = f"ulimit -f 16384; exec {sys.executable} manage.py transfer --from {source} --to {tmp_path / 'target'}"
    environment = {**os.environ, "MYHOUSE_VAR": str(tmp_path / "env"), "LOG_LEVEL": "ERROR"}
    for name in ("DATABASE_URL", "TELEMETRY_URL", "SECRET_KEY"):
        environment.pop(name, None)
    cut = subprocess.run(
        ["bash", "-c", limited], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert cut.returncode == 1
    assert "File too large" in cut.stderr
    assert "repeat the same command" in cut.stderr
    staged = tmp_path / "target" / "transfer.new" / "documents.sqlite3"
    with closing(sqlite3.connect(staged)) as connection:
        (state,) = connection.execute("SELECT data FROM transfer_state").fetchone()
    assert json.loads(state)["rows"]["myhouse.user"] == 3
    with closing(sqlite3.connect(source / "documents.sqlite3")) as connection, connection:
        connection.execute("UPDATE myhouse_user SET name = 'Renamed' WHERE email = ?", [str(seeded["email"])])

    noticed = moved(source, tmp_path / "target", var=tmp_path / "env")
    assert "myhouse.user: the contents differ" in noticed.stderr
    assert not (tmp_path / "target" / "documents.sqlite3").exists()
