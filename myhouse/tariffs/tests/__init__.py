"""Tests of the tariff rules."""
