"""Who may open or resume which conversation over Google's protocol. Runs in a database thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

import live
from accounts.audit.place import at_place, place_of_socket
from accounts.callers import AccessBarred, Caller, caller_from_api_key
from accounts.tenancy import tenant_scope
from conversations import admission
from conversations import protocol as p
from conversations.access_tokens import caller_from_access_token, token_behind
from conversations.admission import Admitted, Refused
from conversations.constraints import Unfit, constrained
from conversations.dropin import refusals as r
from conversations.dropin.credentials import Presented, presented
from conversations.dropin.handles import conversation_of, handle_of
from conversations.dropin.paths import Service
from conversations.dropin.setup import Asked, asked_by
from conversations.dropin.telling import Manner
from conversations.models import Agent, Conversation
from conversations.wishes import Wishes, allowed, stored, with_wishes
from live.errors import CallerError
from live.setup import check

# How a program says that its user agreed to be recorded, as in `start` of our own protocol.
CONSENT_HEADER: Final = "x-parley-consent"

# From a credential's text to who calls; each knows its own form and gives None for any other.
Reader = Callable[[str], Caller | None]
READERS: list[Reader] = [caller_from_api_key, caller_from_access_token]


@dataclass(frozen=True, slots=True)
class Opened:
    """A caller that was let in, and how it wants to be told. `resumable`: it was given a handle;
    who has none cannot come back, so the conversation ends with the socket."""

    admitted: Admitted
    manner: Manner
    resumable: bool


def open_session(scope: Any, service: Service, asked: Asked) -> Opened:
    """Check who calls, and begin or resume what the setup asks for. Raises Refusal."""
    headers = headers_of(scope)
    query = scope.get("query_string", b"").decode("latin-1")
    with at_place(place_of_socket(scope)):
        caller = identify(presented(query, headers))
        with tenant_scope(caller.tenant_id):
            asked = held_to_token(caller, asked)
            agent = agent_for(caller, asked.model, service)
            check_modality(agent, asked.modality)
            try:
                admitted = _admitted(caller, agent, asked, headers.get(CONSENT_HEADER))
            except Refused as refused:
                raise from_page(refused) from None
    return Opened(admitted, manner_of(service, agent, asked, admitted), asked.resumable)


def headers_of(scope: Any) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def identify(shown: Presented) -> Caller:
    """Who calls. Raises Refusal."""
    try:
        for text in shown.texts:
            for read in READERS:
                if (caller := read(text)) is not None:
                    return caller
    except AccessBarred as barred:
        raise r.denied(str(barred)) from None
    if not shown.texts:
        raise r.unregistered_caller()
    raise r.key_not_valid() if shown.as_key else r.invalid_credentials()


def held_to_token(caller: Caller, asked: Asked) -> Asked:
    """What the session asks for where the caller's token leaves it a choice. Raises Refusal."""
    token = token_behind(caller)
    if token is None or not (token.setup or token.field_mask):
        return asked
    try:
        return asked_by(constrained(asked.setup, token.setup, token.field_mask))
    except Unfit as error:
        raise r.invalid_argument(str(error)) from None


# --- Which agent -----------------------------------------------------------------------------


def agent_for(caller: Caller, model: str, service: Service) -> Agent:
    """The agent that a model's name stands for here. Raises Refusal.

    A caller that is bound to one agent has that one, by its own name or that of the model it
    talks with. For others it is the agent of that name, or the oldest that talks with the model.
    """
    name = model.rpartition("/")[2]
    mine = agents_of(caller)
    agent = next((each for each in mine if each.slug == name), None) or next(
        (each for each in mine if each.model.rpartition("/")[2] == name), None
    )
    if agent is not None:
        return agent
    if service.is_vertex:
        raise r.publisher_model_not_found(model)
    raise r.model_not_found(model, service.version)


def agents_of(caller: Caller) -> list[Agent]:
    """Those the caller may talk to, the oldest first."""
    rows = Agent.objects.order_by("id")
    return list(rows if caller.agents is None else rows.filter(pk__in=caller.agents))


def check_modality(agent: Agent, modality: str) -> None:
    if modality and modality != agent.modality:
        raise r.modality_not_supported(modality)


# --- In ------------------------------------------------------------------------------------


def _admitted(caller: Caller, agent: Agent, asked: Asked, consent: str | None) -> Admitted:
    ground = admission.ground_of(caller, {})
    if asked.handle:
        return _resumed(caller, asked.handle, ground)
    wishes = allowed(asked.wishes, agent.open_to_callers)
    check_wishes(agent, wishes)
    # An SDK has nowhere to show that one stands in line.
    start = p.Start(agent=str(agent.pk), consent=consent, wait=False)
    admitted = admission.admit_caller(caller, start, ground)
    if wishes != Wishes():
        # Nobody hosts it yet: who does will read them.
        rows = Conversation.objects.filter(pk=admitted.conversation_id)
        rows.update(wishes=stored(wishes))
    return admitted


def _resumed(caller: Caller, handle: str, ground: Any) -> Admitted:
    conversation_id = conversation_of(handle)
    if conversation_id is None:
        raise r.malformed_handle()
    conversation = Conversation.objects.filter(pk=conversation_id).first()
    if conversation is None or conversation.has_ended:
        raise r.session_not_found()
    if not admission.is_open_to(caller, conversation):
        raise r.session_not_found()
    resume = p.Resume(conversation=str(conversation_id), mode="take", wait=False)
    return admission.admit_caller(caller, resume, ground)


def check_wishes(agent: Agent, wishes: Wishes) -> None:
    """Refuse what the service would refuse, before anything begins. Raises Refusal."""
    if wishes == Wishes():
        return
    config = live.SessionConfig(
        model=agent.model,
        modalities=(agent.modality,),
        tools=({"functionDeclarations": list(wishes.functions)},),
    )
    try:
        config = with_wishes(config, wishes)
        check(config, live.Endpoint.developer())
    except CallerError as error:
        raise r.invalid_argument(error.diagnosis.summary) from None
    except msgspec.MsgspecError:
        raise r.invalid_argument() from None
    if config.manual_activity:
        raise r.invalid_argument("Automatic activity detection cannot be disabled here.")


def manner_of(service: Service, agent: Agent, asked: Asked, admitted: Admitted) -> Manner:
    conversation_id = admitted.conversation_id
    return Manner(
        hears=asked.hears,
        says=asked.says,
        in_text=agent.modality == Agent.Modality.TEXT,
        handle=handle_of(conversation_id) if asked.resumable else "",
        session=str(conversation_id) if service.is_vertex else "",
    )


USED_UP: Final = "token-used-up"
_CODES: Final[Mapping[int, Callable[[str], r.Refusal]]] = {
    p.Close.LIMIT_REACHED: r.out_of_quota,
    p.Close.TOO_MANY: r.out_of_quota,
    p.Close.NOT_ALLOWED: r.denied,
}


def from_page(refused: Refused) -> r.Refusal:
    """What a page would be told, in Google's words."""
    if refused.close_code == p.Close.NOT_FOUND:
        return r.session_not_found()
    if refused.error.code.startswith("token-"):
        return r.token_used_up() if refused.error.code == USED_UP else r.invalid_credentials()
    make = _CODES.get(refused.close_code)
    return make(refused.error.message) if make else r.unavailable()
