"""Who lives where, what they own and under which contract."""

from myhouse.documents.models import AuditEntry, IdempotencyRecord, OutboxMessage
from myhouse.models.accounts import AccessToken, Notice, PrivacyJob, RecoveryCode, SecondFactor, User
from myhouse.models.appliances import Appliance
from myhouse.models.communities import Community, CommunityMembership, CommunityRole
from myhouse.models.failures import FailedTask
from myhouse.models.households import DisplayLink, Household, Invitation, Membership
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
    "DisplayLink",
    "FailedTask",
    "Household",
    "IdempotencyRecord",
    "Invitation",
    "Measurement",
    "Membership",
    "MeteringPoint",
    "Notice",
    "OutboxMessage",
    "PrivacyJob",
    "RecoveryCode",
    "ReferenceSeries",
    "SecondFactor",
    "SupplierContract",
    "Upload",
    "User",
]
