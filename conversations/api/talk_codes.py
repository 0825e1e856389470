"""The codes of a conversation, as its socket has them too: endpoints that reach into one that runs
pass them on."""

from __future__ import annotations

from accounts.api.codes import Code

TALK_CODES: dict[str, Code] = {
    "bad-message": Code(
        400,
        "That is no message",
        "The body is not one of the messages that a client of `parley.v1` sends.",
        "The socket's reference lists them: send one, as JSON.",
    ),
    "text-too-long": Code(
        400,
        "The text is too long",
        "A typed text is longer than the conversation allows.",
        "Send it in parts.",
    ),
    "result-too-long": Code(
        400,
        "The result is too long",
        "What a tool answered is longer than a result may be.",
        "Send less of it: the model reads all that you send.",
    ),
    "not-signed-in": Code(
        401,
        "Nobody knows who asks",
        "The key or the session is not good for a conversation.",
        "Send a key that is active, with the scope `talk`.",
    ),
    "not-allowed": Code(
        403,
        "Not allowed to talk",
        "The key's scopes, or the person's role, do not allow it to talk to agents.",
        "Use a key with the scope `talk`, or ask an admin for one.",
    ),
    "consent-needed": Code(
        403,
        "Nobody has agreed to be recorded",
        "Talks with this agent are recorded, and the request does not say who agreed to that.",
        "Show the text to your user, and send its version as `consent`.",
    ),
    "consent-outdated": Code(
        403,
        "What was agreed to has changed",
        "The version sent as `consent` is not the one that holds now.",
        "Show the text of the new version, and send that.",
    ),
    "no-simulator": Code(
        403,
        "No simulator to talk with",
        "A key for tests never talks with Google, and the organisation has no simulator.",
        "Add a credential whose base URL is a simulator's, or use a key that is not for tests.",
    ),
    "unknown-agent": Code(
        404,
        "There is no such agent",
        "The organisation has none of that id, or the key is for others.",
        "`GET /api/v1/agents/` lists those there are.",
    ),
    "unknown-conversation": Code(
        404,
        "There is no such conversation",
        "The organisation has none of that id, or the key is for others.",
        "`GET /api/v1/conversations/` lists those there are.",
    ),
    "unknown-draft": Code(
        404,
        "There is no draft",
        "The agent has no changes that are not published.",
        "Leave `draft` out.",
    ),
    "unknown-call": Code(
        404,
        "There is no such call",
        "The conversation has made no tool call of that id.",
        "Take the id from the `tool-call` event.",
    ),
    "call-taken": Code(
        409,
        "Somebody else makes this call",
        "Another page or program has taken the tool call.",
        "Leave it to that one.",
    ),
    "call-not-taken": Code(
        409,
        "The call is not yours",
        "A result came for a tool call that was not taken before.",
        "Send `tool-take` first; make the call only once you have it.",
    ),
    "read-only": Code(
        409,
        "Another page has it",
        "Another page or program has this conversation.",
        "Take it there, or give the `page` that owns it.",
    ),
    "conversation-ended": Code(
        409,
        "The conversation is over",
        "It has ended, and nothing can be said in it any more.",
        "Begin a new one.",
    ),
    "too-many-conversations": Code(
        429,
        "Too many at once",
        "As many conversations run as the organisation, the agent or the person may have.",
        "Wait until one has ended, or have the limit raised.",
    ),
    "budget-exhausted": Code(
        429,
        "The budget is used up",
        "The minutes or the money of the day or the month are used up.",
        "Wait for the next one, or have the limit raised.",
    ),
    "too-many-texts": Code(
        429,
        "Too many texts",
        "More texts were typed in a minute than the conversation allows.",
        "Wait `Retry-After` seconds.",
    ),
    "capacity-full": Code(
        503,
        "All lines are busy",
        "No worker has room for one more conversation.",
        "Ask again after `Retry-After` seconds.",
    ),
    "server-draining": Code(
        503,
        "This server is about to end",
        "The server that was asked is being replaced.",
        "Ask again: another one answers.",
    ),
    "store-behind": Code(
        503,
        "It cannot be stored now",
        "What was said cannot be stored at the moment, so it was not taken.",
        "Say it again in a few seconds, with the same id.",
    ),
    "upstream-behind": Code(
        503,
        "The model does not keep up",
        "The model has not taken what was said before.",
        "Say it again in a few seconds, with the same id.",
    ),
    "no-live-server": Code(
        503,
        "No conversations live here",
        "The server that was asked runs without its live part.",
        "Tell the operator: `manage.py web` runs it.",
    ),
    "not-confirmed": Code(
        504,
        "Nobody has confirmed it",
        "No worker has confirmed it in time; it may have been taken all the same.",
        "Say it again, a text with the same id: then it counts once.",
    ),
}
