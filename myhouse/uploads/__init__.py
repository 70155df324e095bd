"""Files of readings handed in by members."""
