"""The codes of the problems that stand before the API: who calls, and whether they may go on.
Those of the API itself, and the page of all of them, are in `conversations.api.codes`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """What a code stands for. `title` is what an answer says, `meaning` and `fix` what the page
    of codes does."""

    status: int
    title: str
    meaning: str
    fix: str


ADMITTANCE_CODES: dict[str, Code] = {
    "invalid-api-key": Code(
        401,
        "The API key is not valid",
        "The key is unknown, expired or revoked, or what was sent is no key.",
        "Send `Authorization: Bearer <key>` with a key that is active in the admin.",
    ),
    "address-not-allowed": Code(
        403,
        "Not from this address",
        "The key may be used only from certain networks, and the request came from another.",
        "Use it from there, or have an admin add your network to the key.",
    ),
    "origin-not-allowed": Code(
        403,
        "Not from this page",
        "The token is for pages of certain origins, and the request came from none of them.",
        "Use it on the pages it was made for, or mint one for this origin.",
    ),
    "tenant-suspended": Code(
        403,
        "The organisation is suspended",
        "The operator of this service has suspended the organisation.",
        "Ask the operator to resume it.",
    ),
    "tenant-leaving": Code(
        403,
        "The organisation is being deleted",
        "An owner has asked for everything of the organisation to be deleted.",
        "Until it has been, an owner can take that back in the admin.",
    ),
    "single-sign-on-required": Code(
        403,
        "Single sign-on is required",
        "The browser's session came by a password, and the organisation asks for its own log-in.",
        "Log in with the organisation's account. Keys are not concerned.",
    ),
    "second-factor-required": Code(
        403,
        "A second factor is required",
        "The browser's session is of somebody without a second factor, which they have to have.",
        "Set one up under your account. Keys are not concerned.",
    ),
}
