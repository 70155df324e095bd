"""Places for archived days, for tests: folders, and buckets on a real S3 API server on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from telemetry.cold.files import Files
from telemetry.cold.place import Place

KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test-test",
    "AWS_EC2_METADATA_DISABLED": "true",
    # Never through a proxy: everything is on this machine.
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


class S3Server:
    """moto's server in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "moto.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **KEYS})
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/moto-api/", timeout=2).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(self._log.read_text(encoding="utf-8"))

    def stop(self) -> None:
        """End it; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, bucket: str) -> str:
        """COLD_URL for a bucket."""
        return f"s3://{bucket}/homes?endpoint=http://127.0.0.1:{self.port}&region=eu-central-1"

    def bucket_make(self, bucket: str) -> None:
        """Make a bucket."""
        fs.S3FileSystem(
            endpoint_override=f"127.0.0.1:{self.port}",
            scheme="http",
            region="eu-central-1",
            allow_bucket_creation=True,
        ).create_dir(bucket)


def rows_in(url: str) -> dict[str, list[int]]:
    """The times in all files of a place by series, read with pyarrow alone."""
    place = Place.of(url)
    system = place.filesystem()
    found: dict[str, list[int]] = {}
    for one in system.get_file_info(fs.FileSelector(place.root, recursive=True, allow_not_found=True)):
        if one.type == fs.FileType.File and not one.base_name.startswith("_"):
            table = _table(system, one.path)
            times = table["time"].cast(pa.int64()).to_pylist()
            for series, time_ms in zip(table["series_id"].to_pylist(), times, strict=True):
                found.setdefault(series, []).append(time_ms)
    return found


def _table(system: Any, path: str) -> Any:
    from pyarrow import parquet

    with system.open_input_file(path) as source:
        return parquet.ParquetFile(source).read()


def files_at(url: str) -> Files:
    """The files of a place."""
    return Files(Place.of(url))
