import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core import mail
from django.db import transaction

from accounts.letters import post_letter, write_to_staff
from accounts.models import Membership
from accounts.roles import Permission
from accounts.tenancy import tenant_scope
from config.celery import app
from tests.cast import Cast

WORDS = "{{ what }} at {{ tenant.name }}\n\nLook at {{ public_url }}/admin/.\n"


@pytest.fixture
def letter(tmp_path: Path, settings: Any) -> str:
    """A letter of the test's own, and a mail server that takes it into `mail.outbox`."""
    folder = tmp_path / "accounts" / "letters"
    folder.mkdir(parents=True)
    (folder / "news.txt").write_text(WORDS)
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    settings.EMAIL_URL = "smtp://localhost"
    return "news"


@pytest.fixture
def tasks_run_at_once() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def write(cast: Cast, name: str, right: Permission = Permission.MANAGE_CREDENTIALS) -> int:
    return write_to_staff(cast.acme.tenant.pk, right, name, {"what": "News"})


@pytest.mark.usefixtures("transactional_db", "tasks_run_at_once")
def test_those_with_the_right_get_it_each_alone_after_the_commit(cast: Cast, letter: str) -> None:
    with transaction.atomic():
        assert write(cast, letter) == 2
        assert mail.outbox == []
    expected = [[cast.acme.admin.email], [cast.acme.owner.email]]
    assert [each.to for each in mail.outbox] == expected
    assert mail.outbox[0].subject == f"News at {cast.acme.tenant.name}"
    assert mail.outbox[0].body.startswith("Look at http")


@pytest.mark.usefixtures("transactional_db", "tasks_run_at_once")
def test_who_has_left_gets_none(cast: Cast, letter: str) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        Membership.objects.filter(user=cast.acme.admin).update(state=Membership.State.DISABLED)
    cast.acme.owner.is_active = False
    cast.acme.owner.save()
    assert write(cast, letter) == 0
    assert mail.outbox == []


@pytest.mark.django_db
def test_nothing_is_sent_without_a_mail_server(cast: Cast, letter: str, settings: Any) -> None:
    settings.EMAIL_URL = ""
    assert write(cast, letter) == 0


class FlakyMailServer(socketserver.StreamRequestHandler):
    """Turns the first two callers away, as RFC 5321 has it (421), and listens to the third."""

    callers: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.callers.append("")
        if len(self.callers) < 3:
            self.wfile.write(b"421 Try again later\r\n")
            return
        self.wfile.write(b"220 Ready\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            self.wfile.write(b"354 Go on\r\n" if verb == b"DATA" else b"250 Fine\r\n")
            if verb == b"DATA":
                while (part := self.rfile.readline()) != b".\r\n":
                    self.callers[-1] += part.decode()
                self.wfile.write(b"250 Taken\r\n")


@pytest.mark.usefixtures("tasks_run_at_once")
def test_a_letter_is_posted_again_until_the_mail_server_takes_it(settings: Any) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), FlakyMailServer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address[:2]
        post_letter.delay("News", "All is well.", "owner@acme.example")
        server.shutdown()
    assert len(FlakyMailServer.callers) == 3
    assert "All is well." in FlakyMailServer.callers[-1]
