"""selectors of households."""
