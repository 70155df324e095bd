"""api of households."""
