"""Every code that a problem of the API can have: docs/reference/errors.md and `/api/v1/errors/`
are drawn from this table. A code stays for as long as v1 does; new ones may come."""

from __future__ import annotations

import sys
from pathlib import Path

from accounts.api.codes import ADMITTANCE_CODES, Code
from conversations.api.talk_codes import TALK_CODES

CODES: dict[str, Code] = {
    "invalid-request": Code(
        400,
        "Some parameters are not valid",
        "Parameters or fields are missing or not what they should be; `errors` names each.",
        "Change what `errors` names. The same request will fail again.",
    ),
    "parse-error": Code(
        400,
        "The body cannot be read",
        "The body is not JSON.",
        "Send JSON in UTF-8, with `Content-Type: application/json`.",
    ),
    "bad-request": Code(
        400,
        "The request is malformed",
        "The request could not be read as HTTP should be.",
        "Look at its headers and its address.",
    ),
    "invalid-cursor": Code(
        400,
        "The cursor is not valid",
        "`cursor` is not from the `next` of the page before, or of another list.",
        "Begin again without a cursor, and follow `next`.",
    ),
    "invalid-idempotency-key": Code(
        400,
        "The idempotency key is not valid",
        "`Idempotency-Key` is empty, longer than 255 characters, or not printable ASCII.",
        "Send a fresh UUID for each thing that you want done once.",
    ),
    **ADMITTANCE_CODES,
    "not-authenticated": Code(
        401,
        "Nobody knows who asks",
        "The request came without an API key, and without a browser's session.",
        "Send `Authorization: Bearer <key>`.",
    ),
    "authentication-failed": Code(
        401,
        "The proof of who asks is wrong",
        "What was sent to prove who asks is not good.",
        "Send `Authorization: Bearer <key>`.",
    ),
    "permission-denied": Code(
        403,
        "Not allowed",
        "The key's scopes, or the person's role, do not allow this.",
        "Use a key with the scope that the reference names, or ask an admin for one.",
    ),
    "key-restricted": Code(
        403,
        "The key is restricted",
        "The key is for certain agents, or for tests, and this concerns more than those.",
        "Use a key without that restriction.",
    ),
    "not-found": Code(
        404,
        "There is no such thing",
        "The address is unknown, or the organisation has nothing of that id.",
        "Look at the address. What was deleted does not come back.",
    ),
    "method-not-allowed": Code(
        405,
        "Not with this method",
        "The address does not take this method; `Allow` names those it takes.",
        "Use one of those.",
    ),
    "not-acceptable": Code(
        406,
        "Not in this form",
        "`Accept` asks for a form that the API does not speak.",
        "Ask for `application/json`, or leave `Accept` out.",
    ),
    "idempotency-key-in-use": Code(
        409,
        "The first request still runs",
        "A request with this `Idempotency-Key` has begun, and its answer is not known yet.",
        "Send the same again after `Retry-After` seconds: then you get its answer.",
    ),
    "no-developer-credential": Code(
        409,
        "Nothing to make the token with",
        "Google makes such tokens with a credential of the Gemini Developer API, and none works.",
        "Add one, or verify the one there is; or mint a token of kind `parley`.",
    ),
    "transcript-not-postable": Code(
        409,
        "This transcript is not taken",
        "It is not of a token of Google's, not of its time, or one more than the token began.",
        "Post each conversation once, with the token that it was held with; `detail` says more.",
    ),
    "token-not-revocable": Code(
        409,
        "Google takes no token back",
        "The token is one of Google's own, which end by themselves.",
        "Wait until its `expireTime`; mint shorter ones, or those of kind `parley`.",
    ),
    "precondition-failed": Code(
        412,
        "It has changed meanwhile",
        "What is there is not what `If-Match` names: somebody else has changed it.",
        "Get it again, apply your change to that, and send it with the new ETag.",
    ),
    "body-too-large": Code(
        413,
        "The body is too large",
        "The body is larger than 2.5 MiB.",
        "Send less at once.",
    ),
    "unsupported-media-type": Code(
        415,
        "Not in this form",
        "The body's `Content-Type` is none that the API reads.",
        "Send JSON, with `Content-Type: application/json`.",
    ),
    "idempotency-key-reused": Code(
        422,
        "The idempotency key was for another request",
        "A request with this `Idempotency-Key` has been made, and was not this one.",
        "Use a fresh key for each thing that you want done once.",
    ),
    "throttled": Code(
        429,
        "Too many requests",
        "The key, or the whole organisation, has made more requests than a minute allows.",
        "Wait `Retry-After` seconds. `RateLimit` tells in each answer how many are left.",
    ),
    "no-redacted-sound": Code(
        400,
        "Sound cannot be redacted",
        "A redacted export was asked for as audio.",
        "Choose another format, or leave `redacted` out.",
    ),
    "nothing-recorded": Code(
        400,
        "No sound is kept",
        "Audio was asked for of one conversation, of which no sound is kept.",
        "Choose another format.",
    ),
    "conversation-running": Code(
        409,
        "The conversation still runs",
        "What runs cannot be erased.",
        "End it first, wait until its `state` is `ended`, then erase it.",
    ),
    "legal-hold": Code(
        409,
        "A legal hold covers it",
        "Somebody of the organisation has said that it must be kept.",
        "Ask an admin of the organisation. Once the hold is lifted, send the request again.",
    ),
    "too-many-exports": Code(
        409,
        "Too many exports at once",
        "As many exports are being made for the organisation as may be at once.",
        "Wait until one of them is done, or delete one.",
    ),
    "export-not-ready": Code(
        409,
        "The export is not ready",
        "The export is still being made, or has failed: there is no file.",
        "Look at its `state` until it is `ready`.",
    ),
    "export-gone": Code(
        410,
        "The file is gone",
        "The file of the export was kept as long as was said, and has been deleted.",
        "Ask for a new export.",
    ),
    "link-expired": Code(
        403,
        "The link does not work any more",
        "The link to the file is older than a quarter of an hour, or was made with another key.",
        "Make a new link with `POST …/link/`, and follow it with the same key.",
    ),
    "webhook-off": Code(
        409,
        "The webhook is off",
        "Something was to be sent to a webhook that is off: nothing goes there.",
        "Look at its `off_reason`, mend that, and turn it on with `is_on`.",
    ),
    "too-many-schedules": Code(
        409,
        "Too many schedules",
        "The organisation has as many schedules of exports as it may have.",
        "Delete one that is not needed, or let one have more formats.",
    ),
    "too-many-webhooks": Code(
        409,
        "Too many webhooks",
        "The organisation has as many webhooks as it may have.",
        "Delete one that is not needed, or let one take more kinds.",
    ),
    "delivery-waits": Code(
        409,
        "The delivery waits already",
        "A delivery was to be sent again whose next try is still to come.",
        "Wait: `next_try_at` tells for how long.",
    ),
    "secrets-locked": Code(
        503,
        "No secret can be sealed",
        "This service cannot seal a new secret, and keeps none that is not sealed.",
        "Tell its operator, and try again later.",
    ),
    "owners-only": Code(
        403,
        "Only owners do this",
        "Owners are made and changed by owners, and no key is one.",
        "Ask an owner to do it on the members' page.",
    ),
    "keys-only": Code(
        403,
        "Only with a key",
        "A browser's session asked for what only API keys do here.",
        "Do it on the page, or send an API key.",
    ),
    "already-member": Code(
        409,
        "A member already",
        "The person who was to be invited is an active member.",
        "Change the role of that member.",
    ),
    "last-owner": Code(
        409,
        "The last owner stays",
        "Nobody would be left to own the organisation.",
        "Make somebody else an owner first.",
    ),
    "no-draft": Code(
        409,
        "There is no draft",
        "The agent has no changes that wait to be published.",
        "Change the agent first, or name the version to go back to.",
    ),
    "too-many-tags": Code(
        409,
        "Too many tags",
        "The conversation has as many tags as it may.",
        "Take one away first.",
    ),
    "range-not-satisfiable": Code(
        416,
        "Nothing is there",
        "The `Range` lies behind the end of the sound.",
        "Ask for less: the length is in `Content-Length` of an answer without `Range`.",
    ),
    **TALK_CODES,
    "server-error": Code(
        500,
        "The fault is ours",
        "Something went wrong on our side, and it has been logged under the request's id.",
        "Send the same again with the same `Idempotency-Key`; tell the operator the `request_id`.",
    ),
    "google-refused": Code(
        502,
        "Google did not make the token",
        "Google, or the way to it, refused to make one of its tokens; `detail` says what is wrong.",
        "Verify the organisation's credential in the admin, then send it again.",
    ),
}

_HEAD = """\
# Errors of the API

Drawn from the table in `conversations/api/codes.py`; do not edit. To draw it anew:

```
PYTHONPATH=.:platform .venv/bin/python -m conversations.api.codes docs/reference/errors.md
```

Every error is a problem (RFC 9457), with the media type `application/problem+json`:

```json
{
  "type": "https://parley.example.com/api/v1/errors/#invalid-request",
  "title": "Some parameters are not valid",
  "status": 400,
  "code": "invalid-request",
  "detail": "Some parameters are not valid.",
  "request_id": "01936d5e-8c4a-7b21-9d1f-3f6a3b1c2d4e",
  "errors": [{"field": "state", "code": "invalid-choice", "detail": "…"}]
}
```

Programs decide by `code`, which stays as it is for as long as v1 does. New codes may come: take one
you do not know for what its status says. `title` and `detail` are for people, and may change.
`request_id` finds the request in the log (`GET /api/v1/requests/{id}/`, and in the admin).
"""


def page() -> str:
    """The table as people read it: `docs/reference/errors.md`."""
    lines = [_HEAD]
    for code, row in in_order():
        lines.append(f"## {code}\n\n{row.status}: {row.title}. {row.meaning}\n\n{row.fix}\n")
    return "\n".join(lines)


def in_order() -> list[tuple[str, Code]]:
    """The rows as the pages show them: by their status."""
    return sorted(CODES.items(), key=lambda pair: pair[1].status)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
