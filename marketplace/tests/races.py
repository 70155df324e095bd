"""Races on a real database file, run as a program by test_races.py: `races` holds them, `races runner` takes part."""

from __future__ import annotations

import sys

import django

if __name__ == "__main__":
    django.setup()
    from marketplace.tests import racing

    racing.runner(racing.JOBS) if sys.argv[1:] == ["runner"] else racing.main()
