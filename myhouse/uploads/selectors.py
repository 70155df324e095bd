"""Reading uploads through the memberships of the asking user."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.utils.translation import gettext as _

from myhouse.documents.pages import LIMIT, Page, page
from myhouse.errors import NotFound
from myhouse.models import Household, Upload, User
from myhouse.selectors.households import Access, household_for


def upload_for(*, user: User, upload_id: uuid.UUID, now: datetime) -> tuple[Upload, Access]:
    """Open an upload for a member of its household, or refuse as if it did not exist."""
    missing = _("There is no such upload, or it is not yours.")
    upload = Upload.objects.filter(pk=upload_id).first()
    if upload is None:
        raise NotFound(missing)
    try:
        access = household_for(user=user, household_id=upload.household_id, now=now)
    except NotFound as error:
        raise NotFound(missing) from error
    access.require_member()
    upload.household = access.household
    return upload, access


def uploads_page(*, household: Household, limit: int = LIMIT, cursor: str | None = None) -> Page[Upload]:
    """List a household's uploads, the newest first, page by page."""
    return page(Upload.objects.filter(household=household), order="-created_at", limit=limit, cursor=cursor)
