"""The backends; found by dotted path from settings.TELEMETRY_STORES, used by telemetry.store only."""
