"""How large a file may be; each limit is checked before the work it bounds."""

from __future__ import annotations

FILE_BYTES = 50 * 1024 * 1024
ROWS = 5_000_000
COLUMNS = 256
VALUE_COLUMNS = 32
REJECTIONS_LISTED = 100
PREVIEW_ROWS = 20
# A preview is made while somebody waits; the import itself checks every row.
PREVIEW_CHECKED_ROWS = 500_000
# Excel: what the file may unpack to, and the rectangle its cells may span.
UNPACKED_BYTES = 400 * 1024 * 1024
ZIP_ENTRIES = 2_000
SHEET_CELLS = 20_000_000
CONVERTER_MEMORY_BYTES = 2 * 1024 * 1024 * 1024
CONVERTER_SECONDS = 120
# An import that shows no progress for so long has died and may be taken over.
STALLED_SECONDS = 300
