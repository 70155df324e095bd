"""The rights that docs/operations.md names are enough, on a MongoDB that asks everybody for a password."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from config.cluster.child import LOOPBACK
from config.cluster.mongod import MongoSet
from tests.services import ROOT, mongod

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.xdist_group("mongodb"),
    pytest.mark.embedded("starts the MongoDB it needs itself"),
]


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[str]:
    """DATABASE_URL of a user who may use and change one database and no other."""
    mongod()
    folder = tmp_path_factory.mktemp("users")
    key = folder / "key"
    key.write_text(secrets.token_hex(40))
    key.chmod(0o600)
    with MongoSet(folder, further={"keyFile": str(key)}) as mongo:
        port, word = mongo.ports[0], secrets.token_hex(8)
        with MongoClient(LOOPBACK, port, directConnection=True) as nobody:
            nobody.admin.command("createUser", "root", pwd=word, roles=["root"])
        with MongoClient(LOOPBACK, port, directConnection=True, username="root", password=word) as root:
            rights = [{"role": role, "db": "house"} for role in ("readWrite", "dbAdmin")]
            root.admin.command("createUser", "house", pwd=word, roles=rights)
        yield mongo.url("house").replace("mongodb://", f"mongodb://house:{word}@") + "&authSource=admin"


def product(url: str, var: Path, *words: str) -> str:
    """What a program of the product says, with its documents there."""
    named = {"DATABASE_URL": url, "SECRET_KEY": "Ee7" * 20, "MYHOUSE_VAR": str(var)}
    plain = {name: value for name, value in os.environ.items() if name not in {"TELEMETRY_URL", "REDIS_URL"}}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=plain | named, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_may_nothing_elsewhere(house):
    with MongoClient(house) as client:
        client["house"]["any"].insert_one({})
        with pytest.raises(OperationFailure, match="not authorized"):
            client["elsewhere"]["any"].insert_one({})
        client["house"].drop_collection("any")


def test_a_product_is_prepared_traded_on_and_proved(house, tmp_path):
    product(house, tmp_path, "manage.py", "prepare")
    product(house, tmp_path, "-m", "tests.browser.seed")
    assert "The ledger is sound" in product(house, tmp_path, "manage.py", "ledger_check")
