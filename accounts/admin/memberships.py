"""Who belongs to a tenant, and as what."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.admin.base import TenantForm
from accounts.admin.limits import LimitsAdmin, LimitSet, with_limits
from accounts.admin.visitors import is_operator, may
from accounts.members import LastOwner, OwnersOnly, is_last_owner, lock_owners
from accounts.models import Membership
from accounts.roles import Permission, Role


@with_limits(
    LimitSet(
        "limits",
        "Limits",
        "For this person, instead of what each member may use. An empty field takes that one.",
    )
)
class MembershipForm(TenantForm):
    grants_owners = True  # whether the visitor may make and unmake owners

    class Meta:
        model = Membership
        fields = ("tenant", "user", "role", "state")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        owner_before = self.initial.get("role") == Role.OWNER
        owner_after = cleaned.get("role") == Role.OWNER
        if not self.grants_owners and owner_before != owner_after:
            self.add_error("role", str(OwnersOnly()))
        still = owner_after and cleaned.get("state") == Membership.State.ACTIVE
        if owner_before and not still:
            lock_owners(self.instance.tenant_id)
            if is_last_owner(self.instance):
                raise ValidationError(str(LastOwner()), code=LastOwner.code)
        return cleaned


@admin.register(Membership)
class MembershipAdmin(LimitsAdmin):
    seen_with = changed_with = Permission.MANAGE_MEMBERS
    kept = ("tenant", "person")
    form = MembershipForm
    list_display = ("user", "name", "tenant", "role", "state")
    list_filter = ("role", "state")
    list_select_related = ("tenant", "user")
    search_fields = ("user__email", "user__name")
    autocomplete_fields = ("tenant", "user")
    ordering = ("-id",)

    @admin.display(description="name", ordering="user__name")
    def name(self, membership: Membership) -> str:
        return membership.user.name

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A tenant's people invite by e-mail: the list of all users is the platform's.
        return is_operator(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not (super().has_delete_permission(request, obj) and self._may_touch(request, obj)):
            return False
        return not isinstance(obj, Membership) or not is_last_owner(obj)

    @admin.display(description="user")
    def person(self, membership: Membership) -> str:
        """Without Django's link: it leads to the users, who are the operators' business."""
        return str(membership.user)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = ("tenant", "user" if obj is None else "person", "role", "state")
        return [each for each in fields if each not in self.operator_only or is_operator(request)]

    def _may_touch(self, request: HttpRequest, obj: Any) -> bool:
        """An owner's row is the owners' business."""
        of_owner = isinstance(obj, Membership) and obj.role == Role.OWNER
        return not of_owner or grants_owners(request)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        return type(form.__name__, (form,), {"grants_owners": grants_owners(request)})

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if not is_operator(request):
            actions.pop("delete_selected", None)  # one by one: each has rules of its own
        return actions

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            lock_owners(obj.tenant_id)
            if is_last_owner(obj):
                raise PermissionDenied
            super().delete_model(request, obj)


def grants_owners(request: HttpRequest) -> bool:
    return may(request, Permission.MANAGE_OWNERS)
