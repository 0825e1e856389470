from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.rotation.progress import Act, Demand, Problem, State, View, Wait
from accounts.rotation.states import (
    GRACE,
    LOOK_AGAIN,
    MOST_KEYS,
    NEW_KEY_BROKEN,
    RETIRE_WITHIN,
    SETTLE,
    VERIFY_WITHIN,
    allowed,
    next_ask,
)
from tests.accounts.rotation.world import (
    CRASH,
    CRASH_BEFORE,
    DOWN,
    FATES,
    LOST,
    NO,
    OLD,
    START,
    World,
    world,
)


def at(state: State) -> World:
    """A rotation that has come this far."""
    found = world()
    found.run(lambda each: each.stored.state == state)
    return found


def assert_ended_right(ended: World) -> None:
    """One key is left that works, and none that nobody uses."""
    if ended.stored.state == State.DONE:
        assert ended.usable() == {ended.stored.new_key}
        assert ended.stored.new_key in ended.ours
    else:
        assert ended.stored.state == State.ROLLED_BACK
        assert ended.usable() == {OLD}
    assert len(ended.keys) == 2, "the one that works, and the human's"


def test_all_goes_well() -> None:
    done = world()
    done.run()
    assert done.asks == [
        Act.LIST,
        Act.UPLOAD,
        Act.TRY,
        Act.PROMOTE,
        Act.DISABLE,
        Act.TRY,
        Act.LIST,
        Act.DELETE,
        Act.LIST,
    ]
    assert_ended_right(done)
    assert done.stored.state == State.DONE
    assert GRACE <= done.now - START < GRACE + timedelta(minutes=1)


@given(
    fates=st.lists(st.sampled_from(FATES), max_size=60),
    demands=st.dictionaries(st.integers(0, 60), st.sampled_from(Demand), max_size=4),
    sessions=st.lists(st.integers(0, 2), max_size=60),
    by_itself=st.booleans(),
)
def test_whatever_happens_it_ends_right(
    fates: list[str], demands: dict[int, Demand], sessions: list[int], by_itself: bool
) -> None:
    tried = world(by_itself=by_itself)
    for number, fate in enumerate(fates):
        running = sessions[number % len(sessions)] if sessions else 0
        tried.view = View(old_sessions=running, new_sessions=running)
        if number in demands:
            tried.demand(demands[number])
        tried.step(fate)
        assert tried.usable(), "at every moment a key works"
    tried.view = View()
    if not tried.has_ended:
        tried.demand(Demand.PROMOTE)
    tried.run()
    assert_ended_right(tried)


@pytest.mark.parametrize("fate", [CRASH, CRASH_BEFORE, LOST, DOWN])
@pytest.mark.parametrize("number", range(9))
def test_one_mishap_at_each_ask_changes_nothing(fate: str, number: int) -> None:
    tried = world()
    tried.run(lambda each: len(each.asks) == number and not _waits(each))
    tried.step(fate)
    tried.run()
    assert_ended_right(tried)
    assert tried.stored.state == State.DONE
    assert len(tried.ours) == 1, "no second key was made"


def _waits(each: World) -> bool:
    return isinstance(next_ask(each.stored, each.view, each.now), Wait)


def test_a_lost_upload_is_looked_for_once_it_must_have_landed() -> None:
    tried = at(State.PREPARED)
    tried.step(LOST)
    assert tried.stored.new_key == ""
    attempted = tried.stored.attempted_at
    assert attempted is not None
    tried.run(lambda each: each.stored.state == State.CREATED)
    assert tried.now >= attempted + SETTLE
    assert tried.ours == {tried.stored.new_key}


def test_two_uploads_of_one_key_leave_one() -> None:
    tried = at(State.CREATED)
    tried.keys["twin"] = False
    tried.ours.add("twin")
    tried.run()
    assert_ended_right(tried)
    undone = at(State.CREATED)
    undone.keys["twin"] = False
    undone.ours.add("twin")
    undone.demand(Demand.ROLL_BACK)
    undone.run()
    assert_ended_right(undone)


def test_an_account_that_is_full() -> None:
    full = world()
    full.keys |= {f"k{number}": False for number in range(MOST_KEYS - 2)}
    before = dict(full.keys)
    full.run()
    assert full.stored.state == State.ROLLED_BACK
    assert full.stored.problem is not None
    assert full.stored.problem.code == "key_limit"
    assert "Delete a key" in full.stored.problem.fix
    assert full.keys == before
    assert full.asks == [Act.LIST]


@pytest.mark.parametrize("number", range(2))
def test_who_may_not_administer_keys_is_told_so(number: int) -> None:
    refused = world()
    refused.run(lambda each: len(each.asks) == number)
    refused.step(NO)
    refused.run()
    assert_ended_right(refused)
    assert refused.stored.problem == Problem("permission_denied", "No.", "Grant it.")


def test_a_new_key_that_never_works_is_taken_back() -> None:
    tried = world()
    tried.new_works = False
    tried.run()
    assert_ended_right(tried)
    assert tried.stored.problem is not None
    assert tried.now - START >= VERIFY_WITHIN, "it may take a minute until a key works"
    assert Act.PROMOTE not in tried.asks


def test_the_old_key_stays_while_sessions_run_on_it() -> None:
    tried = at(State.RETIRING)
    began = tried.now
    tried.view = View(old_sessions=3)
    tried.run(lambda each: each.now >= began + timedelta(hours=5))
    assert tried.is_at(State.RETIRING)
    tried.view = View()
    tried.step()
    assert tried.is_at(State.DISABLED)
    late = at(State.RETIRING)
    late.view = View(old_sessions=3)
    late.run()
    assert late.stored.state == State.DONE
    assert late.now - START >= RETIRE_WITHIN


def test_it_may_be_told_not_to_wait() -> None:
    tried = at(State.RETIRING)
    tried.view = View(old_sessions=3)
    tried.demand(Demand.RETIRE)
    tried.step()
    assert tried.is_at(State.DISABLED)
    tried.demand(Demand.RETIRE)
    tried.run()
    assert tried.is_at(State.DONE)
    assert tried.now - START < timedelta(minutes=1)


def test_nothing_is_promoted_before_a_person_says_so() -> None:
    tried = world(by_itself=False)
    tried.run(lambda each: each.now > START + timedelta(days=3))
    assert tried.is_at(State.VERIFIED)
    tried.demand(Demand.PROMOTE)
    tried.run()
    assert tried.is_at(State.DONE)


@pytest.mark.parametrize(
    "state", [State.PREPARED, State.CREATED, State.VERIFIED, State.RETIRING, State.DISABLED]
)
def test_rolled_back_from_everywhere(state: State) -> None:
    tried = at(state)
    tried.demand(Demand.ROLL_BACK)
    tried.run()
    assert tried.stored.state == State.ROLLED_BACK
    assert tried.stored.problem is None
    assert_ended_right(tried)


def test_there_is_no_way_back_once_the_old_key_is_deleted() -> None:
    tried = at(State.DELETING)
    assert allowed(tried.stored) == []
    tried.demand(Demand.ROLL_BACK)
    tried.run()
    assert tried.stored.state == State.DONE


@pytest.mark.parametrize("state", [State.RETIRING, State.DISABLED])
def test_a_new_key_that_stops_working_is_replaced_by_the_old_one(state: State) -> None:
    tried = at(state)
    tried.view = View(new_broken=True)
    tried.run()
    assert_ended_right(tried)
    assert tried.stored.problem is not None
    assert tried.stored.problem.code == NEW_KEY_BROKEN


def test_the_last_look_before_the_old_key_is_deleted() -> None:
    tried = at(State.DISABLED)
    tried.new_works = False
    tried.run()
    assert_ended_right(tried)
    assert tried.stored.state == State.ROLLED_BACK


def test_an_old_key_that_somebody_deleted_is_not_gone_back_to() -> None:
    tried = at(State.RETIRING)
    del tried.keys[OLD]
    tried.demand(Demand.ROLL_BACK)
    tried.run()
    assert tried.stored.state == State.DONE
    assert_ended_right(tried)


def test_an_account_that_somebody_deleted() -> None:
    tried = at(State.RETIRING)
    tried.demand(Demand.ROLL_BACK)
    tried.keys = {}
    tried.keys["human"] = False
    tried.run()
    assert tried.stored.state == State.ROLLED_BACK


def test_another_secret_was_entered_meanwhile() -> None:
    tried = at(State.VERIFIED)
    tried.view = View(old_replaced=True)
    tried.run()
    assert tried.stored.problem is not None
    assert tried.stored.problem.code == "secret_replaced"
    assert_ended_right(tried)


def test_a_key_that_others_use_is_kept_and_it_is_said() -> None:
    tried = at(State.RETIRING)
    tried.view = View(shared=True)
    wait = next_ask(tried.stored, tried.view, tried.now)
    assert isinstance(wait, Wait)
    assert wait.problem is not None
    assert wait.problem.code == "key_shared"
    tried.view = View()
    tried.run()
    assert tried.stored.state == State.DONE


def test_failures_are_tried_again_after_longer_and_longer() -> None:
    tried = at(State.RETIRING)
    pauses = []
    for _ in range(14):
        tried.step(DOWN)
        assert tried.stored.not_before is not None
        pauses.append(tried.stored.not_before - tried.now)
        tried.now = tried.stored.not_before
    assert pauses[:3] == [timedelta(seconds=each) for each in (5, 10, 20)]
    assert pauses[-1] == timedelta(hours=1)
    assert Demand.TRY_AGAIN in allowed(replace(tried.stored, not_before=tried.now))
    tried.run()
    assert_ended_right(tried)


def test_waits_are_short_enough_to_see_what_changes() -> None:
    for view in (View(old_sessions=1), View()):
        tried = at(State.RETIRING if view.old_sessions else State.DISABLED)
        wait = next_ask(tried.stored, view, tried.now)
        assert isinstance(wait, Wait)
        assert wait.until - tried.now <= LOOK_AGAIN
