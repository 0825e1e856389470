"""What is kept of requests to the API: who made which, and the answers of those that change
something, for who asks the same again."""

from datetime import datetime

from django.db import models

from accounts.ids import uuid7
from accounts.keyset.field import SealedField
from accounts.tenancy import TenantOwned


class ApiRequest(TenantOwned):
    """One request to the API. Neither its query nor a word of it is kept."""

    request_id = models.CharField("request", max_length=64)
    # As the audit names who acts: "key:<id>", "user:<id>".
    actor = models.CharField("who", max_length=80)
    method = models.CharField(max_length=8)
    # The name of the route, so no id of anything stands in it; empty for an unknown address.
    route = models.CharField(max_length=64, blank=True)
    status = models.PositiveSmallIntegerField()
    # The code of the problem; empty for what went well.
    code = models.CharField(max_length=64, blank=True)
    duration_ms = models.PositiveIntegerField("took ms")
    at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        verbose_name = "API request"
        indexes = (
            models.Index(fields=("tenant", "request_id"), name="api_request_by_id"),
            models.Index(fields=("tenant", "-id"), name="api_request_of_tenant"),
            # Who deletes the old ones looks here.
            models.Index(fields=("at",), name="api_request_by_age"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.request_id}"


class IdempotentRequest(TenantOwned):
    """A request with an `Idempotency-Key`, from its beginning until its answer is forgotten; see
    `conversations.api.idempotency`.

    `attempt` names who works on it: one whose lease ran out cannot write its answer any more.
    The answer is sealed, for what is shown only once may stand in it.
    """

    actor = models.CharField(max_length=80)
    key_hash = models.CharField(max_length=64)
    # Of the method, the address and the body.
    fingerprint = models.CharField(max_length=64)
    attempt = models.UUIDField(default=uuid7)
    leased_until = models.DateTimeField()
    expires_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    sealed_body = SealedField(purpose="idempotent-request.body", default=b"")

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "actor", "key_hash"), name="idempotent_request_once"
            ),
        )
        # Who deletes the old ones looks here.
        indexes = (models.Index(fields=("expires_at",), name="idempotent_request_by_age"),)

    @property
    def is_finished(self) -> bool:
        return self.status is not None

    def is_released(self, now: datetime) -> bool:
        """Whether somebody else may begin it: whoever did has had the time for it."""
        return not self.is_finished and self.leased_until <= now

    def keep(self, status: int, headers: dict[str, str], body: bytes) -> bool:
        """Keep the answer. False if the lease was lost meanwhile."""
        field = self._meta.get_field("sealed_body")
        sealed = field.seal(self, body)  # type: ignore[union-attr]
        mine = type(self).objects.filter(pk=self.pk, attempt=self.attempt, status=None)
        return bool(mine.update(status=status, headers=headers, sealed_body=sealed))

    def body(self) -> bytes:
        """The kept answer. Raises Unsealable and KeysetUnreadable."""
        found: bytes = self._meta.get_field("sealed_body").unseal(self)  # type: ignore[union-attr]
        return found
