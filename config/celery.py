"""The Celery application; tasks live in each app's `tasks.py`, queues are named after resources."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("myhouse")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

QUEUES = ("default", "polling", "market", "electricity", "water", "heat", "weather", "pv")
