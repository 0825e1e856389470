"""Trying settings before they count: how far a tester's own round trip came, step by step."""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import IdentityProvider, User
from accounts.single_sign_on.admittance import NotAdmitted, admit, check_domain
from accounts.single_sign_on.protocol import Person, SignOnFault, Step
from accounts.single_sign_on.providers import activate

LABELS = {
    Step.DISCOVERY: "The provider answers, with a discovery document",
    Step.RETURN: "You signed in there and came back",
    Step.EXCHANGE: "It accepts the client secret and the redirect address",
    Step.PROOF: "Its ID token is genuine and made for this sign-in",
    Step.EMAIL: "It names a verified e-mail address",
    Step.DOMAIN: "The address is in an allowed and approved domain",
    Step.PERSON: "It is your own address",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """`reached` is the step that failed, or the one that is waited for; None when all is well."""

    reached: str | None
    problem: str = ""
    fix: str = ""
    at: str = ""

    @classmethod
    def from_json(cls, stored: dict[str, Any] | None) -> "Trial | None":
        return cls(**stored) if stored else None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def is_good(self) -> bool:
        return self.reached is None

    @property
    def is_waiting(self) -> bool:
        return self.reached is not None and not self.problem

    def rows(self) -> list[dict[str, str]]:
        """Each step with its label and how it went: done, failed, waiting or open."""
        steps = list(Step)
        last = len(steps) if self.reached is None else steps.index(Step(self.reached))
        at_last = "failed" if self.problem else "waiting"
        return [
            {
                "label": LABELS[step],
                "went": "done" if number < last else at_last if number == last else "open",
            }
            for number, step in enumerate(steps)
        ]


def note(provider: IdentityProvider, fault: SignOnFault | None = None, *, by: Caller) -> Trial:
    """Store that the tester is on her way, or what stopped her."""
    if fault is None:
        trial = Trial(Step.RETURN, at=_now())
    else:
        trial = Trial(fault.step, fault.text, fault.fix, _now())
        _record(provider, by, fault.code)
    _store(provider, trial)
    return trial


def conclude(provider: IdentityProvider, person: Person, user: User, by: Caller) -> Trial:
    """The provider has sent `person`: if it is the tester herself, her settings count from now
    on. Whoever made them work cannot have locked herself out.

    Raises:
        SignOnFault: it is somebody else, or nobody who would be let in.
    """
    check_domain(provider, person.email)
    if person.email != user.email:
        raise NotAdmitted(
            "other-person",
            f"You came back as {person.email}, and are {user.email} here.",
            f"Sign out at the provider, then try again there as {user.email}.",
        )
    trial = Trial(None, at=_now())
    with transaction.atomic():
        _store(provider, trial)
        _record(provider, by, "good")
        activate(provider, by)
        provider.refresh_from_db()
        admit(provider, person)  # raises what would keep her out at the next sign-in
    return trial


def changed_meanwhile() -> Trial:
    """The settings that the tester set out with are not the draft any more."""
    return Trial(Step.RETURN, "The settings were changed while you were away.", "Test them again.")


def _store(provider: IdentityProvider, trial: Trial) -> None:
    IdentityProvider.objects.filter(pk=provider.pk).update(last_test=trial.to_json())


def _record(provider: IdentityProvider, by: Caller, outcome: str) -> None:
    record("single-sign-on.tested", provider, actor=by.actor, after={"outcome": outcome})


def _now() -> str:
    return timezone.now().isoformat(timespec="seconds")
