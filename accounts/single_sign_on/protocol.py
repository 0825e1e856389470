"""OpenID Connect's code flow with PKCE, as far as signing in needs it.

`discover`, `login_address`, then, when the person is back, `redeem` and `person_of`. Each check
that fails has a fault of its own, whose text and fix are for people and hold no secret.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jwt

from accounts.models import UserManager
from accounts.single_sign_on.fetching import Answer, FetchFailed, check_address, fetch

# Signed by the provider's own key. Not those with a shared secret, and never "none".
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
LEEWAY_S = 60
SCOPE = "openid email profile"
_CODE = re.compile(r"[a-z_]{1,40}")
_TRUE = (True, 1, "true", "1")


class Step(StrEnum):
    """What a sign-in goes through, in this order."""

    DISCOVERY = "discovery"
    RETURN = "return"
    EXCHANGE = "exchange"
    PROOF = "proof"
    EMAIL = "email"
    DOMAIN = "domain"
    PERSON = "person"


# SignOnFault
# ├── IssuerUnreachable    no answer, or none that may be asked for
# ├── DocumentWrong        it answers, but not as an OpenID provider of this name
# ├── ProviderDeclined     the person came back with an error
# ├── ClientRefused        the client id and its secret do not go together
# ├── CodeRefused          the code could not be exchanged, such as for the redirect address
# ├── TokenWrong           signature, issuer, audience, nonce or time of the ID token
# ├── EmailMissing
# ├── EmailUnverified
# └── (more in `admittance`)
class SignOnFault(Exception):
    """The sign-in ends here. `text` says why, `fix` what to do; both may be shown."""

    code = "sign-on-failed"
    step = Step.PERSON

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.text = text
        self.fix = fix


class IssuerUnreachable(SignOnFault):
    code = "issuer-unreachable"
    step = Step.DISCOVERY


class DocumentWrong(SignOnFault):
    code = "discovery-wrong"
    step = Step.DISCOVERY


class ProviderDeclined(SignOnFault):
    code = "provider-declined"
    step = Step.RETURN


class ClientRefused(SignOnFault):
    code = "client-refused"
    step = Step.EXCHANGE


class CodeRefused(SignOnFault):
    code = "code-refused"
    step = Step.EXCHANGE


class TokenWrong(SignOnFault):
    code = "token-wrong"
    step = Step.PROOF


class EmailMissing(SignOnFault):
    code = "email-missing"
    step = Step.EMAIL


class EmailUnverified(SignOnFault):
    code = "email-unverified"
    step = Step.EMAIL


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    by_post: bool  # the client's secret goes into the form instead of a header

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def host(self) -> str:
        return urlsplit(self.authorization_endpoint).hostname or ""


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are at the provider."""

    id: str
    secret: str
    redirect_uri: str

    def __repr__(self) -> str:
        return f"Client({self.id!r})"


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider has sent; `email` is verified and in lower case."""

    subject: str
    email: str
    name: str


def discover(issuer: str) -> Discovery:
    """Read the provider's document.

    Raises:
        IssuerUnreachable, DocumentWrong.
    """
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        answer = fetch(address)
    except FetchFailed as error:
        raise IssuerUnreachable(
            str(error), "Compare the issuer with what the provider names, and try its address."
        ) from None
    if not answer.is_good:
        raise DocumentWrong(
            f"At {address} there is no discovery document (the answer is {answer.status}).",
            "The issuer is the address before /.well-known/openid-configuration. Copy it from "
            "the provider's page.",
        )
    return _discovery(issuer, answer.body)


def _discovery(issuer: str, body: Mapping[str, Any]) -> Discovery:
    if body.get("issuer") != issuer:
        named = body.get("issuer")
        raise DocumentWrong(
            f"The provider calls itself {str(named)[:200]!r}, not {issuer!r}.",
            "Enter the issuer exactly as the provider names it, to the last slash.",
        )
    methods = body.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if not {"client_secret_basic", "client_secret_post"} & set(methods):
        raise DocumentWrong(
            "The provider takes no client secret.",
            "Make a client of the kind “web application with a client secret” there.",
        )
    return Discovery(
        issuer,
        _endpoint(body, "authorization_endpoint"),
        _endpoint(body, "token_endpoint"),
        _endpoint(body, "jwks_uri"),
        _endpoint(body, "userinfo_endpoint") if body.get("userinfo_endpoint") else "",
        "client_secret_basic" not in methods,
    )


def _endpoint(body: Mapping[str, Any], name: str) -> str:
    address = str(body.get(name) or "")
    try:
        check_address(address)
    except FetchFailed:
        raise DocumentWrong(
            f"The discovery document has no good {name}.",
            "This is the provider's mistake: ask whoever runs it.",
        ) from None
    return address


def challenge_of(verifier: str) -> str:
    """PKCE: what the provider is told of the verifier beforehand."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def login_address(discovery: Discovery, client: Client, **asked: str) -> str:
    """Where the person signs in. `asked`: state, nonce, code_challenge, and login_hint if known."""
    query = {
        "response_type": "code",
        "scope": SCOPE,
        "client_id": client.id,
        "redirect_uri": client.redirect_uri,
        "code_challenge_method": "S256",
        **{name: value for name, value in asked.items() if value},
    }
    joint = "&" if urlsplit(discovery.authorization_endpoint).query else "?"
    return f"{discovery.authorization_endpoint}{joint}{urlencode(query)}"


def check_return(answer: Mapping[str, str], issuer: str) -> str:
    """The code that the person brought back.

    Raises:
        ProviderDeclined: there is none, or it comes from somebody else.
    """
    if answer.get("iss", issuer) != issuer:  # RFC 9207
        raise ProviderDeclined(
            "The answer comes from another provider.", "Begin the sign-in again."
        )
    if answer.get("code") and not answer.get("error"):
        return answer["code"]
    error = answer.get("error", "")
    if error == "access_denied":
        raise ProviderDeclined(
            "The sign-in was cancelled, or this account may not use the application.",
            "Try again. If it stays so, the provider's admin assigns the account to the "
            "application.",
        )
    named = error if _CODE.fullmatch(error) else "none that is known"
    raise ProviderDeclined(
        f"The provider answered with an error: {named}.",
        "Look at the application's settings at the provider: its kind, its grants and scopes "
        "(openid, email, profile).",
    )


def redeem(discovery: Discovery, client: Client, code: str, verifier: str) -> Mapping[str, Any]:
    """Exchange the code for tokens.

    Raises:
        IssuerUnreachable, ClientRefused, CodeRefused.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": verifier,
    }
    headers = {}
    if discovery.by_post:
        form |= {"client_id": client.id, "client_secret": client.secret}
    else:
        pair = f"{quote(client.id, safe='')}:{quote(client.secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    answer = _ask(discovery.token_endpoint, form=form, headers=headers)
    if answer.is_good and answer.body.get("id_token"):
        return answer.body
    raise _exchange_fault(answer, client)


def _exchange_fault(answer: Answer, client: Client) -> SignOnFault:
    error = str(answer.body.get("error", ""))
    if error == "invalid_client" or answer.status == HTTPStatus.UNAUTHORIZED:
        return ClientRefused(
            "The provider refuses the client secret.",
            "Make a new client secret there, and enter its value here: not its id, and with "
            "nothing before or after it.",
        )
    if error in {"invalid_grant", "redirect_uri_mismatch"}:
        return CodeRefused(
            "The provider does not exchange the code of this sign-in.",
            f"Register exactly this redirect address there: {client.redirect_uri}",
        )
    named = error if _CODE.fullmatch(error) else f"the answer {answer.status}"
    return CodeRefused(
        f"The provider gives no ID token: {named}.",
        "Let the application there use the authorization code grant with the scope openid.",
    )


def person_of(
    discovery: Discovery, client: Client, tokens: Mapping[str, Any], nonce: str
) -> Person:
    """Whom the tokens name.

    Raises:
        IssuerUnreachable, TokenWrong, EmailMissing, EmailUnverified.
    """
    claims = _claims(discovery, client, str(tokens["id_token"]))
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise _token_wrong("it was not made for this sign-in (nonce)")
    if not claims.get("email") and discovery.userinfo_endpoint:
        claims = claims | _userinfo(discovery, tokens, claims["sub"])
    return Person(str(claims["sub"])[:255], _email(claims), str(claims.get("name") or "")[:150])


def _claims(discovery: Discovery, client: Client, token: str) -> dict[str, Any]:
    keys = _ask(discovery.jwks_uri)
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise _token_wrong("it is signed in a way that is not accepted")
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(jwt.PyJWKSet.from_dict(dict(keys.body)), header.get("kid")),
            algorithms=[algorithm],
            audience=client.id,
            issuer=discovery.issuer,
            leeway=LEEWAY_S,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise _token_wrong(_WHY.get(type(error), "it is not signed by the provider")) from None
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client.id) != client.id:
        raise _token_wrong("it was made for another application (azp)")
    return claims


_WHY: dict[type[Exception], str] = {
    jwt.InvalidIssuerError: "it names another issuer",
    jwt.InvalidAudienceError: "it was made for another application (audience)",
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is from the future: one of the clocks is wrong",
    jwt.MissingRequiredClaimError: "a claim is missing",
}


def _key(keys: jwt.PyJWKSet, key_id: str | None) -> jwt.PyJWK:
    usable = [key for key in keys.keys if key.public_key_use in {None, "sig"}]
    fitting = [key for key in usable if key.key_id == key_id]
    if key_id is None and len(usable) == 1:
        fitting = usable
    if not fitting:
        raise jwt.PyJWKSetError("no such key")
    return fitting[0]


def _userinfo(discovery: Discovery, tokens: Mapping[str, Any], subject: str) -> dict[str, Any]:
    bearer = {"Authorization": f"Bearer {tokens.get('access_token', '')}"}
    answer = _ask(discovery.userinfo_endpoint, headers=bearer)
    if not answer.is_good or answer.body.get("sub") != subject:
        return {}
    names = ("email", "email_verified", "xms_edov", "name")
    return {name: answer.body[name] for name in names if name in answer.body}


def _email(claims: Mapping[str, Any]) -> str:
    email = UserManager.normalize_email(str(claims.get("email") or ""))
    if not email or email.count("@") != 1 or len(email) > 254:
        raise EmailMissing(
            "The provider does not say which e-mail address the person has.",
            "Let it send the claim “email”, in the ID token or at its userinfo address.",
        )
    # Microsoft Entra names it so: the owner of the domain is verified.
    if claims.get("email_verified", claims.get("xms_edov")) not in _TRUE:
        raise EmailUnverified(
            f"The provider does not say that {email} is verified.",
            "Let it send the claim “email_verified” (at Microsoft Entra: the optional claim "
            "“xms_edov”), and verify the address there.",
        )
    return email


def _token_wrong(why: str) -> TokenWrong:
    return TokenWrong(
        f"The provider's ID token is not good: {why}.",
        "Compare the issuer and the client id with the provider's page, then try again.",
    )


def _ask(address: str, **request: Any) -> Answer:
    try:
        return fetch(address, **request)
    except FetchFailed as error:
        raise IssuerUnreachable(
            str(error), "The provider does not answer this server: ask whoever runs it."
        ) from None
