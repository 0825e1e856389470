"""Accounts in the admin, for platform operators. Every change leaves an audit entry; no page
shows a secret, except a new API key to the one who made it, once."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.forms import UserChangeForm as DjangoUserChangeForm
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.api_keys import revoke_api_key, save_new_api_key
from accounts.audit import record
from accounts.credentials import InvalidSecret, endpoint_of, set_secret
from accounts.keyset import KeysetError
from accounts.models import ApiKey, AuditEntry, Credential, Membership, Tenant, User
from accounts.roles import KEY_SCOPES
from live import LiveError

if TYPE_CHECKING:  # Django's own classes take no type arguments when they run
    AdminBase = admin.ModelAdmin[Any]
    UserAdminBase = DjangoUserAdmin[Any]
    UserCreationBase = AdminUserCreationForm[User]
    UserChangeBase = DjangoUserChangeForm[User]
    CredentialFormBase = forms.ModelForm[Credential]
    ApiKeyFormBase = forms.ModelForm[ApiKey]
else:
    AdminBase, UserAdminBase = admin.ModelAdmin, DjangoUserAdmin
    UserCreationBase, UserChangeBase = AdminUserCreationForm, DjangoUserChangeForm
    CredentialFormBase = ApiKeyFormBase = forms.ModelForm

# Form fields whose values no audit entry holds.
_SECRET_FIELDS = frozenset({"secret", "password", "password1", "password2", "usable_password"})


def _actor(request: HttpRequest) -> str:
    return f"user:{request.user.pk}"


def _audited(value: Any) -> Any:
    """A form's value as an audit entry holds it."""
    if isinstance(value, Model):
        return str(value.pk)
    return value if isinstance(value, str | bool | int | None) else str(value)


class Audited(AdminBase):
    """Records who added, changed or deleted what."""

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        changed = [name for name in form.changed_data if name not in _SECRET_FIELDS]
        secrets = sorted(_SECRET_FIELDS & set(form.changed_data))
        record(
            f"{obj._meta.model_name}.{'changed' if change else 'created'}",
            obj,
            actor=_actor(request),
            before={name: _audited(form.initial.get(name)) for name in changed} if change else None,
            after={name: _audited(form.cleaned_data.get(name)) for name in changed}
            | ({"secrets": secrets} if secrets else {}),
        )

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        record(f"{obj._meta.model_name}.deleted", obj, actor=_actor(request))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)


class KeepsItsTenant(Audited):
    """For tenant-owned rows: the tenant is chosen when a row is added, and stays."""

    fixed: tuple[str, ...] = ("tenant",)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        shown = tuple(super().get_readonly_fields(request, obj))
        return shown if obj is None else (*self.fixed, *shown)


class UserCreationForm(UserCreationBase):
    class Meta:
        model = User
        fields = ("email", "name")


class UserChangeForm(UserChangeBase):
    class Meta:
        model = User
        fields = "__all__"


admin.site.unregister(Group)  # what a person may do is her role in a tenant


@admin.register(User)
class UserAdmin(Audited, UserAdminBase):
    form = UserChangeForm
    add_form = UserCreationForm
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("email", "name")
    readonly_fields = ("created_at", "last_login")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "password", "name", "locale")}),
        ("Platform", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # closing an account keeps what it did: clear "active"


@admin.register(Tenant)
class TenantAdmin(Audited):
    list_display = ("name", "slug", "state", "created_at")
    list_filter = ("state",)
    search_fields = ("name", "slug")
    readonly_fields = ("created_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # suspend it instead


@admin.register(Membership)
class MembershipAdmin(KeepsItsTenant):
    fixed = ("tenant", "user")
    list_display = ("user", "tenant", "role", "state")
    list_filter = ("tenant", "role", "state")
    list_select_related = ("tenant", "user")
    search_fields = ("user__email", "user__name")
    autocomplete_fields = ("user",)


class WriteOnlyTextarea(forms.Textarea):
    """Never gives back what was entered, also not on a form with errors."""

    def format_value(self, value: Any) -> str | None:
        return None


class CredentialForm(CredentialFormBase):
    kind = forms.ChoiceField(
        choices=[
            (kind.value, kind.label)
            for kind in (Credential.Kind.SERVICE_ACCOUNT, Credential.Kind.API_KEY)
        ]
    )
    secret = forms.CharField(
        required=False,
        strip=True,
        widget=WriteOnlyTextarea(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        help_text="The JSON key file of the service account, or the API key. It is sealed at "
        "once and never shown again. Leave it empty to keep the one that is stored.",
    )

    class Meta:
        model = Credential
        fields = (
            "tenant",
            "name",
            "kind",
            "secret",
            "endpoint",
            "project",
            "location",
            "base_url",
            "is_primary",
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        secret = cleaned.pop("secret", "")
        if self.errors:
            return cleaned
        # What the secret is sealed for, and what it may fill in, has to be on the row already.
        for name, value in cleaned.items():
            setattr(self.instance, name, value)
        if secret:
            self._seal(secret)
            cleaned["project"] = self.instance.project
        elif self.instance.version == 0 or "kind" in self.changed_data:
            self.add_error("secret", "Enter the secret of this kind.")
        if not self.errors:
            self._check_endpoint()
        return cleaned

    def _seal(self, secret: str) -> None:
        try:
            set_secret(self.instance, secret)
        except (InvalidSecret, LiveError) as error:
            self.add_error("secret", str(error))
        except KeysetError as error:
            self.add_error("secret", f"{error} {error.fix}")

    def _check_endpoint(self) -> None:
        try:
            endpoint_of(self.instance)
        except LiveError as error:
            self.add_error("endpoint", str(error))


@admin.register(Credential)
class CredentialAdmin(KeepsItsTenant):
    form = CredentialForm
    list_display = ("name", "tenant", "kind", "endpoint", "project", "state", "is_primary")
    list_filter = ("tenant", "state", "kind", "endpoint")
    list_select_related = ("tenant",)
    readonly_fields = ("state", "client_email", "key_id", "fingerprint", "last_four", "created_at")
    actions = ("make_primary", "revoke")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user
        super().save_model(request, obj, form, change)

    @admin.action(description="Make primary (one credential)", permissions=["change"])
    def make_primary(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        if queryset.count() != 1:
            self.message_user(request, "Choose exactly one credential.", messages.ERROR)
            return
        credential = queryset.get()
        Credential.objects.filter(tenant=credential.tenant, is_primary=True).update(
            is_primary=False
        )
        queryset.update(is_primary=True)
        record("credential.made-primary", credential, actor=_actor(request))

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        for credential in queryset.exclude(state=Credential.State.REVOKED):
            credential.state = Credential.State.REVOKED
            credential.is_primary = False
            credential.save(update_fields=["state", "is_primary"])
            record("credential.revoked", credential, actor=_actor(request))


class ApiKeyForm(ApiKeyFormBase):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in KEY_SCOPES], widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = ApiKey
        fields = ("tenant", "name", "scopes", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(KeepsItsTenant):
    form = ApiKeyForm
    list_display = ("name", "prefix", "tenant", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    search_fields = ("name", "prefix")
    readonly_fields = ("prefix", "last_used_at", "revoked_at", "created_by", "created_at")
    actions = ("revoke",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # revoke it instead: what it did stays explained

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        obj.created_by = request.user
        # Kept on the object until this request's answer, and nowhere else.
        obj.new_text = save_new_api_key(obj)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "API key created",
            "key": obj,
            "text": obj.new_text,
        }
        # No redirect and no message: both would put the key where it stays. The admin's own
        # answers are never cached.
        return render(request, "accounts/api_key_created.html", context)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            revoke_api_key(key, _actor(request))


@admin.register(AuditEntry)
class AuditEntryAdmin(AdminBase):
    list_display = ("at", "tenant", "actor", "action", "object_type", "object_id")
    list_filter = ("tenant", "action")
    list_select_related = ("tenant",)
    search_fields = ("actor", "object_id")
    ordering = ("-id",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
