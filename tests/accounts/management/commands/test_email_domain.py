from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.cast import Cast

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command("email_domain", *args, stdout=out)
    return out.getvalue().strip()


def test_a_domain_is_approved_listed_and_withdrawn(cast: Cast) -> None:
    assert run("approve", "Acme.example", "--tenant", "acme") == "approved"
    assert run("approve", "acme.example", "--tenant", "acme") == "was approved already"
    assert run("list") == "acme.example  acme"
    with pytest.raises(CommandError, match="Another tenant"):
        run("approve", "acme.example", "--tenant", "globex")
    assert run("withdraw", "acme.example").startswith("withdrawn")
    assert run("list") == ""


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("approve", "acme.example", "--tenant", "nobody"), "no tenant"),
        (("approve", "acme", "--tenant", "acme"), "no domain"),
        (("withdraw", "acme"), "no domain"),
        (("withdraw", "acme.example"), "No tenant has"),
    ],
)
def test_what_is_refused(cast: Cast, args: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run(*args)
