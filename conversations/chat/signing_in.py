"""A person who signs in to Google for one talk. Nothing of it is stored."""

from __future__ import annotations

import asyncio
import json
import webbrowser
from collections.abc import Callable
from pathlib import Path

from conversations.chat.talk import ChatError
from live import (
    DEVELOPER_SCOPES,
    VERTEX_SCOPES,
    Auth,
    AuthorizedUserAuth,
    Endpoint,
    OAuthClient,
    sign_in,
    sign_in_by_hand,
)

_OPEN_THIS = "To sign in, open this address:\n\n{}\n\n"
_COPY_BACK = "Then copy the address of the page that cannot be reached, and paste it here: "


async def signed_in(
    client_file: Path, endpoint: Endpoint, write: Callable[[str], object], *, browser: bool
) -> Auth:
    """What the endpoint is asked with, once the person has signed in.

    `client_file` describes an OAuth client for desktop apps, as the Google Cloud console gives
    it. Without a `browser` on this machine the person carries the answer over by hand.

    Raises ChatError for a file that is none, and CredentialError when there is no sign-in.
    """
    client = OAuthClient.from_info(_read(client_file))
    scopes = VERTEX_SCOPES if endpoint.is_vertex else DEVELOPER_SCOPES

    def show(address: str) -> None:
        write(_OPEN_THIS.format(address))
        webbrowser.open(address)

    async def ask(address: str) -> str:
        write(_OPEN_THIS.format(address) + _COPY_BACK)
        return await asyncio.to_thread(input)

    if browser:
        user = await sign_in(client, scopes, show)
    else:
        user = await sign_in_by_hand(client, scopes, ask)
    return AuthorizedUserAuth(user)


def _read(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ChatError(f"{path.name} cannot be read: {error.strerror}. Check it.") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ChatError(
            f"{path.name} is no JSON file of an OAuth client. Download it in the console."
        )
    return found
