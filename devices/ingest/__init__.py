"""Readings arriving over HTTP."""
