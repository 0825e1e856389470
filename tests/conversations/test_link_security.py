import asyncio
from pathlib import Path

import pytest
import trustme
from pytest_django.fixtures import Settings

from conversations.hosting import new_switchboard, worker_options
from conversations.link import LinkRefused, LinkStream, listen
from conversations.link_security import link_secret


def test_the_link_secret_follows_the_secret_key_and_does_not_show_it(settings: Settings) -> None:
    first = link_secret()
    assert link_secret() == first
    assert len(first) == 32
    assert first not in settings.SECRET_KEY.encode()
    settings.SECRET_KEY = "another one, just as long as the first"
    assert link_secret() != first


async def test_processes_with_the_same_secret_key_reach_each_other(settings: Settings) -> None:
    accepted: asyncio.Future[LinkStream] = asyncio.get_running_loop().create_future()
    listener = await listen(
        accepted.set_result, host="127.0.0.1", port=0, secret=worker_options().link_secret
    )
    friend = new_switchboard()
    settings.SECRET_KEY = "another one, just as long as the first"
    foreigner = new_switchboard()
    for switchboard in (friend, foreigner):
        await switchboard.start()
    assert friend.links is not None
    assert foreigner.links is not None
    await friend.links.open(listener.address, b"hello")
    assert (await accepted).info == b"hello"
    with pytest.raises(LinkRefused):
        await foreigner.links.open(listener.address, b"hello")
    for switchboard in (friend, foreigner):
        await switchboard.aclose()
    await listener.aclose()


async def test_the_link_runs_inside_tls_where_the_settings_say_so(
    settings: Settings, tmp_path: Path
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    paths = [tmp_path / name for name in ("worker.pem", "key.pem", "ca.pem")]
    issued.cert_chain_pems[0].write_to_path(paths[0])
    issued.private_key_pem.write_to_path(paths[1])
    authority.cert_pem.write_to_path(paths[2])
    settings.LINK_TLS_CERT, settings.LINK_TLS_KEY, settings.LINK_TLS_CA = map(str, paths)
    inside = new_switchboard()

    accepted: asyncio.Future[LinkStream] = asyncio.get_running_loop().create_future()
    options = worker_options()
    listener = await listen(
        accepted.set_result,
        host="127.0.0.1",
        port=0,
        secret=options.link_secret,
        ssl=options.tls,
    )
    await inside.start()
    assert inside.links is not None
    await inside.links.open(listener.address, b"hello")
    assert (await accepted).info == b"hello"
    await inside.aclose()
    await listener.aclose()
