"""Naming an installation on the command line: a data folder, the servers' addresses, or what the environment says."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from config.databases import is_mongodb
from config.environment import Environment
from config.transfer.errors import UnableToTransfer
from telemetry.databases import is_cassandra

FORMS = (
    "a data folder of an embedded installation (--from var), the addresses of servers "
    '(--to "mongodb://HOSTS/NAME?replicaSet=…,cassandra://HOSTS/KEYSPACE?…"; add ",file:///FOLDER" where the uploaded '
    "files lie, if that is not MYHOUSE_VAR), or `env`: what DATABASE_URL, TELEMETRY_URL and MYHOUSE_VAR say"
)
STAGING = "transfer.new"
KEY = "secret_key"
DOCUMENTS = "documents.sqlite3"
# What a folder may hold and still be called empty.
NO_DATA = frozenset({KEY, STAGING, "run", "log", "valkey"})


@dataclass(frozen=True)
class Place:
    """An installation: its data folder, and the addresses of its databases if they are not in it."""

    folder: Path
    servers: tuple[str, str] | None = None

    @property
    def embedded(self) -> bool:
        """Whether everything is in the folder."""
        return self.servers is None

    @property
    def name(self) -> str:
        """What to call it; without passwords."""
        if self.servers is None:
            return str(self.folder)
        return ",".join(re.sub("//[^/@]*@", "//…@", url) for url in self.servers)

    @property
    def mark(self) -> str:
        """What stays the same of it whoever signs in, and with which options."""
        if self.servers is None:
            return f"folder {self.folder}"
        parts = [urlsplit(url) for url in self.servers]
        return " ".join(f"{one.scheme}://{one.netloc.rpartition('@')[2]}{one.path}" for one in parts)

    def environment(self, *, staged: bool = False) -> dict[str, str]:
        """Return the environment of a process that works on it; `staged`: on what will be put in its place."""
        found = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "TELEMETRY_URL"}}
        folder = self.folder / STAGING if staged and self.embedded else self.folder
        found["MYHOUSE_VAR"] = str(folder)
        if staged:
            # What the source has in cold storage is copied; two installations must not tidy the same files.
            found.pop("COLD_URL", None)
        if self.servers is not None:
            found["DATABASE_URL"], found["TELEMETRY_URL"] = self.servers
        elif (folder / KEY).exists():
            found.pop("SECRET_KEY", None)
        return found

    def key(self) -> str:
        """Return its SECRET_KEY: the folder's own, or for servers the one in the environment; empty if not known."""
        if self.embedded and (self.folder / KEY).exists():
            return (self.folder / KEY).read_text(encoding="ascii").strip()
        return os.environ.get("SECRET_KEY", "")


def place_of(text: str, *, environment: Environment) -> Place:
    """Read what was named; refuse what names nothing, and say what would."""
    if text == "env":
        if not environment.on_servers:
            return Place(environment.var_dir)
        return _servers([environment.database_url, environment.telemetry_url], environment)
    if "://" in text:
        return _servers(re.split(r",(?=[a-z+]+://)", text), environment)
    if not text.strip():
        raise _unnamed("nothing is named")
    return Place(Path(text).resolve())


def _servers(urls: list[str], environment: Environment) -> Place:
    folders = [url for url in urls if url.startswith("file:///")]
    documents = [url for url in urls if is_mongodb(url)]
    series = [url for url in urls if is_cassandra(url)]
    if len(documents) != 1 or len(series) != 1 or len(folders) > 1 or len(urls) != 2 + len(folders):
        raise _unnamed("servers are named by one mongodb:// and one cassandra:// address")
    folder = Path(unquote(urlsplit(folders[0]).path)).resolve() if folders else environment.var_dir
    return Place(folder, (documents[0], series[0]))


def _unnamed(why: str) -> UnableToTransfer:
    return UnableToTransfer(f"This names no installation ({why}). Name {FORMS}.")


def source_check(place: Place) -> None:
    """Refuse a folder that is none of an embedded installation."""
    if place.folder.is_file():
        raise UnableToTransfer(f"{place.folder} is a file. If it is an archive: manage.py restore {place.folder}")
    if place.embedded and not (place.folder / DOCUMENTS).exists():
        raise UnableToTransfer(f"{place.folder} holds no installation: it has no {DOCUMENTS}. Name {FORMS}.")
    _key_check(place)


def target_check(place: Place, *, replace: bool = False) -> None:
    """Refuse a folder that holds anything: nothing there is overwritten, at most put aside."""
    if not place.embedded:
        if replace:
            raise UnableToTransfer("--replace is for data folders: drop the servers' database and keyspace yourself.")
        _key_check(place)
        return
    if place.folder.exists() and not place.folder.is_dir():
        raise UnableToTransfer(f"{place.folder} is no folder. Name one that is empty or not there yet.")
    there = sorted(path.name for path in place.folder.iterdir()) if place.folder.exists() else []
    other = [name for name in there if name not in NO_DATA]
    if other and not replace:
        raise UnableToTransfer(
            f"The target {place.folder} is not empty ({other[0]}): choose another folder, or move that one away."
        )


def _key_check(place: Place) -> None:
    if not place.embedded and not place.key():
        raise UnableToTransfer(
            "SECRET_KEY is not set, and servers are named: set it to the key of their installation (of an embedded "
            f"one it is the contents of the file {KEY} in its folder), then repeat."
        )
