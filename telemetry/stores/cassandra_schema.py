"""How the Cassandra backend asks; the tables are in cassandra_tables."""

from __future__ import annotations

DAY_S = 86_400
HOT_TTL_S = 36 * DAY_S
"""Longer than anything may stay unsealed: what is not in a block by then is gone."""
NOTE_TTL_S = 35 * DAY_S
DERIVED_TTL_S = 36 * DAY_S
DAYS_PER_MONTH = 32
PAGES_PER_YEAR = 12
BUCKETS = 16

_NOTE_TTL = f" USING TTL {NOTE_TTL_S}"
_DERIVED_TTL = f" USING TTL {DERIVED_TTL_S}"

STATEMENTS = {
    "series_get": "SELECT key, id, unit, kind, interval_ms, gap_ms, simulated FROM series WHERE id IN ?",
    "series_by_key": "SELECT key, id, unit, kind, interval_ms, gap_ms, simulated FROM series_key WHERE key IN ?",
    "series_key_put": "INSERT INTO series_key (key, id, unit, kind, interval_ms, gap_ms, simulated) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)",
    "series_put": "INSERT INTO series (key, id, unit, kind, interval_ms, gap_ms, simulated) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)",
    "allocated": "SELECT next, pending FROM allocated WHERE name = 'series'",
    "allocate": "UPDATE allocated SET next = ?, pending = ? WHERE name = 'series' IF next = ?",
    "allocation_done": "UPDATE allocated SET pending = null WHERE name = 'series' IF next = ?",
    "hot_put": "INSERT INTO hot (key, day, writer, seq, data) VALUES (?, ?, ?, ?, ?)",
    "hot_since": "SELECT writer, seq, data FROM hot WHERE key = ? AND day = ? AND writer = ? AND seq > ? AND seq <= ?",
    "hot_erase": "DELETE FROM hot WHERE key = ? AND day = ? AND writer = ? AND seq <= ?",
    "heads": "SELECT key, day, writer, seq, at_seq, time_ms, value, quality, covers, version, reset FROM note "
    "WHERE key IN ? AND day < 0",
    "notes": "SELECT key, day, writer, seq, at_seq, time_ms, value, quality, covers, version, reset FROM note "
    "WHERE key IN ?",
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
