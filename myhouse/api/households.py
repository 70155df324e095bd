"""REST API of households: the household, its members and invitations."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import path
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from myhouse.api.fields import Moment
from myhouse.api.gate import IDEMPOTENCY_KEY, ApiView, HouseholdView, MemberView, actor_from, answer_once, user_of
from myhouse.errors import NotFound
from myhouse.limits import limit_hit
from myhouse.models.households import Role
from myhouse.scopes import CLOSED, Scope, by_method
from myhouse.selectors.households import Access, accesses_of, community_of, household_for, invitations_of, members_of
from myhouse.services.households import (
    household_change,
    household_create,
    invitation_accept,
    invitation_revoke,
    member_curves_set,
    member_remove,
    member_role_set,
)
from myhouse.services.invitations import invitation_issue
from myhouse.views.households import INVITE

TAG = ["households"]


class HouseholdFields(serializers.Serializer[Any]):
    """What an owner says about a household."""

    name = serializers.CharField(max_length=80)
    time_zone = serializers.CharField(max_length=40, default="Europe/Berlin")
    currency = serializers.CharField(max_length=3, default="EUR")
    connection_limit_w = serializers.IntegerField(min_value=1_000, max_value=10_000_000, required=False)


class HouseholdAnswer(HouseholdFields):
    """A household and what the asking user may do with it; data are seen from `since` on."""

    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=Role.choices)
    since = Moment()
    until = Moment(allow_null=True)
    community = serializers.CharField(allow_null=True, required=False)


class HouseholdList(serializers.Serializer[Any]):
    """The households of the user."""

    results = HouseholdAnswer(many=True)


def _household(access: Access) -> dict[str, Any]:
    household = access.household
    values = {
        "id": household.pk,
        "name": household.name,
        "time_zone": household.time_zone,
        "currency": household.currency,
        "connection_limit_w": household.connection_limit_w,
        "role": access.role,
        "since": access.since,
        "until": access.until,
    }
    return dict(HouseholdAnswer(values).data)


class HouseholdsView(ApiView):
    """The user's households."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ)

    @extend_schema(tags=TAG, responses=HouseholdList, summary="List your households")
    def get(self, request: Request) -> Response:
        """List the households the user belongs to now, by name."""
        accesses = accesses_of(user=user_of(request), now=timezone.now())
        return Response({"results": [_household(access) for access in accesses]})

    @extend_schema(
        tags=TAG,
        request=HouseholdFields,
        responses={201: HouseholdAnswer},
        parameters=[IDEMPOTENCY_KEY],
        summary="Create a household",
    )
    def post(self, request: Request) -> Response:
        """Found a household; the user becomes its owner."""
        asked = HouseholdFields(data=request.data)
        asked.is_valid(raise_exception=True)

        def run() -> tuple[int, Any]:
            now, user = timezone.now(), user_of(request)
            values = {name: asked.validated_data[name] for name in ("name", "time_zone", "currency")}
            household = household_create(owner=user, community=None, actor=actor_from(request), now=now, **values)
            return 201, _household(household_for(user=user, household_id=household.pk, now=now))

        return answer_once(request, run)


class OneHouseholdView(HouseholdView):
    """One household."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ, write=Scope.HOUSEHOLD_WRITE)

    @extend_schema(tags=TAG, responses=HouseholdAnswer, summary="Read a household")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """Return the household and the user's role in it."""
        community = community_of(household=self.access.household, now=timezone.now())
        return Response({**_household(self.access), "community": community.name if community else None})

    @extend_schema(tags=TAG, request=HouseholdFields, responses=HouseholdAnswer, summary="Change a household")
    def patch(self, request: Request, household_id: uuid.UUID) -> Response:
        """Change some of the household's name, place and connection."""
        self.access.require_change()
        asked = HouseholdFields(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        household = self.access.household
        values = {
            name: asked.validated_data.get(name, getattr(household, name))
            for name in ("name", "time_zone", "currency", "connection_limit_w")
        }
        household_change(household=household, actor=actor_from(request), now=timezone.now(), **values)
        return Response(_household(self.access))


class MemberAnswer(serializers.Serializer[Any]):
    """A person in the household; the address is shown to owners."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    email = serializers.EmailField(read_only=True, required=False)
    role = serializers.ChoiceField(choices=Role.choices)
    since = Moment(source="starts_at", read_only=True)
    curves_agreed = serializers.BooleanField()


class MemberList(serializers.Serializer[Any]):
    """The members of a household."""

    results = MemberAnswer(many=True)


def _members(access: Access) -> list[dict[str, Any]]:
    rows = [dict(MemberAnswer(m).data) for m in members_of(household=access.household, now=timezone.now())]
    for row in rows:
        if not access.may_change:
            del row["email"]
    return rows


class MembersView(MemberView):
    """The members of a household."""

    scopes = by_method(read=Scope.HOUSEHOLD_READ)

    @extend_schema(tags=TAG, responses=MemberList, summary="List the members")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """List who belongs to the household now, owners first."""
        return Response({"results": _members(self.access)})


class OneMemberView(HouseholdView):
    """One member."""

    scopes = CLOSED

    @extend_schema(tags=TAG, request=MemberAnswer, responses=MemberAnswer, summary="Change a member's rights")
    def patch(self, request: Request, household_id: uuid.UUID, membership_id: uuid.UUID) -> Response:
        """Change the role, or whether a supplier sees curves."""
        self.access.require_change()
        asked = MemberAnswer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        common: dict[str, Any] = {
            "household": self.access.household,
            "membership_id": membership_id,
            "actor": actor_from(request),
            "now": timezone.now(),
        }
        if "role" in asked.validated_data:
            member_role_set(role=asked.validated_data["role"], **common)
        if "curves_agreed" in asked.validated_data:
            member_curves_set(agreed=asked.validated_data["curves_agreed"], **common)
        found = next((row for row in _members(self.access) if row["id"] == str(membership_id)), None)
        if found is None:
            raise NotFound(_("There is no such member in this household."))
        return Response(found)

    @extend_schema(tags=TAG, responses={204: None}, summary="Remove a member, or leave")
    def delete(self, request: Request, household_id: uuid.UUID, membership_id: uuid.UUID) -> Response:
        """End a membership; the last owner cannot leave."""
        if membership_id != self.access.membership_id:
            self.access.require_change()
        member_remove(
            household=self.access.household,
            membership_id=membership_id,
            actor=actor_from(request),
            now=timezone.now(),
        )
        return Response(status=204)


class InvitationFields(serializers.Serializer[Any]):
    """Whom to invite as what."""

    role = serializers.ChoiceField(choices=Role.choices, default=Role.VIEWER)
    email = serializers.EmailField(required=False, allow_blank=True, default="")
    history_shared = serializers.BooleanField(default=False)


class InvitationAnswer(InvitationFields):
    """An invitation; the link is in the answer of its creation only, and not where it was mailed."""

    id = serializers.UUIDField()
    created_at = Moment()
    expires_at = Moment()
    link = serializers.CharField(required=False)


class InvitationList(serializers.Serializer[Any]):
    """The open invitations of a household."""

    results = InvitationAnswer(many=True)


class InvitationsView(MemberView):
    """The open invitations of a household, for its owners."""

    scopes = CLOSED

    @extend_schema(tags=TAG, responses=InvitationList, summary="List the open invitations")
    def get(self, request: Request, household_id: uuid.UUID) -> Response:
        """List what can still be used, the newest first."""
        self.access.require_change()
        found = invitations_of(household=self.access.household, now=timezone.now())
        return Response({"results": InvitationAnswer(found, many=True).data})

    @extend_schema(tags=TAG, request=InvitationFields, responses={201: InvitationAnswer}, summary="Invite somebody")
    def post(self, request: Request, household_id: uuid.UUID) -> Response:
        """Make a link that lets one person join: mailed to `email`, or without one given in this answer once."""
        asked = InvitationFields(data=request.data)
        asked.is_valid(raise_exception=True)
        now = timezone.now()
        limit_hit(limit=INVITE, subject=str(request.user.pk), now=now)
        invitation, link = invitation_issue(
            household=self.access.household,
            inviting=user_of(request),
            language=translation.get_language() or "en",
            actor=actor_from(request),
            now=now,
            **asked.validated_data,
        )
        body = dict(InvitationAnswer(invitation).data)
        return Response({**body, "link": link} if link else body, status=201)


class OneInvitationView(MemberView):
    """One invitation."""

    scopes = CLOSED

    @extend_schema(tags=TAG, responses={204: None}, summary="Revoke an invitation")
    def delete(self, request: Request, household_id: uuid.UUID, invitation_id: uuid.UUID) -> Response:
        """Make its link useless."""
        invitation_revoke(
            household=self.access.household,
            invitation_id=invitation_id,
            actor=actor_from(request),
            now=timezone.now(),
        )
        return Response(status=204)


class AcceptFields(serializers.Serializer[Any]):
    """The secret at the end of an invitation's link."""

    secret = serializers.CharField(max_length=100)


class AcceptView(ApiView):
    """Accepting an invitation."""

    scopes = CLOSED

    @extend_schema(tags=TAG, request=AcceptFields, responses={201: HouseholdAnswer}, summary="Join by an invitation")
    def post(self, request: Request) -> Response:
        """Join the household the invitation is for."""
        asked = AcceptFields(data=request.data)
        asked.is_valid(raise_exception=True)
        now, user = timezone.now(), user_of(request)
        membership = invitation_accept(secret=asked.validated_data["secret"], user=user, now=now)
        access = household_for(user=user, household_id=membership.household_id, now=now)
        return Response(_household(access), status=201)


_ONE = "households/<uuid:household_id>"
urlpatterns = [
    path("households", HouseholdsView.as_view(), name="api-households"),
    path(_ONE, OneHouseholdView.as_view(), name="api-household"),
    path(f"{_ONE}/members", MembersView.as_view(), name="api-members"),
    path(f"{_ONE}/members/<uuid:membership_id>", OneMemberView.as_view(), name="api-member"),
    path(f"{_ONE}/invitations", InvitationsView.as_view(), name="api-invitations"),
    path(f"{_ONE}/invitations/<uuid:invitation_id>", OneInvitationView.as_view(), name="api-invitation"),
    path("invitations/accept", AcceptView.as_view(), name="api-invitation-accept"),
]
