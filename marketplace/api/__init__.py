"""REST API of the marketplace."""
