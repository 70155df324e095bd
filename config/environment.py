"""Everything the surroundings decide: each variable is read here, once, and nowhere else."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from environs import Env

BASE_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Environment:
    """The deployment's choices, already typed; `embedded` is true while no server is named."""

    var_dir: Path
    debug: bool
    secret_key: str
    secret_key_given: bool
    allowed_hosts: list[str]
    public_url: str
    https: bool
    database_url: str
    telemetry_url: str
    spool_dir: Path
    spool_max_mb: int
    cold_url: str
    cold_after_days: int
    redis_url: str
    task_visibility_s: int
    email_url: str
    log_format: str
    log_level: str
    api_reads_per_minute: int
    api_writes_per_minute: int
    demo_homes: int
    demo_days: int | None

    @property
    def embedded(self) -> bool:
        """Whether documents live in the installation's own SQLite file."""
        return self.database_url.startswith("sqlite:")

    @property
    def own_broker(self) -> bool:
        """Whether the broker is the one that `serve` starts in the data folder."""
        return self.redis_url == f"unix://{self.var_dir}/run/valkey.sock"

    @property
    def files(self) -> tuple[str, ...]:
        """The databases that lie in the data folder."""
        chosen = {"documents.sqlite3": self.database_url, "telemetry.sqlite3": self.telemetry_url}
        return tuple(name for name, url in chosen.items() if url == f"sqlite:///{self.var_dir}/{name}")

    @property
    def on_servers(self) -> bool:
        """Whether documents or time series lie on servers that other replicas share."""
        return not (self.embedded and self.telemetry_url.startswith("sqlite:"))


def environment_read() -> Environment:
    """Read the process environment; what is absent gets the embedded default."""
    env = Env()
    var_dir = Path(env.str("MYHOUSE_VAR", str(BASE_DIR / "var"))).resolve()
    database_url = env.str("DATABASE_URL", f"sqlite:///{var_dir}/documents.sqlite3")
    telemetry_url = env.str("TELEMETRY_URL", f"sqlite:///{var_dir}/telemetry.sqlite3")
    redis_url = env.str("REDIS_URL", f"unix://{var_dir}/run/valkey.sock")
    return Environment(
        var_dir=var_dir,
        debug=env.bool("DEBUG", False),
        secret_key=env.str("SECRET_KEY", "") or _embedded_secret_key(var_dir),
        secret_key_given=bool(env.str("SECRET_KEY", "")),
        allowed_hosts=env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"]),
        public_url=env.str("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/"),
        https=env.bool("HTTPS", False),
        database_url=database_url,
        telemetry_url=telemetry_url,
        # Where readings wait while the time-series server is away: on what outlives the process and its machine.
        spool_dir=Path(env.str("SPOOL_DIR", str(var_dir / "spool"))).resolve(),
        spool_max_mb=env.int("SPOOL_MAX_MB", 1024),
        # Nothing: no cold storage, every reading stays in the time-series store.
        cold_url=env.str("COLD_URL", ""),
        cold_after_days=env.int("COLD_AFTER_DAYS", 400),
        redis_url=redis_url,
        # After so long the tasks of a worker that died are given to another one.
        task_visibility_s=env.int("TASK_VISIBILITY_SECONDS", 60),
        email_url=env.str("EMAIL_URL", ""),
        log_format=env.str("LOG_FORMAT", "console"),
        log_level=env.str("LOG_LEVEL", "INFO"),
        api_reads_per_minute=env.int("API_READS_PER_MINUTE", 600),
        api_writes_per_minute=env.int("API_WRITES_PER_MINUTE", 120),
        demo_homes=env.int("MYHOUSE_DEMO_HOMES", 20),
        # Nothing: from the first day of this month a year ago.
        demo_days=env.int("MYHOUSE_DEMO_DAYS", None),
    )


def _embedded_secret_key(var_dir: Path) -> str:
    """Return the installation's own key, made at the first start and readable by its owner only."""
    path = var_dir / "secret_key"
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    var_dir.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"secret_key.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_urlsafe(50), encoding="ascii")
    try:
        # A hard link fails when another process was first: then its key is the one that counts.
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text(encoding="ascii").strip()
