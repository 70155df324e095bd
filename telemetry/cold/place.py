"""Where cold storage lies: COLD_URL, and the file system behind it. pyarrow is imported when it is first used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from telemetry.errors import ColdUnavailableError, StoreConfigurationError

CONNECT_S = 2.0
REQUEST_S = 5.0
ATTEMPTS = 2
"""A server that takes the connection and never answers is given up after about eleven seconds."""
_OPTIONS = {"endpoint", "region", "ca"}
_HINT = "file:///folder or s3://bucket/prefix?endpoint=…&region=…"


class Place(NamedTuple):
    """A folder or a bucket with a prefix."""

    url: str
    scheme: str
    root: str
    options: dict[str, str]

    @classmethod
    def of(cls, url: str) -> Place:
        """The place a URL names; opens nothing."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.scheme == "file" and not parts.netloc and parts.path.strip("/") and not options:
            return cls(url, "file", parts.path.rstrip("/"), {})
        if parts.scheme == "s3" and parts.hostname and not parts.username:
            unknown = set(options) - _OPTIONS
            if unknown:
                raise StoreConfigurationError(
                    f"COLD_URL has the option {min(unknown)!r}; it knows {', '.join(sorted(_OPTIONS))}. "
                    "Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
                )
            return cls(url, "s3", f"{parts.netloc}{parts.path}".rstrip("/"), options)
        raise StoreConfigurationError(f"COLD_URL must look like {_HINT}, not {url!r}.")

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"{self.scheme}://{self.root}"

    def filesystem(self) -> Any:
        """The file system, by pyarrow."""
        from pyarrow import fs

        if self.scheme == "file":
            return fs.LocalFileSystem()
        endpoint = self.options.get("endpoint", "")
        scheme, _, host = endpoint.rpartition("://")
        given: dict[str, Any] = {"scheme": scheme or "https", "endpoint_override": host} if endpoint else {}
        if "region" in self.options:
            given["region"] = self.options["region"]
        if "ca" in self.options:
            given["tls_ca_file_path"] = self.options["ca"]
        return fs.S3FileSystem(
            connect_timeout=CONNECT_S,
            request_timeout=REQUEST_S,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            # Failures are raised by the call they belong to.
            background_writes=False,
            **given,
        )

    @contextmanager
    def meaning_of_errors(self) -> Iterator[None]:
        """Turn what the file system raises into the store's errors."""
        try:
            yield
        except OSError as error:
            first = (str(error) or type(error).__name__).splitlines()[0][:300]
            raise ColdUnavailableError(
                f"The cold storage {self.name} cannot be reached or written now ({first}): days that were archived "
                "are missing until it is back."
            ) from error


def folder_sync(path: Path) -> None:
    """Make a new name in a folder, and the folder's own in those above, outlive a power cut."""
    for folder in (path, *list(path.parents)[:4]):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
