"""A community with one row of every document, so that tests about all of the operators' lists write themselves."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import models
from django.urls import reverse

from myhouse.documents.base import FOREVER, uuid7
from myhouse.models import Community, CommunityMembership, Household, Membership, User
from myhouse.tests.factories import NOW, CommunityFactory, HouseholdFactory, UserFactory

OUR_APPS = ("config", "telemetry", "myhouse", "devices", "marketplace")
OURS = [model for model in apps.get_models() if model._meta.app_label in OUR_APPS]
NAMES = [model._meta.label for model in OURS]
YEAR_AGO = NOW - timedelta(days=365)
_count = itertools.count(1)


class World:
    """One home of a community with everything that can belong to it."""

    def __init__(self, community: Community | None = None) -> None:
        self.community = community or CommunityFactory()
        self.household = HouseholdFactory()
        self.user = UserFactory()
        self.rows: dict[type[models.Model], models.Model] = {
            Community: self.community,
            Household: self.household,
            User: self.user,
        }
        self.rows[Membership] = Membership.objects.create(
            user=self.user, household=self.household, role="owner", starts_at=YEAR_AGO
        )
        self.rows[CommunityMembership] = CommunityMembership.objects.create(
            household=self.household, community=self.community, starts_at=YEAR_AGO
        )
        for model in OURS:
            self.row(model)

    def row(self, model: type[models.Model]) -> models.Model:
        """The world's row of a model, made when it is asked for first."""
        if model not in self.rows:
            values = {
                field.name: self._value(model, field) for field in model._meta.fields if self._owed(model, field)
            }
            self.rows[model] = model.objects.create(**values)
        return self.rows[model]

    def _owed(self, model: type[models.Model], field: models.Field) -> bool:
        if isinstance(field, models.ForeignKey):
            return field.related_model is not model
        return field.name in {"community_id", "subject_id", "subject_type"} or (
            not field.has_default() and not field.primary_key
        )

    def _value(self, model: type[models.Model], field: models.Field) -> Any:
        if isinstance(field, models.ForeignKey):
            return self.row(field.related_model)
        by_name = {
            "community_id": self.community.pk,
            "subject_id": self.household.pk,
            "subject_type": "Household",
            "owner_id": self.household.pk,
            "owner_kind": "household",
            "asset": "money",
        }
        if field.name in by_name:
            return by_name[field.name]
        if field.choices:
            return field.choices[0][0]
        if isinstance(field, models.UUIDField):
            return uuid7()
        if isinstance(field, models.DateTimeField):
            return FOREVER if field.name == "expires_at" else NOW
        if isinstance(field, models.DateField):
            return NOW.date()
        if isinstance(field, models.JSONField):
            return {}
        if isinstance(field, models.CharField | models.TextField):
            return f"{field.name[:8]}{next(_count)}"[: field.max_length]
        return 1


def registered(model: type[models.Model]) -> admin.ModelAdmin:
    """What shows the model in the admin."""
    return admin.site._registry[model]


def url(model: type[models.Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def rows_listed(page: Any) -> set[Any]:
    return {row.pk for row in page.context["cl"].result_list}
