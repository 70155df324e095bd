"""Who lives where, what they own and under which contract."""

from myhouse.documents.models import AuditEntry, IdempotencyRecord, OutboxMessage
from myhouse.models.accounts import AccessToken, User
from myhouse.models.appliances import Appliance
from myhouse.models.communities import Community, CommunityMembership, CommunityRole
from myhouse.models.households import Household, Invitation, Membership
from myhouse.models.metering import Battery, Measurement, MeteringPoint
from myhouse.models.tariffs import ReferenceSeries, SupplierContract
from myhouse.models.uploads import Upload

__all__ = [
    "AccessToken",
    "Appliance",
    "AuditEntry",
    "Battery",
    "Community",
    "CommunityMembership",
    "CommunityRole",
    "Household",
    "IdempotencyRecord",
    "Invitation",
    "Measurement",
    "Membership",
    "MeteringPoint",
    "OutboxMessage",
    "ReferenceSeries",
    "SupplierContract",
    "Upload",
    "User",
]
