"""MongoDB's own Django backend, with statements that can use their indexes (docs/adr/0027)."""
