"""Who gets in: the account and the membership of a person whom a provider has sent."""

from django.db import transaction

from accounts import invitations
from accounts.audit import record
from accounts.models import IdentityProvider, Invitation, Membership, ProviderIdentity, User
from accounts.roles import Role
from accounts.single_sign_on import domains
from accounts.single_sign_on.protocol import Person, SignOnFault, Step


class DomainNotAllowed(SignOnFault):
    code = "domain-not-allowed"
    step = Step.DOMAIN


class DomainNotApproved(SignOnFault):
    code = "domain-not-approved"
    step = Step.DOMAIN


class NotAdmitted(SignOnFault):
    """`code` tells the case: a closed account, a disabled member, nobody invited, ..."""

    step = Step.PERSON

    def __init__(self, code: str, text: str, fix: str) -> None:
        super().__init__(text, fix)
        self.code = code


_ASK = "Ask an admin of your organisation."


def check_domain(provider: IdentityProvider, email: str) -> None:
    """To be called in the tenant's scope.

    Raises:
        DomainNotAllowed, DomainNotApproved.
    """
    name = domains.domain_of(email)
    if name not in provider.domains:
        raise DomainNotAllowed(
            f"The provider has sent {email}, and {name} is not among the allowed domains.",
            "Sign in there with your organisation's address, or let its admin add the domain.",
        )
    if not domains.approved([name]):
        raise DomainNotApproved(
            f"The operator of this service has not approved {name} for this organisation.",
            f"Ask the operator to approve {name}: nobody's word counts for it before.",
        )


@transaction.atomic
def admit(provider: IdentityProvider, person: Person) -> User:
    """The person's account, with an active membership, both made where the settings say so. To
    be called in the tenant's scope.

    Raises:
        DomainNotAllowed, DomainNotApproved, NotAdmitted.
    """
    check_domain(provider, person.email)
    known = ProviderIdentity.objects.filter(issuer=provider.issuer, subject=person.subject)
    identity = known.select_related("user").first()
    user = identity.user if identity else User.objects.filter(email=person.email).first()
    if user is not None:
        _check_account(provider, user)
    if identity is None and user is not None:
        _check_not_another(provider, user)
    user = _member(provider, person, user)
    if identity is None:
        ProviderIdentity.objects.create(user=user, issuer=provider.issuer, subject=person.subject)
        record("single-sign-on.linked", user, actor=f"user:{user.pk}")
    return user


def _check_account(provider: IdentityProvider, user: User) -> None:
    if not user.is_active:
        raise NotAdmitted("account-closed", "This account is closed.", _ASK)
    if user.is_staff or user.is_superuser:
        # No organisation's provider opens the platform.
        raise NotAdmitted(
            "operator", "Operators of this service log in with their password.", "Log in so."
        )
    owner = Membership.objects.filter(user=user, role=Role.OWNER).exists()
    if owner and not provider.admits_owners:
        raise NotAdmitted(
            "owner",
            "Owners log in with their password here, because an admin has set this up.",
            "An owner can change that by trying the settings anew.",
        )


def _check_not_another(provider: IdentityProvider, user: User) -> None:
    if ProviderIdentity.objects.filter(issuer=provider.issuer, user=user).exists():
        raise NotAdmitted(
            "linked-to-another",
            "Another account at the provider belongs to this address here.",
            "If the address was given to somebody else, an admin of your organisation disables "
            "the member who had it, or lets Parley forget who is linked.",
        )


def _member(provider: IdentityProvider, person: Person, user: User | None) -> User:
    rows = Membership.objects.filter(user=user) if user else Membership.objects.none()
    membership = rows.first()
    if user and membership and membership.state == Membership.State.ACTIVE:
        return user
    invitation = invitations.open_invitations().filter(email=person.email).first()
    if invitation is not None:
        return _join_as_invited(invitation, person, user)
    if membership is not None:
        raise NotAdmitted(
            "member-disabled", "You are not a member of this organisation any more.", _ASK
        )
    if not provider.admits_newcomers:
        raise NotAdmitted("not-invited", "You have not been invited to this organisation.", _ASK)
    user = user or _new_user(person)
    membership = Membership.objects.create(user=user, role=provider.newcomer_role)
    after = {"role": membership.role}
    record("membership.created", membership, actor=f"user:{user.pk}", after=after)
    return user


def _join_as_invited(invitation: Invitation, person: Person, user: User | None) -> User:
    if invitation.role == Role.OWNER:
        raise NotAdmitted(
            "owner", "Owners join by the link of their invitation.", "Follow the link you got."
        )
    user = user or _new_user(person)
    try:
        invitations.accept(invitation, user)
    except invitations.NotOpen:
        raise NotAdmitted("not-invited", "The invitation is not open any more.", _ASK) from None
    return user


def _new_user(person: Person) -> User:
    return User.objects.create_user(person.email, name=person.name)
