"""The tables of the Cassandra backend, and why each partition stays small.

`hot`: a series and UTC day; at one reading a second and batch about 5 MB. Never deleted row by row: a sealed block
says which batches it covers, and the rows expire. `note`: a series; one row per writer and recent day, per month that
has blocks, and per derived day; at most some hundreds of KB. `block`: a series and 32 days, at most about 16 MB at
one-second data. `page`: a series and 384 days. `due`: a sixteenth of the days that wait for a task.
"""

from __future__ import annotations

DAY_S = 86_400
HOT_TTL_S = 36 * DAY_S
"""Longer than anything may stay unsealed: what is not in a block by then is gone."""
NOTE_TTL_S = 35 * DAY_S
DERIVED_TTL_S = 36 * DAY_S
DAYS_PER_MONTH = 32
PAGES_PER_YEAR = 12
BUCKETS = 16

_FACTS = "unit text, kind text, interval_ms bigint, gap_ms bigint, simulated boolean"
_VECTOR = "frozen<map<bigint, bigint>>"
_NOTE_TTL = f" USING TTL {NOTE_TTL_S}"
_DERIVED_TTL = f" USING TTL {DERIVED_TTL_S}"

TABLES = (
    f"CREATE TABLE IF NOT EXISTS series (id uuid PRIMARY KEY, key int, {_FACTS})",
    f"CREATE TABLE IF NOT EXISTS series_key (key int PRIMARY KEY, id uuid, {_FACTS})",
    "CREATE TABLE IF NOT EXISTS allocated (name text PRIMARY KEY, next int)",
    (
        "CREATE TABLE IF NOT EXISTS hot (key int, day int, writer bigint, seq bigint, data blob, "
        "PRIMARY KEY ((key, day), writer, seq)) WITH compaction = {'class': 'TimeWindowCompactionStrategy', "
        "'compaction_window_unit': 'DAYS', 'compaction_window_size': 1} "
        f"AND default_time_to_live = {HOT_TTL_S} AND gc_grace_seconds = {DAY_S}"
    ),
    (
        "CREATE TABLE IF NOT EXISTS note (key int, day int, writer bigint, seq bigint, at_seq bigint, time_ms bigint, "
        f"value double, quality int, covers {_VECTOR}, version bigint static, reset bigint static, "
        "PRIMARY KEY (key, day, writer)) WITH compaction = {'class': 'LeveledCompactionStrategy'}"
    ),
    (
        "CREATE TABLE IF NOT EXISTS block (key int, month int, day int, rev bigint, first_ms bigint, last_ms bigint, "
        f"count int, covers {_VECTOR}, data blob, PRIMARY KEY ((key, month), day)) "
        "WITH compaction = {'class': 'LeveledCompactionStrategy'}"
    ),
    (
        "CREATE TABLE IF NOT EXISTS page (key int, year int, page int, rev bigint, data blob, "
        "PRIMARY KEY ((key, year), page)) WITH compaction = {'class': 'LeveledCompactionStrategy'}"
    ),
    # A deleted row that comes back is only looked at once more.
    (
        "CREATE TABLE IF NOT EXISTS due (task text, bucket int, day int, key int, writer bigint, seq bigint, "
        "PRIMARY KEY ((task, bucket), day, key, writer)) WITH gc_grace_seconds = 3600 "
        f"AND default_time_to_live = {NOTE_TTL_S}"
    ),
)

STATEMENTS = {
    "series_get": "SELECT key, id, unit, kind, interval_ms, gap_ms, simulated FROM series WHERE id = ?",
    "series_by_key": "SELECT key, id, unit, kind, interval_ms, gap_ms, simulated FROM series_key WHERE key = ?",
    "series_key_put": "INSERT INTO series_key (key, id, unit, kind, interval_ms, gap_ms, simulated) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)",
    "series_put": "INSERT INTO series (key, id, unit, kind, interval_ms, gap_ms, simulated) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS",
    "allocated": "SELECT next FROM allocated WHERE name = 'series'",
    "allocate_first": "INSERT INTO allocated (name, next) VALUES ('series', ?) IF NOT EXISTS",
    "allocate": "UPDATE allocated SET next = ? WHERE name = 'series' IF next = ?",
    "hot_put": "INSERT INTO hot (key, day, writer, seq, data) VALUES (?, ?, ?, ?, ?)",
    "hot_since": "SELECT writer, seq, data FROM hot WHERE key = ? AND day = ? AND writer = ? AND seq > ? AND seq <= ?",
    "hot_erase": "DELETE FROM hot WHERE key = ? AND day = ? AND writer = ? AND seq <= ?",
    "heads": "SELECT day, writer, seq, at_seq, time_ms, value, quality, covers, version, reset FROM note "
    "WHERE key = ? AND day < 0",
    "notes": "SELECT day, writer, seq, at_seq, time_ms, value, quality, covers, version, reset FROM note "
    "WHERE key = ?",
    "note_put": "INSERT INTO note (key, day, writer, seq) VALUES (?, ?, ?, ?)" + _NOTE_TTL,  # noqa: S608 a number of ours
    "head_put": "INSERT INTO note (key, day, writer, seq, at_seq, time_ms, value, quality) "
    "VALUES (?, -1, ?, ?, ?, ?, ?, ?)" + _NOTE_TTL,
    "month_put": "INSERT INTO note (key, day, writer) VALUES (?, -2, ?)",
    "derived_put": "INSERT INTO note (key, day, writer, covers) VALUES (?, ?, 0, ?)" + _DERIVED_TTL,  # noqa: S608 a number of ours
    "reset_put": "UPDATE note SET reset = ? WHERE key = ?",
    "version_swap": "UPDATE note SET version = ? WHERE key = ? IF version = ?",
    "blocks": "SELECT day, rev, count, covers, data FROM block WHERE key = ? AND month = ? AND day >= ? AND day <= ?",
    "blocks_meta": "SELECT day, rev, first_ms, last_ms, count, covers FROM block WHERE key = ? AND month = ?",
    "block_swap": "UPDATE block SET rev = ?, first_ms = ?, last_ms = ?, count = ?, covers = ?, data = ? "
    "WHERE key = ? AND month = ? AND day = ? IF rev = ?",
    "pages": "SELECT page, rev, data FROM page WHERE key = ? AND year = ? AND page >= ? AND page <= ?",
    "page_revs": "SELECT page, rev FROM page WHERE key = ? AND year = ? AND page >= ? AND page <= ?",
    "page_put": "INSERT INTO page (key, year, page, rev, data) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
    "pages_erase": "DELETE FROM page USING TIMESTAMP ? WHERE key = ? AND year = ?",
    "due_put": "INSERT INTO due (task, bucket, day, key, writer, seq) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?",
    "due": "SELECT day, key, writer, seq FROM due WHERE task = ? AND bucket = ? AND day < ?",
    "due_done": "DELETE FROM due USING TIMESTAMP ? "
    "WHERE task = ? AND bucket = ? AND day = ? AND key = ? AND writer = ?",
}
