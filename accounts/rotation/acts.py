"""What a rotation asks of Google, done: blocking, never inside a transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from accounts.credentials import CredentialUnusable, is_simulated, trial_connection_settings
from accounts.models import Credential, CredentialRotation
from accounts.rotation.key_pair import public_half
from accounts.rotation.progress import (
    AFTER_PROMOTION,
    Act,
    Answer,
    Ask,
    Failed,
    Listed,
    Problem,
    SeenKey,
    State,
    Succeeded,
    Uploaded,
)
from accounts.rotation.states import KEY_UNKNOWN
from accounts.verification import try_credential
from live import CredentialError, KeyAdmin, LiveError, Report
from live.errors import Diagnosis
from live.key_admin import IAM_BASE_URL

# What the codes of `live` mean for somebody who wants a key rotated, where it has a word to add.
_ADVICE = {
    "permission_denied": "Grant the service account the role Service Account Key Admin "
    "(roles/iam.serviceAccountKeyAdmin) on itself: in the Google Cloud console under IAM & Admin, "
    "Service Accounts, the account, Principals with access. Then rotate again.",
    "api_disabled": "Enable the IAM API (iam.googleapis.com) in the key's project, wait a few "
    "minutes, then rotate again.",
    "key_limit": "Delete a key of the account that nobody uses, in the Google Cloud console under "
    "IAM & Admin, Service Accounts, Keys. Then rotate again.",
}
_UNUSABLE = Problem(
    "credential_unusable",
    "The credential's secret cannot be used.",
    "Verify the credential and follow what that says.",
)


_NEW_KEY_FIRST = AFTER_PROMOTION | {State.DELETING}


@dataclass(frozen=True, slots=True)
class Hands:
    """What acts for one rotation, as its credentials: the first that is let in does.

    `report` of a trial is put into `reports`. `refused` says why `admins`, or `new`, lacks one.
    """

    rotation: CredentialRotation
    new: Credential | None
    admins: Sequence[KeyAdmin]
    refused: Mapping[UUID, Problem]
    reports: list[Report] = field(default_factory=list)

    def perform(self, ask: Ask) -> Answer:
        """Do what is asked; 2 minutes at most. What fails is an answer, not an exception."""
        if ask.act in {Act.PROMOTE, Act.FAIL}:
            return Succeeded()
        return self._try() if ask.act == Act.TRY else self._at_google(ask)

    def _try(self) -> Answer:
        if self.new is None or self.new.pk in self.refused:
            problem = self.refused[self.new.pk] if self.new else _UNUSABLE
            return Failed(problem, permanent=True)
        report = try_credential(self.new)
        self.reports[:] = [report]
        if report.failure is None:
            return Succeeded()
        found = report.failure.diagnosis
        if found is None:
            problem = Problem("trial_failed", report.failure.detail, _UNUSABLE.fix)
            return Failed(problem, permanent=False)
        return Failed(_problem(found), permanent=found.permanent)

    def _at_google(self, ask: Ask) -> Answer:
        if not self.admins:
            return Failed(next(iter(self.refused.values()), _UNUSABLE), permanent=True)
        try:
            return asyncio.run(self._as_one_of(_CALLS[ask.act], ask))
        except LiveError as error:
            return Failed(_problem(error.diagnosis), permanent=error.permanent)

    async def _as_one_of(self, call: "_Call", ask: Ask) -> Answer:
        *others, last = self.admins
        for admin in others:
            try:
                return await call(self.rotation, admin, ask)
            except CredentialError:
                continue  # its key may be disabled: the other one's is not
        return await call(self.rotation, last, ask)


# -- Calls --------------------------------------------------------------------------------------


async def _list(rotation: CredentialRotation, admin: KeyAdmin, ask: Ask) -> Answer:
    listed = await admin.list_keys(rotation.client_email)
    ours = await _ours(rotation, admin, [key.key_id for key in listed])
    return Listed(tuple(SeenKey(key.key_id, key.disabled, key.key_id in ours) for key in listed))


async def _ours(
    rotation: CredentialRotation, admin: KeyAdmin, key_ids: Collection[str]
) -> set[str]:
    """Those whose public half is the one of this rotation. A human's key never is."""
    if not rotation.certificate:
        return set()
    half = public_half(rotation.certificate)
    unknown = [key_id for key_id in key_ids if key_id not in rotation.known_keys]
    halves = [(key, await _half_of(admin, rotation.client_email, key)) for key in unknown]
    return {key_id for key_id, found in halves if found == half}


async def _half_of(admin: KeyAdmin, email: str, key_id: str) -> bytes | None:
    try:
        return await admin.public_key(email, key_id)
    except LiveError as error:
        if error.code == KEY_UNKNOWN:
            return None  # deleted since the list was made
        raise


async def _upload(rotation: CredentialRotation, admin: KeyAdmin, ask: Ask) -> Answer:
    made = await admin.upload_key(rotation.client_email, rotation.certificate)
    return Uploaded(made.key_id)


async def _disable(rotation: CredentialRotation, admin: KeyAdmin, ask: Ask) -> Answer:
    await admin.disable_key(rotation.client_email, ask.key_id)
    return Succeeded()


async def _enable(rotation: CredentialRotation, admin: KeyAdmin, ask: Ask) -> Answer:
    await admin.enable_key(rotation.client_email, ask.key_id)
    return Succeeded()


async def _delete(rotation: CredentialRotation, admin: KeyAdmin, ask: Ask) -> Answer:
    await admin.delete_key(rotation.client_email, ask.key_id)
    return Succeeded()


_Call = Callable[[CredentialRotation, KeyAdmin, Ask], Awaitable[Answer]]
_CALLS: dict[Act, _Call] = {
    Act.LIST: _list,
    Act.UPLOAD: _upload,
    Act.DISABLE: _disable,
    Act.ENABLE: _enable,
    Act.DELETE: _delete,
}


def hands_for(
    rotation: CredentialRotation, old: Credential | None, new: Credential | None
) -> Hands:
    """Open the secrets that a rotation needs; in the tenant's scope, and nothing is asked yet."""
    rows = [old, new if rotation.new_key else None]
    if rotation.state in _NEW_KEY_FIRST:
        rows.reverse()
    admins, refused = [], {}
    for row in rows:
        if row is None or not row.sealed_secret:
            continue
        try:
            admins.append(key_admin(row))
        except CredentialUnusable as error:
            refused[row.pk] = Problem(error.code, str(error), error.fix)
        except LiveError as error:
            refused[row.pk] = _problem(error.diagnosis)
    return Hands(rotation, new, admins, refused)


def key_admin(credential: Credential) -> KeyAdmin:
    """Administers the keys of the credential's own account, as that account.

    A credential that talks to a simulator has its keys there too.

    Raises:
        CredentialUnusable: its secret or its address cannot be used.
        LiveError: its address cannot be used.
    """
    endpoint, auth = trial_connection_settings(credential)
    base_url = endpoint.base_url if is_simulated(credential) else IAM_BASE_URL
    return KeyAdmin(auth, base_url=base_url)


def _problem(found: Diagnosis) -> Problem:
    return Problem(found.code, found.summary, _ADVICE.get(found.code, found.fix))
