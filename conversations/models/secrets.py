"""What signs requests: a secret, and the one before it while receivers change over."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.db import models

from accounts.keyset import SealedField


class SignsRequests(models.Model):
    """A row with a signing secret. Each table has its own columns, of purposes of their own: what
    one sealed opens in no other.

    Secrets are write-only. After one was replaced the old one signs too, until `old_secret_until`.
    """

    sealed_secret: Any
    sealed_old_secret: Any
    old_secret_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def set_secret(self, secret: str, until: datetime) -> None:
        """Sign with this secret from now on, and with the last one too, `until` then. The row is
        not saved. Raises Unsealable and KeysetUnreadable."""
        self.sealed_old_secret, self.old_secret_until = b"", None
        if self.sealed_secret:
            last = self._sealed("sealed_secret").unseal(self)
            self.sealed_old_secret = self._sealed("sealed_old_secret").seal(self, last)
            self.old_secret_until = until
        self.sealed_secret = self._sealed("sealed_secret").seal(self, secret.encode())

    def has_old_secret(self, now: datetime) -> bool:
        """Whether the secret before the present one signs too."""
        until = self.old_secret_until
        return bool(self.sealed_old_secret and until and now < until)

    def open_secrets(self, now: datetime) -> tuple[str, ...]:
        """The secrets to sign with, the newest first. Raises Unsealable and KeysetUnreadable."""
        names = ["sealed_secret"] if self.sealed_secret else []
        names += ["sealed_old_secret"] if self.has_old_secret(now) else []
        return tuple(self._sealed(name).unseal(self).decode() for name in names)

    def _sealed(self, name: str) -> SealedField:
        return cast("SealedField", self._meta.get_field(name))
