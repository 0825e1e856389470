import io
import re
import zipfile
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.leaving.departures import ask_to_leave
from accounts.leaving.models import Archive, Departure
from accounts.leaving.pages import LINK_TERM_S
from accounts.models import AuditEntry, Membership, Tenant
from accounts.roles import Role
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.leaving.stage import just_signed_in, made_archive
from tests.cast import Cast
from tests.conversations.talks import signed_in, with_key

pytestmark = pytest.mark.django_db
PAGE, LEAVE, STAY = "/organisation/", "/organisation/leave/", "/organisation/stay/"
ARCHIVES = "/organisation/archives/"
YES = {"confirmed": "yes", "typed": "acme"}  # as people type it
ADDRESSES = (("get", PAGE), ("post", ARCHIVES), ("get", LEAVE), ("post", LEAVE), ("post", STAY))


@pytest.fixture
def owner(cast: Cast, own_storage: object) -> Client:
    return just_signed_in(cast.acme.owner)


def file_address(archive: Archive) -> str:
    return f"{ARCHIVES}{archive.pk}/file/"


def state(cast: Cast) -> str:
    return Tenant.objects.get(pk=cast.acme.tenant.pk).state


@pytest.mark.parametrize("role", [role for role in Role.values if role != "owner"])
def test_only_owners(cast: Cast, own_storage: object, role: str) -> None:
    client = just_signed_in(getattr(cast.acme, role))
    archive = made_archive(cast.acme.tenant)
    for method, address in (*ADDRESSES, ("get", file_address(archive))):
        assert getattr(client, method)(address, YES).status_code == 403, address
    assert state(cast) == "active"
    assert f'href="{PAGE}"' not in client.get("/").text


def test_nobody_else_either(cast: Cast) -> None:
    for method, address in ADDRESSES:
        assert getattr(Client(), method)(address)["Location"].startswith("/login/")
        assert getattr(signed_in(cast.stranger), method)(address).status_code == 403
        answer = getattr(with_key(cast.acme.api_key), method)(address)
        assert answer["Location"].startswith("/login/")


def test_an_archive_is_asked_for(owner: Client, cast: Cast) -> None:
    assert f'href="{PAGE}"' in owner.get("/").text
    assert 'data-making="yes"' not in owner.get(PAGE).text
    assert owner.post(ARCHIVES)["Location"] == PAGE
    page = owner.get(PAGE).text
    assert 'data-making="yes"' in page
    assert "Waiting to begin" in page
    assert "being made already" in owner.post(ARCHIVES, follow=True).text
    with tenant_scope(cast.acme.tenant.pk):
        row = Archive.objects.get()
        assert row.asked_by == f"user:{cast.acme.owner.pk}"
        row.part, row.rows_done, row.rows_expected = "conversations.turn.jsonl", 30, 60
        row.save()
    assert "50 %, conversations.turn.jsonl" in owner.get(PAGE).text


def link_on(client: Client) -> str:
    found = re.search(r'href="(/organisation/archives/[^"]+)"', client.get(PAGE).text)
    assert found is not None
    return found[1].replace("&amp;", "&")


async def streamed(client: AsyncClient, link: str) -> tuple[Any, list[bytes]]:
    answer: Any = await client.get(link)
    return answer, [piece async for piece in answer.streaming_content]


@pytest.mark.django_db(transaction=True)
async def test_the_file_is_streamed(cast: Cast, own_storage: Any, keyset_file: Any) -> None:
    archive = await sync_to_async(made_archive)(cast.acme.tenant)
    client = AsyncClient()
    await client.aforce_login(cast.acme.owner)
    page = (await client.get(PAGE)).content.decode()
    [link] = re.findall(r'href="(/organisation/archives/[^"]+)"', page)
    answer, pieces = await streamed(client, link)
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Length"] == str(archive.bytes)
    assert answer["Content-Disposition"].startswith('attachment; filename="acme-20')
    assert "no-store" in answer["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as file:
        assert file.testzip() is None

    def noted() -> list[str]:
        with platform_scope("test"):
            rows = AuditEntry.objects.filter(action="archive.downloaded")
            return list(rows.values_list("actor", flat=True))

    assert await sync_to_async(noted)() == [f"user:{cast.acme.owner.pk}"]


def test_a_link_is_one_owners_and_expires(
    owner: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = made_archive(cast.acme.tenant)
    link = link_on(owner)
    address = link.partition("?")[0]
    for wrong in (address, f"{address}?key=nonsense", f"{link[:-1]}!"):
        assert "not valid any more" in owner.get(wrong, follow=True).text
    with tenant_scope(cast.acme.tenant.pk):
        Membership.objects.filter(user=cast.acme.admin).update(role=Role.OWNER)
    assert signed_in(cast.acme.admin).get(link)["Location"] == PAGE
    monkeypatch.setattr("accounts.leaving.pages.LINK_TERM_S", -1)
    assert owner.get(link)["Location"] == PAGE
    monkeypatch.setattr("accounts.leaving.pages.LINK_TERM_S", LINK_TERM_S)
    default_storage.delete(archive.file)
    assert "Make a new archive" in owner.get(link, follow=True).text
    with platform_scope("test"):
        assert not AuditEntry.objects.filter(action="archive.downloaded").exists()


def test_another_tenants_archive_is_not_found(owner: Client, cast: Cast) -> None:
    other = signed_in(cast.globex.owner)
    archive = made_archive(cast.globex.tenant)
    link = link_on(other)
    assert owner.get(link).status_code == 404
    assert owner.get(f"{ARCHIVES}{uuid4()}/file/").status_code == 404
    assert str(archive.pk) not in owner.get(PAGE).text


def test_leaving_tells_its_effects_and_wants_the_name(owner: Client, cast: Cast) -> None:
    page = owner.get(LEAVE).text
    assert "<li>5 members</li>" in page
    assert "14 days" in page
    assert "globex" not in page.lower()
    assert "Nothing was done" in owner.post(LEAVE, YES | {"typed": "Globex"}).text
    assert "Delete Acme?" in owner.post(LEAVE, {"typed": "Acme"}).text
    assert state(cast) == "active"
    assert owner.post(LEAVE, YES)["Location"] == PAGE
    assert state(cast) == "leaving"
    page = owner.get(PAGE).text
    assert "Acme is leaving" in page
    assert LEAVE not in page
    assert owner.post(STAY, follow=True).status_code == 200
    assert state(cast) == "active"
    assert "leaving already" in owner.post(STAY, follow=True).text


def test_an_old_log_in_is_confirmed_first(cast: Cast) -> None:
    client = just_signed_in(cast.acme.owner, seconds_ago=601)
    for answer in (client.get(LEAVE), client.post(LEAVE, YES)):
        assert answer["Location"].startswith("/account/confirm/?next=")
    assert state(cast) == "active"


def leaving(cast: Cast) -> Departure:
    return ask_to_leave(cast.acme.tenant.pk, f"user:{cast.acme.owner.pk}", timezone.now())


@pytest.mark.parametrize("role", [role for role in Role.values if role != "owner"])
def test_while_it_leaves_others_are_told(cast: Cast, role: str) -> None:
    leaving(cast)
    client = signed_in(getattr(cast.acme, role))
    for address in ("/", "/history/", "/members/", PAGE):
        answer = client.get(address)
        assert answer.status_code == 403
        assert "This organisation is leaving." in answer.text
    assert client.get("/api/v1/conversations/").json()["code"] == "tenant-leaving"
    assert client.get("/account/").status_code == 200
    answer = with_key(cast.acme.api_key).get("/api/v1/conversations/")
    assert (answer.status_code, answer.json()["code"]) == (403, "tenant-leaving")


def test_while_it_leaves_owners_look_and_change_nothing(owner: Client, cast: Cast) -> None:
    leaving(cast)
    for address in ("/", "/history/", "/members/", PAGE, "/admin/accounts/credential/"):
        assert owner.get(address).status_code == 200, address
    assert owner.post("/members/invite/", {"email": "a@b.example"}).status_code == 403
    assert owner.post(LEAVE, YES).status_code == 403
    assert owner.post(ARCHIVES)["Location"] == PAGE
    assert signed_in(cast.globex.member).get("/").status_code == 200


def test_while_it_is_deleted_nobody_gets_in(owner: Client, cast: Cast) -> None:
    Tenant.objects.filter(pk=cast.acme.tenant.pk).update(state=Tenant.State.ERASING)
    for method, address in (*ADDRESSES, ("get", "/")):
        answer = getattr(owner, method)(address)
        assert answer.status_code == 403
        assert "is being deleted" in answer.text


def test_without_a_grace_time_it_says_so(owner: Client, cast: Cast, settings: Settings) -> None:
    settings.LEAVE_GRACE_DAYS = 0
    assert "cannot be taken back" in owner.get(LEAVE).text
    owner.post(LEAVE, YES)
    departure = Departure.objects.get()
    assert departure.erase_after - departure.asked_at == timedelta(0)
