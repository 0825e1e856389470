"""Google's own ephemeral tokens, made with the tenant's credential: a browser that holds one talks
to Google directly, as the agent and nobody else.

What such a browser says goes past us. Tools that we call are not declared: nobody would answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asgiref.sync import async_to_sync

import live
from accounts.callers import Caller
from accounts.credentials import CredentialUnusable
from accounts.failover.line import Line, best_line
from accounts.models import Credential
from conversations.access_tokens import Wanted, keep, token_of
from conversations.models import AccessToken, Agent
from conversations.states import ToolKind
from conversations.tools.loading import tools_of
from conversations.versions import session_config


class NoDeveloperCredential(CredentialUnusable):
    code = "no-developer-credential"
    fix = "Add a credential for the Gemini Developer API: Vertex AI has no such tokens."

    def __init__(self) -> None:
        super().__init__("The organisation has no credential that such a token can be made with.")


@dataclass(frozen=True, slots=True)
class Minted:
    """A token of Google's, and where it is good. `text` is the secret, shown once."""

    token: AccessToken
    text: str
    base_url: str
    api_version: str
    model: str

    def __repr__(self) -> str:
        return f"<Minted {self.token.pk}>"


def mint_google(caller: Caller, agent: Agent, wanted: Wanted, now: datetime) -> Minted:
    """Have Google make a token that opens sessions of this agent. Waits for Google, 20 s at most,
    outside any transaction. Runs in the tenant's scope.

    Raises:
        InvalidToken: naming what it cannot be.
        CredentialUnusable: the tenant has nothing to make it with.
        LiveError: what Google, or the way to it, refused.
    """
    token = token_of(caller, wanted, now)
    line = developer_line(caller, now)
    config = session_config(agent, page_tools(agent))
    made = async_to_sync(live.mint)(
        line.endpoint,
        line.auth,
        uses=token.uses,
        expire_time=token.expires_at,
        new_session_expire_time=token.new_session_expires_at,
        constraints=live.LiveConnectConstraints(config),
    )
    token.kind = AccessToken.Kind.GOOGLE
    keep(token)
    place = line.endpoint.constrained()
    return Minted(token, made.name, place.base_url, place.api_version, agent.model)


def developer_line(caller: Caller, now: datetime) -> Line:
    """The best credential that has such tokens. Raises CredentialUnusable."""
    developer = Credential.Endpoint.DEVELOPER
    if not Credential.objects.filter(endpoint=developer).exists():
        raise NoDeveloperCredential
    return best_line(caller.tenant_id, now, for_tests=caller.is_test, at=developer)


def page_tools(agent: Agent) -> tuple[live.Tool, ...]:
    """The functions that a page answers itself."""
    functions = [tool.declaration for tool in tools_of(agent) if tool.kind == ToolKind.CLIENT]
    return (live.Tool(function_declarations=functions),) if functions else ()
