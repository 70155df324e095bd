"""services of households."""
