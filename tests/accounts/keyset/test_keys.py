from collections.abc import Iterator

import pytest
import tink
from hypothesis import given, settings
from hypothesis import strategies as st
from tink import aead, json_proto_keyset_format, secret_key_access

from accounts.keyset.keys import (
    Key,
    KeyState,
    draw_key_id,
    keys_of,
    new_keyset,
    primary_of,
    with_all_enabled,
    with_disabled,
    with_new_key,
    with_primary,
    without_keys,
)


def states(handle: tink.KeysetHandle) -> list[str]:
    return [key.state.value for key in keys_of(handle)]


def reread(handle: tink.KeysetHandle) -> aead.Aead:
    """What Tink itself makes of the keyset after a way through the file's text."""
    text = json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    return json_proto_keyset_format.parse(text, secret_key_access.TOKEN).primitive(aead.Aead)


def test_a_new_keyset_has_one_key_that_seals() -> None:
    handle = new_keyset()
    assert keys_of(handle) == [Key(primary_of(handle), KeyState.PRIMARY)]


def test_a_new_key_opens_and_does_not_seal() -> None:
    before = new_keyset()
    after, key_id = with_new_key(before, taken=())
    assert states(after) == ["primary", "waiting"]
    assert reread(before).decrypt(reread(after).encrypt(b"secret", b""), b"") == b"secret"
    promoted = with_primary(after, key_id)
    assert reread(after).decrypt(reread(promoted).encrypt(b"secret", b""), b"") == b"secret"


def test_the_promoted_key_seals_under_its_own_id() -> None:
    handle, key_id = with_new_key(new_keyset(), taken=())
    handle = with_primary(handle, key_id)
    assert (states(handle), primary_of(handle)) == (["old", "primary"], key_id)
    assert reread(handle).encrypt(b"secret", b"")[:5] == b"\x01" + key_id.to_bytes(4, "big")


def test_a_disabled_key_opens_nothing_until_all_are_enabled() -> None:
    before = new_keyset()
    sealed = reread(before).encrypt(b"secret", b"")
    handle, key_id = with_new_key(before, taken=())
    handle = with_disabled(with_primary(handle, key_id), [primary_of(before)])
    assert states(handle) == ["disabled", "primary"]
    with pytest.raises(tink.TinkError):
        reread(handle).decrypt(sealed, b"")
    assert reread(with_all_enabled(handle)).decrypt(sealed, b"") == b"secret"


def test_a_key_that_is_taken_out_is_gone() -> None:
    before = new_keyset()
    handle, key_id = with_new_key(before, taken=())
    handle = without_keys(with_primary(handle, key_id), [primary_of(before)])
    assert keys_of(handle) == [Key(key_id, KeyState.PRIMARY)]


@pytest.mark.parametrize("change", [with_disabled, without_keys])
def test_a_keyset_that_could_not_seal_is_not_made(change: type) -> None:
    handle = new_keyset()
    with pytest.raises(tink.TinkError):
        change(handle, [primary_of(handle)])


def test_an_id_is_drawn_until_it_is_nobodys() -> None:
    handle = new_keyset()
    drawn: Iterator[int] = iter([primary_of(handle), 7, 7, 8, 9])
    after, key_id = with_new_key(handle, taken={7}, draw=lambda: next(drawn))
    assert key_id == 8
    assert [key.id for key in keys_of(after)] == [primary_of(handle), 8]


def test_ids_fit_tinks_prefix() -> None:
    assert all(0 < draw_key_id() < 2**32 for _ in range(100))


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["add", "promote", "disable", "delete"]), max_size=12))
def test_no_row_of_steps_loses_the_primary_key_or_doubles_an_id(steps: list[str]) -> None:
    handle = new_keyset()
    for step in steps:
        handle = taken_step(handle, step)
        keys = keys_of(handle)
        assert len({key.id for key in keys}) == len(keys)
        assert [key.state for key in keys].count(KeyState.PRIMARY) == 1
        assert reread(handle).decrypt(reread(handle).encrypt(b"x", b""), b"") == b"x"


def taken_step(handle: tink.KeysetHandle, step: str) -> tink.KeysetHandle:
    """A rotation's step as it is taken: on the keys whose state allows it."""
    by_state = {
        state: [key.id for key in keys_of(handle) if key.state == state] for state in KeyState
    }
    if step == "add":
        return with_new_key(handle, taken=())[0]
    if step == "promote" and by_state[KeyState.WAITING]:
        return with_primary(handle, by_state[KeyState.WAITING][-1])
    if step == "disable":
        return with_disabled(handle, by_state[KeyState.OLD])
    return without_keys(handle, by_state[KeyState.DISABLED])
