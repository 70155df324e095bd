"""Whole journeys through the product, on real processes."""
