"""Who: users, tenants, memberships, credentials and API keys. (`accounts.audit.models` has the
rows of the audit.)

Foreign keys of tenant-owned rows to rows that are nobody's (User, Tenant) have no relation
back (`related_name="+"`): User and Tenant have open managers, so they must not be able to
join into a tenant's rows.
"""

from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.api.models import ApiRequest, IdempotentRequest
from accounts.audit.models import AppendOnly, AuditEntry, AuditLink, AuditSeal
from accounts.ids import uuid7
from accounts.keyset.field import SealedField
from accounts.leaving.models import Archive, Departure
from accounts.roles import Role
from accounts.rotation.models import CredentialRotation
from accounts.single_sign_on.models import EmailDomain, IdentityProvider, ProviderIdentity
from accounts.tenancy import TenantOwned

__all__ = [
    "ApiKey",
    "ApiRequest",
    "AppendOnly",
    "Archive",
    "AuditEntry",
    "AuditLink",
    "AuditSeal",
    "Credential",
    "CredentialRotation",
    "Departure",
    "EmailDomain",
    "IdempotentRequest",
    "IdentityProvider",
    "Invitation",
    "Membership",
    "ProviderIdentity",
    "Tenant",
    "User",
    "UserManager",
]


class UserManager(BaseUserManager["User"]):
    """E-mail addresses are kept in lower case: two spellings are one person."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=self.normalize_email(username))

    async def aget_by_natural_key(self, username: str | None) -> "User":
        return await self.aget(email=self.normalize_email(username))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user. Without a password the user cannot log in with one."""
        if not email:
            raise ValueError("A user needs an e-mail address")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a platform operator."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who logs in. What they may do in a tenant stands in a Membership;
    superusers are the platform's operators."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField("e-mail", unique=True)
    name = models.CharField(max_length=150, blank=True)
    locale = models.CharField(max_length=16, blank=True, help_text="A language tag such as en-GB.")
    is_active = models.BooleanField(default=True, help_text="Clear this instead of deleting.")
    is_staff = models.BooleanField("may enter the admin", default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        ordering = ("email",)

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = UserManager.normalize_email(self.email)

    @property
    def is_operator(self) -> bool:
        """Whether the platform is this person's to run: the role beside those of `roles.Role`."""
        return self.is_active and self.is_staff and self.is_superuser

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.split(" ", 1)[0] or self.email


class Tenant(models.Model):
    """An organisation. Everything its people make belongs to it and to nobody else."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        # `accounts.leaving`: owners may still look and take it back; then everything is deleted.
        LEAVING = "leaving", "Leaving"
        ERASING = "erasing", "Being deleted"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=150)
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    requires_mfa = models.BooleanField(
        "requires a second factor",
        default=False,
        help_text="Members without one set it up before anything else here works for them.",
    )
    allows_visits = models.BooleanField(
        "lets the operator look in",
        default=False,
        help_text="Operators of this service may look in, in a role of yours, to help you. They "
        "give a reason, it lasts 30 minutes, and it is in your audit with all that they do.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # What the active identity provider's settings say, for those who look at every request.
    requires_sign_on = models.BooleanField(default=False, editable=False)
    trusts_sign_on_factor = models.BooleanField(default=False, editable=False)

    allows_recording = models.BooleanField(
        "allows recordings",
        default=False,
        help_text="Whether agents may be set to keep what is heard, of people who agree to it.",
    )
    recordings_kept_days = models.PositiveSmallIntegerField(
        "recordings are kept for days",
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="People are told before they agree. Then the sound is deleted; the words stay.",
    )

    text_kept_days = models.PositiveSmallIntegerField(
        "words are kept for days",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Counted from a conversation's end. Empty: until somebody deletes them.",
    )
    events_kept_days = models.PositiveSmallIntegerField(
        "events are kept for days",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="What happened beside the words. Empty: until somebody deletes it.",
    )

    # Each holds an `accounts.limits.Limits`. The plan is the operators'; of it and the tenant's
    # own limits the smaller ones count.
    plan_limits = models.JSONField(default=dict, blank=True, editable=False)
    limits = models.JSONField(default=dict, blank=True, editable=False)
    member_limits = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.state == Tenant.State.ACTIVE


class Membership(TenantOwned):
    """One person's role in one tenant."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        DISABLED = "disabled", "Disabled"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    # An `accounts.limits.Limits` that goes before the tenant's `member_limits`.
    limits = models.JSONField(default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("user", "tenant"), name="membership_user_tenant"),
        )

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class Credential(TenantOwned):
    """What a tenant's conversations log in to Gemini with.

    The secret is write-only: `accounts.credentials` seals it, and opens it for a connection.
    What may be shown stands beside it in fields of its own.
    """

    class Kind(models.TextChoices):
        SERVICE_ACCOUNT = "service_account", "Service account"
        API_KEY = "api_key", "API key"
        AUTHORIZED_USER = "authorized_user", "Authorized user"

    class Endpoint(models.TextChoices):
        VERTEX = "vertex", "Vertex AI"
        DEVELOPER = "developer", "Gemini Developer API"

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        VERIFYING = "verifying", "Verifying"
        ACTIVE = "active", "Active"
        RETIRING = "retiring", "Retiring"
        REVOKED = "revoked", "Revoked"
        FAILING = "failing", "Failing"
        UNDECRYPTABLE = "undecryptable", "Undecryptable"

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind)
    endpoint = models.CharField(max_length=12, choices=Endpoint)
    project = models.CharField(max_length=100, blank=True)
    location = models.CharField(max_length=64, blank=True, help_text="For Vertex AI: a region.")
    base_url = models.CharField(
        "base URL",
        max_length=200,
        blank=True,
        help_text="Only when it is not Google's own address, such as a simulator's.",
    )
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    is_primary = models.BooleanField(
        "primary", default=False, help_text="New conversations use this one."
    )

    sealed_secret = SealedField(purpose="credential.secret", default=b"", editable=False)
    # Counts the secrets this row has had; with the id it names one secret.
    version = models.PositiveIntegerField(default=0, editable=False)

    client_email = models.CharField(max_length=254, blank=True, editable=False)
    key_id = models.CharField(max_length=100, blank=True, editable=False)
    fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    last_four = models.CharField(max_length=4, blank=True, editable=False)

    # When it was last tried, and `live.Report.to_dict()` of that: no secret is in it.
    verified_at = models.DateTimeField("last verified", null=True, blank=True, editable=False)
    verification = models.JSONField(null=True, blank=True, editable=False)

    position = models.PositiveSmallIntegerField(
        "standby order",
        default=0,
        help_text="When the primary one fails, the working one with the lowest number steps in.",
    )
    # Why it is failing and since when; `accounts.failover` tells when it may be used again. One
    # that rests comes back by itself; without a time it waits for somebody who verifies it.
    failed_at = models.DateTimeField(null=True, blank=True, editable=False)
    failure_code = models.CharField(max_length=64, blank=True, editable=False)
    failure = models.CharField("what is wrong", max_length=400, blank=True, editable=False)
    rests_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures_in_row = models.PositiveSmallIntegerField(default=0, editable=False)
    # Conversations that move here take places in a row: until when they are taken.
    paced_until = models.DateTimeField(null=True, blank=True, editable=False)
    # To the minute: it is not written more often.
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)

    # The schedule of `accounts.rotation`, for the key of a service account.
    rotate_every_days = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    rotates_by_itself = models.BooleanField(default=True, editable=False)
    rotation_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    rotation_reminded_at = models.DateTimeField(null=True, blank=True, editable=False)

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant",), condition=Q(is_primary=True), name="credential_one_primary"
            ),
            models.CheckConstraint(
                condition=~Q(endpoint="vertex") | (~Q(project="") & ~Q(location="")),
                name="credential_vertex_place",
                violation_error_message="Vertex AI needs a project and a location.",
            ),
        )

    def __str__(self) -> str:
        return self.name


class ApiKey(TenantOwned):
    """A key for the API. Only a hash of its secret is stored; see `accounts.api_keys`."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list)
    # Texts such as "203.0.113.0/24"; without any it may be used from everywhere.
    networks = models.JSONField(default=list, blank=True)
    # Ids of the agents it may have to do with, as texts; without any it is all of them.
    agents = models.JSONField(default=list, blank=True)
    is_test = models.BooleanField(
        "for tests",
        default=False,
        help_text="Conversations it begins talk with a simulator, never with Google, and it sees"
        " no others. That stays so.",
    )
    last_four = models.CharField(max_length=4, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # To the minute: it is not written more often.
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )

    class Meta(TenantOwned.Meta):
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    def is_valid(self, now: datetime) -> bool:
        """Whether the key opens anything at `now`: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def admits(self, address: str | None) -> bool:
        """Whether the key may be used from an IP address; None is one that nobody knows."""
        if not self.networks:
            return True
        return address is not None and any(
            ip_address(address) in ip_network(network) for network in self.networks
        )


class Invitation(TenantOwned):
    """A person is asked to join, under a role. Her link holds a token, of which only a hash is
    kept; see `accounts.invitations`."""

    email = models.EmailField("e-mail")
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "email"),
                condition=Q(accepted_at=None, revoked_at=None),
                name="invitation_one_open",
            ),
        )

    def __str__(self) -> str:
        return self.email

    def is_open(self, now: datetime) -> bool:
        """Whether it can be accepted at `now`: neither used, revoked nor expired."""
        return self.accepted_at is None and self.revoked_at is None and now < self.expires_at
