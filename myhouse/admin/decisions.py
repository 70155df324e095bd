"""What staff decide in the lists: asked once more, with a reason where one is owed, done by a service, row by row.

The same decision stands among a list's actions and as a button on the page of a single row. A service that refuses
leaves its row as it was; the refusal is shown, and the other rows are done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import MethodType
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action as unfold_action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget

from myhouse.admin.base import ReadOnlyAdmin
from myhouse.admin.scope import is_operator
from myhouse.errors import UnableTo
from myhouse.views.gate import actor_from, form_refuse

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django.utils.functional import _StrPromise
    from unfold.dataclasses import UnfoldAction

ROWS_AT_MOST = 200
_REFUSALS_SHOWN = 20
_CONFIRMED = "confirmed"


class PlainForm(forms.Form):
    """Nothing to fill in: yes or no."""


class ReasonForm(forms.Form):
    """A reason that those concerned will read."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("Those concerned read it, and it is kept in the audit log."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


@dataclass(frozen=True)
class Decision:
    """Something staff can decide about a row; `run` gets the row, what the form holds, `actor` and `now`."""

    name: str
    title: _StrPromise
    question: _StrPromise
    done: _StrPromise
    run: Callable[..., object]
    form: type[forms.Form] = PlainForm
    icon: str = "check"
    danger: bool = False
    # Managers may decide it about the rows of their communities; otherwise it is the operator's.
    managers: bool = False
    # Whether it can be decided about several rows at once.
    many: bool = True
    # Whether its button makes sense on a row's page; the service has the last word.
    possible: Callable[[Any], bool] = lambda _row: True


class DecidingAdmin(ReadOnlyAdmin):
    """A list whose rows can be decided about."""

    decisions: ClassVar[tuple[Decision, ...]] = ()

    def __init__(self, model: type[Model], admin_site: AdminSite) -> None:
        """Hang each decision on the page of a row."""
        super().__init__(model, admin_site)
        self.actions_detail = [f"decide_{one.name}" for one in self.decisions]
        for one in self.decisions:
            setattr(self, f"decide_{one.name}", MethodType(_button(one), self))

    def may_decide(self, request: HttpRequest, decision: Decision) -> bool:
        """Whether the visitor may decide it at all; about which rows, the list's scope says."""
        return is_operator(request) or (decision.managers and self.has_module_permission(request))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """List the decisions about several rows."""
        if "_popup" in request.GET:
            return {}
        return {
            one.name: (partial(_decide_selected, decision=one), one.name, one.title)
            for one in self.decisions
            if one.many and self.may_decide(request, one)
        }

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """List the decisions that make sense for this row."""
        row = self.get_object(request, unquote(str(object_id)))
        if row is None:
            return []
        names = {
            f"{self.opts.app_label}_{self.opts.model_name}_decide_{one.name}"
            for one in self.decisions
            if self.may_decide(request, one) and one.possible(row)
        }
        return [one for one in super().get_actions_detail(request, object_id) if one.action_name in names]

    def decide(self, request: HttpRequest, decision: Decision, rows: Sequence[Any], back: str) -> HttpResponse:
        """Ask for confirmation, then run the service for each row and say what became of it."""
        if not self.may_decide(request, decision):
            raise PermissionDenied
        confirmed = request.method == "POST" and _CONFIRMED in request.POST
        form = decision.form(request.POST if confirmed else None)
        if confirmed and form.is_valid():
            refusals = [(row, refusal) for row in rows if (refusal := _run(request, decision, row, form)) is not None]
            if not (len(rows) == 1 and refusals and refusals[0][1].errors):
                self._tell(request, decision, rows, refusals)
                return HttpResponseRedirect(back)
            # A single row with something wrong in the form: asked again, with what was typed.
            form_refuse(form, refusals[0][1])
        context = {
            **self.admin_site.each_context(request),
            "title": decision.title,
            "opts": self.opts,
            "decision": decision,
            "form": form,
            "media": self.media + form.media,
            "rows": [(row, self.name_of(row)) for row in rows],
            "back": back,
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/decision.html", context)

    def _tell(
        self,
        request: HttpRequest,
        decision: Decision,
        rows: Sequence[Any],
        refusals: list[tuple[Any, UnableTo]],
    ) -> None:
        refused = {row.pk for row, _refusal in refusals}
        done = [self.name_of(row) for row in rows if row.pk not in refused]
        if done:
            more = ngettext("and %(n)d more", "and %(n)d more", len(done) - 5) % {"n": len(done) - 5}
            names = ", ".join(done[:5]) + (f" {more}" if len(done) > 5 else "")
            messages.success(request, f"{decision.done}: {names}.")
        for row, refusal in refusals[:_REFUSALS_SHOWN]:
            messages.error(request, f"{self.name_of(row)}: {refusal.message}")
        if len(refusals) > _REFUSALS_SHOWN:
            messages.error(request, _("And %(n)d more were refused.") % {"n": len(refusals) - _REFUSALS_SHOWN})


def _run(request: HttpRequest, decision: Decision, row: Any, form: forms.Form) -> UnableTo | None:
    """Run the service for one row; returns its refusal."""
    try:
        decision.run(row, form.cleaned_data, actor=actor_from(request), now=timezone.now())
    except UnableTo as refusal:
        return refusal
    return None


def _decide_selected(
    admin: DecidingAdmin, request: HttpRequest, queryset: QuerySet[Any], *, decision: Decision
) -> HttpResponse:
    """Decide about the rows selected in a list."""
    back = request.get_full_path()
    rows = list(queryset[: ROWS_AT_MOST + 1])
    if len(rows) > ROWS_AT_MOST:
        messages.error(request, _("Select at most %(most)d rows at once.") % {"most": ROWS_AT_MOST})
        return HttpResponseRedirect(back)
    return admin.decide(request, decision, rows, back)


def _button(decision: Decision) -> Callable[..., HttpResponse]:
    """Make the page that decides about one row."""

    def decide_one(admin: DecidingAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
        if not admin.may_decide(request, decision):
            raise PermissionDenied
        row = admin.get_object(request, unquote(object_id))
        if row is None:
            answer: HttpResponse = admin._get_obj_does_not_exist_redirect(request, admin.opts, object_id)  # noqa: SLF001 - as Django's own object pages answer
            return answer
        back = reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_change", args=[row.pk])
        return admin.decide(request, decision, [row], back)

    made: Callable[..., HttpResponse] = unfold_action(
        description=decision.title,
        url_path=decision.name.replace("_", "-"),
        icon=decision.icon,
        variant=ActionVariant.DANGER if decision.danger else ActionVariant.PRIMARY,
    )(decide_one)
    return made
