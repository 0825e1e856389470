"""What every model admin here has: the tenant's limits, the roles' table, audit, short lists.

Every admin of a model derives from TenantAdmin, and the site takes no other one
(`accounts.admin.site`). What a visitor may do comes from `accounts.roles`, never from Django's
own permissions. Rows of other tenants are out of the scope, so they do not exist: 404.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import InvalidPage
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.admin import TabularInline as UnfoldTabularInline
from unfold.views import ChangeList as UnfoldChangeList

from accounts.admin.acts import Acts
from accounts.admin.history import history_of
from accounts.admin.visitors import actor_of, is_operator, may
from accounts.audit import record
from accounts.pagination import UncountedPaginator
from accounts.roles import Permission
from accounts.tenancy import TenantOwned, TenantScope, current_scope

if TYPE_CHECKING:  # Django's own classes take no type arguments when they run
    FormBase = forms.ModelForm[Any]
else:
    FormBase = forms.ModelForm

# Form fields whose values no audit entry holds.
SECRET_FIELDS = frozenset(
    {"secret", "headers", "password", "password1", "password2", "usable_password"}
)
DELETE_SELECTED = "delete_selected"


def audited(value: Any) -> Any:
    """A form's value as an audit entry holds it."""
    if isinstance(value, Model):
        return str(value.pk)
    return value if isinstance(value, str | bool | int | list | None) else str(value)


class TenantForm(FormBase):
    """A form for a tenant's row. In a tenant's scope the row is the tenant's from the start, so
    that rules such as "once in a tenant" are checked before the database has to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scope = current_scope()
        if isinstance(scope, TenantScope) and self.instance.tenant_id is None:
            self.instance.tenant_id = scope.tenant_id

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded if "tenant" in self.fields else excluded - {"tenant"}


class ShortChangeList(UnfoldChangeList):  # type: ignore[misc]
    """A list that reads one page of rows and counts nothing."""

    def get_results(self, request: HttpRequest) -> None:
        paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        try:
            page = paginator.page(self.page_num)
        except InvalidPage as error:
            raise IncorrectLookupParameters from error
        self.page = page
        self.paginator = paginator
        self.result_list = page.object_list
        self.result_count = self.full_result_count = len(page.object_list)
        self.show_full_result_count = self.can_show_all = False
        self.show_admin_actions = bool(page.object_list)
        self.multi_page = page.has_other_pages()


class TenantAdmin(Acts, UnfoldModelAdmin):  # type: ignore[misc]
    """The base of every model admin.

    `seen_with` and `changed_with` name what a role has to allow for looking and for changing;
    without one only operators may. `kept` names the fields that are chosen when a row is added,
    and stay. A noun that is never added or deleted here says so by `addable`, `deletable`.
    """

    seen_with: ClassVar[Permission | None] = None
    changed_with: ClassVar[Permission | None] = None
    addable = deletable = changeable = True
    kept: tuple[str, ...] = ("tenant",)
    operator_only: tuple[str, ...] = ("tenant",)

    form: type[FormBase] = TenantForm
    paginator = UncountedPaginator
    list_per_page = 50
    list_disable_select_all = True
    show_full_result_count = False
    list_filter_sheet = True
    view_on_site = False
    warn_unsaved_form = True
    change_form_outer_before_template = "admin/row_actions.html"
    compressed_fields = True

    # -- Who may do what ---------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, self.seen_with)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.changeable and may(request, self.changed_with)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.addable and may(request, self.changed_with)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deletable and may(request, self.changed_with)

    def check_reachable(self, request: HttpRequest, object_id: str | None) -> None:
        """Raise Http404 for what the visitor must not know of: the model, or the row.

        It runs before every view of this admin, so none of them answers 403 or a redirect for
        a row that another tenant has.
        """
        if not self.has_view_permission(request):
            raise Http404
        if object_id is not None and self.get_object(request, unquote(object_id)) is None:
            raise Http404

    # -- Which rows --------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        if issubclass(self.model, TenantOwned) or is_operator(request):
            return rows
        return self.of_tenant(request, rows)

    def get_urls(self) -> list[Any]:
        """Django's, without the one that redirects from a bare id, whoever's it is."""
        return [url for url in super().get_urls() if url.name]

    def of_tenant(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of a model without a tenant that a tenant's person may see."""
        return rows.none()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what a filter offers: a query string must not probe other columns."""
        offered = self.get_list_filter(request) if request else self.list_filter
        names = [each[0] if isinstance(each, tuple | list) else each for each in offered]
        return any(
            isinstance(name, str) and (lookup == name or lookup.startswith(f"{name}__"))
            for name in names
        ) and super().lookup_allowed(lookup, value, request)

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ShortChangeList]:
        return ShortChangeList

    def _get_obj_does_not_exist_redirect(self, *_: Any) -> HttpResponseRedirect:
        raise Http404

    # -- What is shown -----------------------------------------------------------------------

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        return self._for(request, super().get_list_display(request))

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        return self._for(request, super().get_list_filter(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        return self._for(request, super().get_fields(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        shown = super().get_readonly_fields(request, obj)
        kept = () if obj is None else tuple(name for name in self.kept if name not in shown)
        return self._for(request, (*kept, *shown))

    def _for(self, request: HttpRequest, names: Iterable[Any]) -> list[Any]:
        if is_operator(request):
            return list(names)
        return [each for each in names if _name_of(each) not in self.operator_only]

    @admin.display(description="created by")
    def creator(self, obj: Any) -> str:
        """Without Django's link: it leads to the users, who are the operators' business."""
        return str(obj.created_by or "—")

    # -- Writing, with its audit entry -------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        changed = [name for name in form.changed_data if name not in SECRET_FIELDS]
        secrets = sorted(SECRET_FIELDS & set(form.changed_data))
        record(
            f"{obj._meta.model_name}.{'changed' if change else 'created'}",
            obj,
            actor=actor_of(request),
            before={name: audited(form.initial.get(name)) for name in changed} if change else None,
            after={name: audited(form.cleaned_data.get(name)) for name in changed}
            | ({"secrets": secrets} if secrets else {}),
        )

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        record(f"{obj._meta.model_name}.deleted", obj, actor=actor_of(request))
        super().delete_model(request, obj)

    def log_addition(self, *_: Any) -> None:
        """Nothing: Django's log knows no tenant. `save_model` has written the audit entry."""

    def log_change(self, *_: Any) -> None:
        """Nothing, see `log_addition`."""

    def log_deletions(self, *_: Any) -> None:
        """Nothing, see `log_addition`."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {obj}",
            "opts": self.opts,
            "object": obj,
            "page": history_of(obj, request.GET.get("p", "1")),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/audit_history.html", context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        if kwargs.get("obj") is not None:
            offered = self.get_actions(request).items()
            context["row_actions"] = [
                (name, label) for name, (_, _, label) in offered if name != DELETE_SELECTED
            ]
        context["show_save_and_add_another"] = False
        answer: HttpResponse = super().render_change_form(request, context, **kwargs)
        return answer

    # -- Actions -----------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if not self.has_delete_permission(request):
            actions.pop(DELETE_SELECTED, None)
        return actions

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Run an action on the chosen rows. One that is not there is a 404, for every action."""
        chosen = set(request.POST.getlist("_selected_action"))
        try:
            found = queryset.filter(pk__in=chosen).count()
        except (ValidationError, ValueError):
            raise Http404 from None
        if found != len(chosen):
            raise Http404
        if request.POST.get("select_across", "0") not in {"", "0"}:
            raise PermissionDenied  # our lists do not offer it: it would have no bounds
        answer: HttpResponse | None = super().response_action(request, queryset)
        return answer


class RecordInline(UnfoldTabularInline):  # type: ignore[misc]
    """Rows below a row, to look at. They are in the scope of the page they stand on."""

    extra = 0
    per_page = 50
    can_delete = False
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # the page that they stand on has been checked

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission: Callable[..., bool] = has_add_permission
    has_delete_permission: Callable[..., bool] = has_add_permission


def _name_of(each: Any) -> Any:
    return each[0] if isinstance(each, tuple | list) else each
