"""A tenant's identity provider, the people it has sent, and the domains it may speak for."""

from django.db import models
from django.utils import timezone

from accounts.keyset.field import SealedField
from accounts.roles import Role
from accounts.tenancy import TenantOwned

NEWCOMER_ROLES = [(role.value, role.label) for role in Role if role != Role.OWNER]


class EmailDomain(TenantOwned):
    """An operator has seen that the people of this e-mail domain are the tenant's. Only then
    its identity provider is believed about them. A domain is one tenant's."""

    name = models.CharField(max_length=253, unique=True)
    approved_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class IdentityProvider(TenantOwned):
    """Where a tenant's people sign in with their organisation's own accounts.

    There are at most two: the draft, which a test makes active, and the active one. The client
    secret is write-only: `providers` seals it and opens it for an exchange.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"

    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    issuer = models.CharField(max_length=200)
    client_id = models.CharField(max_length=200)
    sealed_secret = SealedField(purpose="identity-provider.secret", default=b"", editable=False)
    domains = models.JSONField(default=list)

    newcomer_role = models.CharField(
        max_length=16, choices=NEWCOMER_ROLES, default=Role.MEMBER.value
    )
    # Whether people join by themselves, or only those who were invited.
    admits_newcomers = models.BooleanField(default=False)
    # Whether everybody but owners has to come this way.
    is_required = models.BooleanField(default=False)
    # Whether who comes this way needs no second factor of ours.
    is_second_factor = models.BooleanField(default=False)
    # Whoever runs the provider can be anybody that it is believed about: an admin's provider
    # must not make its admin an owner.
    admits_owners = models.BooleanField(default=False, editable=False)

    # What `trials.Trial.to_json()` gave when somebody last tried it.
    last_test = models.JSONField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("tenant", "state"), name="identityprovider_one_each"),
        )

    def __str__(self) -> str:
        return self.issuer


class ProviderIdentity(TenantOwned):
    """Who a person is at her tenant's provider: from the second time on this counts, not the
    e-mail address."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    issuer = models.CharField(max_length=200)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "issuer", "subject"), name="provideridentity_one_subject"
            ),
            models.UniqueConstraint(
                fields=("tenant", "issuer", "user"), name="provideridentity_one_user"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id} at {self.issuer}"
