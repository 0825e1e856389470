import pytest

from accounts.keyset import errors
from accounts.keyset.errors import (
    KeyMissing,
    KeysetBusy,
    KeysetError,
    KeysetMalformed,
    KeysetNotOurs,
    KmsNotInstalled,
    RotationRefused,
    Unsealable,
)


def subclasses(kind: type[KeysetError]) -> set[type[KeysetError]]:
    return {kind, *(deeper for below in kind.__subclasses__() for deeper in subclasses(below))}


def test_every_kind_says_what_to_do() -> None:
    kinds = subclasses(KeysetError)
    assert all(kind.fix.endswith(".") for kind in kinds)
    assert {kind.__module__ for kind in kinds} == {errors.__name__}


@pytest.mark.parametrize(
    "error",
    [
        KeysetBusy(),
        KeysetMalformed("It is none.", fix="Do this."),
        KeysetNotOurs(),
        KmsNotInstalled("gcpkms"),
        RotationRefused("Not now.", fix="Do this."),
        KeyMissing(7),
    ],
)
def test_texts_are_sentences(error: KeysetError) -> None:
    assert str(error)[0].isupper()
    assert str(error).endswith(".")
    assert error.fix.endswith(".")
    assert error.code


def test_a_missing_library_is_named_with_the_extra_that_brings_it() -> None:
    assert "pip install 'tink[gcpkms]'" in KmsNotInstalled("gcpkms").fix


def test_a_missing_key_is_named() -> None:
    error = KeyMissing(1234)
    assert isinstance(error, Unsealable)
    assert (error.key_id, "1234" in str(error)) == (1234, True)
