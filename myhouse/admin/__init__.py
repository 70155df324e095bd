"""The operators' lists of this app; `base` and `decisions` are what the lists of the other apps are made of."""

from django.contrib import admin
from django.contrib.auth.models import Group

from myhouse.admin import communities, contracts, homes, people, system

__all__ = ["communities", "contracts", "homes", "people", "system"]

# Rights come from roles in households and communities, not from groups.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)
