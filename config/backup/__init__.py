"""A running embedded installation into one file, and back."""
