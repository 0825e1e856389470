import pytest

from conversations.link import LinkClosed, LinkProtocolError, LinkRefused


@pytest.mark.parametrize("kind", [LinkClosed, LinkRefused, LinkProtocolError])
def test_one_tree_and_a_reason(kind: type[LinkClosed]) -> None:
    error = kind("peer-silent")
    assert isinstance(error, LinkClosed)
    assert (error.reason, str(error)) == ("peer-silent", "peer-silent")


def test_fresh_is_another_object_of_the_same_kind() -> None:
    error = LinkRefused("wrong-secret")
    again = error.fresh()
    assert again is not error
    assert isinstance(again, LinkRefused)
    assert again.reason == "wrong-secret"
