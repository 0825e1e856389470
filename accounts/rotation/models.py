"""The rows of rotations: each is a job that any process may take up where it was left."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.rotation.progress import ENDED, Demand, Problem, Progress, State
from accounts.tenancy import TenantOwned

_PROBLEMS = ("problem", "cause")
_KEY_LISTS = ("known_keys", "doomed")


def keep_while_open(
    collector: Any, field: Any, rotations: Iterable["CredentialRotation"], using: str
) -> None:
    """For `on_delete`: a credential stays while its key is being rotated, so that no key is left
    behind at Google; the rotations that have ended outlive it."""
    open_ones = [each for each in rotations if not each.has_ended]
    if open_ones:
        raise models.ProtectedError("Its key is being rotated.", set(open_ones))
    models.SET_NULL(collector, field, rotations, using)  # type: ignore[arg-type]


class CredentialRotation(TenantOwned):
    """One rotation of a service account's key: from the credential `old` to `new`, which is a row
    of its own from the moment the key pair is made.

    Fields named as those of `Progress` hold it. `epoch` counts who has driven it: a driver that
    comes back late finds another one and stores nothing.
    """

    old = models.ForeignKey("accounts.Credential", keep_while_open, null=True, related_name="+")
    new = models.ForeignKey("accounts.Credential", keep_while_open, null=True, related_name="+")
    # What stays known when the credentials are gone.
    name = models.CharField(max_length=100)
    client_email = models.CharField(max_length=254)
    old_version = models.PositiveIntegerField()
    was_primary = models.BooleanField(default=False)
    certificate = models.TextField(blank=True)  # of the new key's public half

    state = models.CharField(max_length=16, choices=State, default=State.REQUESTED)
    since = models.DateTimeField()
    by_itself = models.BooleanField(default=True)
    old_key = models.CharField(max_length=100)
    new_key = models.CharField(max_length=100, blank=True)
    known_keys = models.JSONField(default=list)
    attempted_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    retire_by = models.DateTimeField(null=True)
    delete_at = models.DateTimeField(null=True)
    doomed = models.JSONField(default=list)
    old_disabled = models.BooleanField(default=False)
    problem = models.JSONField(null=True)
    cause = models.JSONField(null=True)
    tries = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True)

    steps = models.JSONField(default=list)  # {"state", "at"} of each state it has entered
    demand = models.CharField(max_length=16, choices=Demand, blank=True)
    demanded_by = models.CharField(max_length=64, blank=True)  # an actor of the audit
    requested_by = models.CharField(max_length=64)

    epoch = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)
    due_at = models.DateTimeField()  # when somebody has to look at it next
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        verbose_name = "key rotation"
        constraints = (
            models.UniqueConstraint(
                fields=("old",), condition=Q(ended_at=None), name="rotation_one_of_credential"
            ),
        )
        indexes = (
            models.Index(fields=("due_at",), condition=Q(ended_at=None), name="rotation_due"),
        )

    def __str__(self) -> str:
        return f"Rotation of {self.name}"

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    def progress(self) -> Progress:
        values = {each.name: getattr(self, each.name) for each in fields(Progress)}
        for name in _PROBLEMS:
            values[name] = Problem(**values[name]) if values[name] else None
        for name in _KEY_LISTS:
            values[name] = tuple(values[name])
        values["state"] = State(values["state"])
        return Progress(**values)

    def take(self, progress: Progress) -> None:
        """Put it into the row's fields; the row is not saved."""
        for each in fields(Progress):
            setattr(self, each.name, getattr(progress, each.name))
        for name in _PROBLEMS:
            problem = getattr(progress, name)
            setattr(self, name, asdict(problem) if problem else None)
        for name in _KEY_LISTS:
            setattr(self, name, list(getattr(progress, name)))
