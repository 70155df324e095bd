"""What all of the operators' lists share: read-only, bounded, searched by prefix, each in the visitor's scope.

A community manager who may sign in here sees only his own communities; the operator (superuser) sees all.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.contrib.admin import helpers
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from myhouse.admin.columns import Column, columns_of, name_of
from myhouse.admin.scope import is_operator, scope_of
from myhouse.admin.titles import titles_set
from myhouse.documents.bounded import TookTooLongError, read_for
from myhouse.errors import Busy
from myhouse.formatting import MISSING
from myhouse.models import Household

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django.utils.functional import _StrPromise

_HOUSEHOLDS_SEARCHED = 500
_READ_FOR_S = 5.0


class RowsList(ChangeList):  # type: ignore[misc] # the admin's look has no types
    """A list that lets its admin read what its rows need, for all of them at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows of this page."""
        super().get_results(request)
        self.model_admin.rows_fill(self.result_list)


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc] # the admin's look has no types
    """A list to look at: staff may open it, nobody changes it but through services."""

    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    list_fullwidth = True
    list_filter_submit = False
    empty_value_display = MISSING
    # What one row and several of them are called.
    titles: ClassVar[tuple[_StrPromise, _StrPromise]]
    # Fields whose id must be in the visitor's scope (one of them suffices); None shows the list to operators only.
    scope: ClassVar[dict[str, str] | None] = None
    # Foreign keys shown in the list: each is read by one further query, not by a join.
    related: ClassVar[tuple[str, ...]] = ()
    # Fields that are money or energy, whichever the row's asset says.
    amounts: ClassVar[tuple[str, ...]] = ()
    # Text fields searched by what they begin with, ids searched whole, and households searched by name.
    search_fields: ClassVar[tuple[str, ...]] = ()
    search_ids: ClassVar[tuple[str, ...]] = ()
    search_households: ClassVar[tuple[str, ...]] = ()
    # What must not be shown, such as digests.
    hidden: ClassVar[tuple[str, ...]] = ()

    def __init__(self, model: type[Model], admin_site: AdminSite) -> None:
        """Prepare how the model's fields are shown."""
        titles_set(model, *self.titles)
        super().__init__(model, admin_site)
        self.columns: dict[str, Column] = columns_of(model, self.amounts)
        for name, column in self.columns.items():
            # By name, so that it can be named in `list_display` and among the fields of the object page.
            setattr(self, f"show_{name}", column)

    def name_of(self, row: Any) -> str:
        """Say which row it is, in questions and messages."""
        return name_of(row)

    def rows_fill(self, rows: Iterable[Any]) -> None:
        """Read what the rows of a page show besides their own fields."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, unless the database takes too long: one search must not hold up the market."""
        try:
            with read_for(_READ_FOR_S):
                answer: HttpResponse = super().changelist_view(request, extra_context)
                if isinstance(answer, SimpleTemplateResponse):
                    # Here and not later: rows are read while they are written.
                    answer.render()
        except TookTooLongError as error:
            raise Busy(_("This takes too long. Search for an id, or narrow the filter."), retry_after_s=1) from error
        return answer

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RowsList]:
        """Return the kind of list."""
        return RowsList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Show each field the way it is written for people."""
        return [self._shown(name) for name in super().get_list_display(request)]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Show everything that is not to be hidden, written for people."""
        if self.fields:
            return [self._shown(name) for name in self.fields]
        names = [field.name for field in self.opts.fields if field.name not in self.hidden]
        return [self._shown(name) for name in names]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Leave nothing to be typed."""
        return self.get_fields(request, obj)

    def _shown(self, name: Any) -> Any:
        return f"show_{name}" if name in self.columns else name

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Show the operator everything and a manager his own communities."""
        rows: QuerySet[Any] = super().get_queryset(request)
        if self.related:
            rows = rows.prefetch_related(*self.related)
        if is_operator(request):
            return rows
        return self.in_scope(request, rows)

    def in_scope(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows a manager may see."""
        return scope_of(request).limit(rows, **(self.scope or {}))

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Show the search box everywhere: an id can always be looked for."""
        return self.search_fields or ("pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search for an id when the term is one, else for what begins with it."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            wanted = uuid.UUID(term)
        except ValueError:
            return queryset.filter(self._begins_with(request, term)), False
        found = Q(pk=wanted)
        for field in (*self.search_ids, *self.search_households):
            found |= Q(**{field: wanted})
        return queryset.filter(found), False

    def _begins_with(self, request: HttpRequest, term: str) -> Q:
        found = Q(pk__in=[])
        for field in self.search_fields:
            found |= Q(**{f"{field}__startswith": term})
        if self.search_households:
            homes = scope_of(request).limit(Household.objects.all(), pk="households")
            ids = list(homes.filter(name__startswith=term).values_list("pk", flat=True)[:_HOUSEHOLDS_SEARCHED])
            for field in self.search_households:
                found |= Q(**{f"{field}__in": ids})
        return found

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Answer ids that are none with a message instead of a fault."""
        for selected in request.POST.getlist(helpers.ACTION_CHECKBOX_NAME):
            try:
                uuid.UUID(selected)
            except ValueError:
                messages.error(request, _("There is no such row. Open the list again."))
                return HttpResponseRedirect(request.get_full_path())
        answer: HttpResponse | None = super().response_action(request, queryset)
        return answer

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show managers the lists that are theirs."""
        return is_operator(request) or bool(
            request.user.is_active and request.user.is_staff and self.scope is not None
        )

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let the operator see all and a manager what his list holds."""
        if obj is None or is_operator(request):
            return self.has_module_permission(request)
        return self.has_module_permission(request) and self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Nothing is added past the services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is changed past the services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted past the services."""
        return False
