from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.tenancy import tenant_scope
from conversations.exports.wanted import Wanted
from conversations.models import Tag
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation

TIMES = st.none() | st.datetimes(timezones=st.just(UTC))
WORDS = st.none() | st.text(min_size=1, max_size=9)


@given(
    st.builds(
        Wanted,
        conversations=st.lists(st.uuids(), max_size=3).map(tuple),
        agent=st.none() | st.uuids(),
        user=st.none() | st.uuids(),
        end_user=WORDS,
        state=WORDS,
        end_reason=WORDS,
        since=TIMES,
        until=TIMES,
        is_test=st.none() | st.booleans(),
        tag=WORDS,
        text=WORDS,
    )
)
def test_json_tells_all_of_it(wanted: Wanted) -> None:
    assert Wanted.from_json(wanted.as_json()) == wanted


def test_what_is_not_said_is_not_told() -> None:
    assert Wanted().as_json() == {}
    assert Wanted(is_test=False).as_json() == {"is_test": False}
    one = uuid4()
    assert Wanted((one,)).only == one
    assert Wanted((one, uuid4())).only is None


@pytest.mark.django_db
def test_rows(cast: Cast) -> None:
    agent, other = (make_agent(cast.acme.tenant, slug) for slug in ("shop", "desk"))
    by_member = make_conversation(agent, cast.acme.member)
    by_owner = make_conversation(other, cast.acme.owner, state="live", end_reason="")
    by_program = make_conversation(other, None, ["Warm boots"], end_user="u1", is_test=True)
    foreign = make_conversation(make_agent(cast.globex.tenant), cast.globex.member)
    now = timezone.now()

    def found(**said: object) -> set[UUID]:
        return set(Wanted(**said).rows(now).values_list("pk", flat=True))  # type: ignore[arg-type]

    with tenant_scope(cast.acme.tenant.pk):
        everything = {by_member.pk, by_owner.pk, by_program.pk}
        assert found() == everything
        assert found(agent=other.pk) == {by_owner.pk, by_program.pk}
        assert found(user=cast.acme.owner.pk) == {by_owner.pk}
        assert found(end_user="u1") == found(is_test=True) == {by_program.pk}
        assert found(state="live") == {by_owner.pk}
        assert found(end_reason="user-left") == {by_member.pk, by_program.pk}
        Tag.objects.create(conversation=by_owner, name="refund", added_by="system")
        assert found(tag="refund") == {by_owner.pk}
        assert found(text="boots") == {by_program.pk}
        assert found(conversations=(by_member.pk, foreign.pk)) == {by_member.pk}
        assert found(since=by_owner.started_at) == everything - {by_member.pk}
        assert found(until=by_owner.started_at) == {by_member.pk}
        assert not Wanted().rows(by_member.started_at - timedelta(days=1)).exists()
        assert found(since=datetime(2099, 1, 1, tzinfo=UTC)) == set()
