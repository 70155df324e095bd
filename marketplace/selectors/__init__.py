"""Every read of the marketplace."""
