"""views of households."""
