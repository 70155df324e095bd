"""What is said where a part of Cassandra is missing, and what the nodes of a ring are told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from config.cluster import cassandra, java
from config.cluster.cassandra import CassandraRing
from config.cluster.child import UnableToStart


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """A machine with nothing but what the test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for module in (cassandra, java):
        monkeypatch.setattr(module, "SERVERS", tmp_path / "servers")
    return tmp_path


def with_java(parts: Path) -> None:
    program(parts, "java", """echo 'openjdk version "17.0.9"' >&2""")


def with_library(parts: Path) -> None:
    cassandra.library_folder().mkdir(parents=True)
    (cassandra.library_folder() / "jamm-0.4.0.jar").touch()


def test_says_how_java_comes_here(parts):
    with pytest.raises(UnableToStart, match="apt install openjdk-17"):
        CassandraRing(parts)


def test_refuses_another_java_by_name(parts):
    program(parts, "java", """echo 'openjdk version "21.0.1"' >&2""")
    with pytest.raises(UnableToStart, match=r"Java 17; .*21\.0\.1"):
        CassandraRing(parts)


def test_says_how_the_libraries_come_here(parts):
    with_java(parts)
    with pytest.raises(UnableToStart, match=r"python -m config\.cluster fetch"):
        CassandraRing(parts)


def test_says_how_maven_comes_here(parts):
    with pytest.raises(UnableToStart, match="apt install maven"):
        cassandra.library_fetch()


def test_says_what_maven_said_and_leaves_nothing_half_done(parts):
    program(parts, "mvn", "echo 'no route to the repository'; exit 1")
    with pytest.raises(UnableToStart, match="no route to the repository"):
        cassandra.library_fetch()
    assert not cassandra.library_folder().exists()


def test_fetches_once(parts):
    target = parts / "servers" / "unfinished"
    program(parts, "mvn", f"/bin/mkdir -p {target}; : > {target}/cassandra-all-5.0.6.jar")
    assert cassandra.library_fetch() == cassandra.library_folder()
    (parts / "mvn").unlink()
    assert [jar.name for jar in cassandra.library_fetch().iterdir()] == ["cassandra-all-5.0.6.jar"]


def test_three_nodes_have_three_addresses_the_same_ports_and_one_seed(parts):
    with_java(parts)
    with_library(parts)
    ring = CassandraRing(parts, nodes=3)
    settings = [yaml.safe_load((parts / f"cassandra-{at}/conf/cassandra.yaml").read_text()) for at in range(3)]
    assert [one["listen_address"] for one in settings] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert {one["native_transport_port"] for one in settings} == {ring.port}
    ports = [settings[0][name] for name in ("native_transport_port", "storage_port", "ssl_storage_port")]
    assert len(set(ports)) == 3
    assert {one["seed_provider"][0]["parameters"][0]["seeds"] for one in settings} == {f"127.0.0.1:{ports[1]}"}
    assert ring.url("energy").endswith("/energy?replication=3&dc=dc1")


def test_a_node_that_ends_at_once_is_told_with_its_last_words(parts):
    with_java(parts)
    with_library(parts)
    program(parts, "java", """echo 'openjdk version "17.0.9"' >&2; echo 'no memory left'""")
    with pytest.raises(UnableToStart, match="no memory left"):
        CassandraRing(parts).start()


def test_the_command_says_what_it_knows():
    done = subprocess.run(
        [sys.executable, "-m", "config.cluster", "dance"], capture_output=True, text=True, env=os.environ, check=False
    )
    assert (done.returncode, "fetch" in done.stderr) == (2, True)
