"""What a household used, made, paid and saved in a span of local time."""
