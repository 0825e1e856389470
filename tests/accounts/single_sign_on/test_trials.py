import pytest

from accounts.models import IdentityProvider
from accounts.single_sign_on import providers, trials
from accounts.single_sign_on.protocol import ClientRefused, Person, SignOnFault, Step
from accounts.single_sign_on.trials import LABELS, Trial
from accounts.tenancy import tenant_scope
from tests.accounts.single_sign_on.conftest import chosen, owner_of
from tests.accounts.single_sign_on.provider import Provider
from tests.cast import Cast


def went(trial: Trial) -> list[str]:
    return [row["went"] for row in trial.rows()]


def test_how_far_it_came() -> None:
    assert set(LABELS) == set(Step)
    assert went(Trial(None)) == ["done"] * 7
    assert went(Trial(Step.RETURN)) == ["done", "waiting", *["open"] * 5]
    assert went(Trial(Step.EXCHANGE, "no")) == ["done", "done", "failed", *["open"] * 4]
    assert Trial.from_json(Trial(Step.EMAIL, "a", "b").to_json()) == Trial(Step.EMAIL, "a", "b")
    assert Trial.from_json(None) is None
    assert trials.changed_meanwhile().problem


@pytest.mark.django_db
def test_only_the_testers_own_way_makes_it_active(
    cast: Cast, idp: Provider, approved: str, keyset_file: object
) -> None:
    by, owner = owner_of(cast.acme), cast.acme.owner
    with tenant_scope(cast.acme.tenant.pk):
        draft = providers.save_draft(chosen(idp), by)
        assert trials.note(draft, by=by).is_waiting
        assert not trials.note(draft, ClientRefused("no", "do"), by=by).is_waiting
        draft.refresh_from_db()
        stored = Trial.from_json(draft.last_test)
        assert stored is not None
        assert stored.problem == "no"
        for email, code in (
            ("admin@acme.example", "other-person"),
            ("owner@other.example", "domain-not-allowed"),
        ):
            with pytest.raises(SignOnFault) as caught:
                trials.conclude(draft, Person("1", email, ""), owner, by)
            assert caught.value.code == code
        assert IdentityProvider.objects.get().state == "draft"
        assert trials.conclude(draft, Person("1", owner.email, ""), owner, by).is_good
        assert IdentityProvider.objects.get().state == "active"
