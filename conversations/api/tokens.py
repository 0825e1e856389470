"""`/api/v1/tokens/`: tokens that an integrator's server mints for its own users.

What is Google's in it has Google's names and Google's meaning, so a body of `auth_tokens` can be
sent here as it is.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import exceptions, serializers, status
from rest_framework.generics import ListCreateAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.callers import Caller, EndUser
from accounts.credentials import CredentialUnusable
from accounts.limits import Limits
from accounts.roles import Permission
from conversations.access_tokens import InvalidToken, NotRevocable, Wanted, mint, revoke
from conversations.api.pagination import NewestFirst
from conversations.api.permissions import allowed, caller_of, of_callers_agents
from conversations.api.serializers import EndUserSerializer, end_user_of
from conversations.constraints import Unfit, read_mask, read_token_setup
from conversations.google_tokens import mint_google
from conversations.models import AccessToken, Agent, TokenState
from conversations.states import Medium
from live.errors import LiveError

MINTING: Final = allowed(Permission.MINT_TOKENS)
Kind = AccessToken.Kind
# Where the official SDKs use such tokens.
API_VERSION: Final = "v1alpha"
MOST_USES: Final = 2**31 - 1
# No conversation lasts for longer than a week, no budget is a million of anything.
MOST_MS: Final = 7 * 24 * 3600 * 1000
MOST_MICROS: Final = 10**12
# What a browser that talks to Google directly is not held to.
OURS_ALONE: Final = (
    "origins",
    "modalities",
    "limits",
    "bidiGenerateContentSetup",
    "fieldMask",
)


class CannotMint(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "There is no credential that a token of Google's can be made with."
    default_code = "no_developer_credential"


class GoogleRefused(exceptions.APIException):
    status_code = status.HTTP_502_BAD_GATEWAY
    default_detail = "Google did not make the token."
    default_code = "google_refused"


class NotTakenBack(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "Google takes no token back. It ends by itself at its `expireTime`."
    default_code = "token_not_revocable"


# --- What is sent ----------------------------------------------------------------------------


class TokenLimitsSerializer(serializers.Serializer[Any]):
    length_ms = serializers.IntegerField(
        min_value=1000,
        max_value=MOST_MS,
        required=False,
        help_text="How long each conversation may last.",
    )
    spend_micros = serializers.IntegerField(
        source="total_spend_micros",
        min_value=0,
        max_value=MOST_MICROS,
        required=False,
        help_text="What all of them together may cost, in millionths of the prices' currency.",
    )


@extend_schema_field({"type": "object", "additionalProperties": True})
class SetupField(serializers.JSONField):
    """Google's setup message, without its outer `setup`."""


class TokenSerializer(serializers.ModelSerializer[AccessToken]):
    """A token, as it may be shown."""

    state = serializers.SerializerMethodField()
    shown = serializers.CharField(
        source="text_shown", read_only=True, help_text="What may be shown of its text."
    )
    agent = serializers.UUIDField(
        source="agent_id", read_only=True, allow_null=True, help_text="Null: any agent."
    )
    expireTime = serializers.DateTimeField(source="expires_at", read_only=True)  # noqa: N815
    newSessionExpireTime = serializers.DateTimeField(  # noqa: N815 - Google's name
        source="new_session_expires_at", read_only=True
    )
    origins = serializers.ListField(child=serializers.CharField(), read_only=True)
    modalities = serializers.ListField(
        child=serializers.ChoiceField([str(medium) for medium in Medium]), read_only=True
    )
    limits = serializers.SerializerMethodField()
    user = serializers.SerializerMethodField()
    bidiGenerateContentSetup = SetupField(source="setup", read_only=True)  # noqa: N815
    fieldMask = serializers.SerializerMethodField()  # noqa: N815

    class Meta:
        model = AccessToken
        fields = (
            *("id", "kind", "state", "shown", "agent", "uses", "used"),
            *("expireTime", "newSessionExpireTime", "origins", "modalities", "limits", "user"),
            *("bidiGenerateContentSetup", "fieldMask", "minted_by", "created_at", "revoked_at"),
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField([str(state) for state in TokenState]))
    def get_state(self, token: AccessToken) -> str:
        return str(token.state_at(timezone.now()))

    @extend_schema_field(TokenLimitsSerializer)
    def get_limits(self, token: AccessToken) -> dict[str, int]:
        names = {"length_ms": "length_ms", "spend_micros": "total_spend_micros"}
        return {name: token.limits[key] for name, key in names.items() if key in token.limits}

    @extend_schema_field(EndUserSerializer(allow_null=True))
    def get_user(self, token: AccessToken) -> dict[str, str] | None:
        return end_user_of(token)

    @extend_schema_field(serializers.CharField())
    def get_fieldMask(self, token: AccessToken) -> str:  # noqa: N802
        return ",".join(token.field_mask)


@dataclass(frozen=True, slots=True)
class Shown:
    """A token that was minted just now, with its text."""

    token: AccessToken
    name: str
    base_url: str
    api_version: str
    model: str

    def __repr__(self) -> str:
        return f"<Shown {self.token.pk}>"


class MintedTokenSerializer(TokenSerializer):
    """A new token, with its secret, and how an SDK is told to use it."""

    name = serializers.SerializerMethodField(
        help_text="The token itself: its holder's API key. Shown this once."
    )
    baseUrl = serializers.SerializerMethodField(help_text="An SDK's `base_url`.")  # noqa: N815
    apiVersion = serializers.SerializerMethodField()  # noqa: N815
    model = serializers.SerializerMethodField(help_text="What to connect to.")

    class Meta:
        model = AccessToken
        fields = ("name", "baseUrl", "apiVersion", "model", *TokenSerializer.Meta.fields)
        read_only_fields = fields

    def get_name(self, token: AccessToken) -> str:
        return self.fresh.name

    def get_baseUrl(self, token: AccessToken) -> str:  # noqa: N802
        return self.fresh.base_url

    def get_apiVersion(self, token: AccessToken) -> str:  # noqa: N802
        return self.fresh.api_version

    def get_model(self, token: AccessToken) -> str:
        return self.fresh.model

    @property
    def fresh(self) -> Shown:
        found: Shown = self.context["fresh"]
        return found


class NewTokenSerializer(serializers.Serializer[Wanted]):
    """What a token is to be. `uses`, the times, the setup and its mask are Google's own."""

    kind = serializers.ChoiceField(
        Kind.values,
        default=Kind.PARLEY,
        help_text="`google`: one of Google's, for a browser that goes to Google directly.",
    )
    agent = serializers.UUIDField(help_text="Id of the agent that it is for.")
    uses = serializers.IntegerField(
        default=1,
        min_value=0,
        max_value=MOST_USES,
        help_text="How many conversations it may begin; 0: no limit. Continuing one is no use.",
    )
    expireTime = serializers.DateTimeField(  # noqa: N815 - Google's name
        source="expires_at",
        required=False,
        help_text="When what it began ends: less than 20 hours ahead; in 30 minutes if left out.",
    )
    newSessionExpireTime = serializers.DateTimeField(  # noqa: N815
        source="new_session_expires_at",
        required=False,
        help_text="Until when it begins conversations: for 60 seconds if left out.",
    )
    origins = serializers.ListField(
        child=serializers.CharField(max_length=253),
        max_length=20,
        default=list,
        help_text="Origins of the pages that may use it, as `https://shop.example`. Empty: all.",
    )
    modalities = serializers.ListField(
        child=serializers.ChoiceField([str(medium) for medium in Medium]),
        max_length=len(Medium),
        default=list,
        help_text="What its user may send. Empty: all.",
    )
    limits = TokenLimitsSerializer(required=False)
    user = EndUserSerializer(required=False, help_text="Who will talk.")
    bidiGenerateContentSetup = SetupField(required=False)  # noqa: N815
    fieldMask = serializers.CharField(  # noqa: N815
        required=False, allow_blank=True, max_length=4000
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == Kind.GOOGLE:
            said = [name for name in OURS_ALONE if name in self.initial_data]
            if said:
                text = "Google's tokens cannot hold this: leave it out, or mint one of Parley's."
                raise exceptions.ValidationError(
                    {name: [text] for name in said}, code="not_of_google"
                )
        return attrs

    def wanted(self, agent: Agent) -> Wanted:
        """Raises ValidationError."""
        data = self.validated_data
        user = data.get("user")
        return Wanted(
            agent=agent,
            uses=data["uses"],
            expires_at=data.get("expires_at"),
            new_session_expires_at=data.get("new_session_expires_at"),
            origins=data["origins"],
            media=[Medium(each) for each in dict.fromkeys(data["modalities"])],
            limits=Limits(**data.get("limits", {})),
            setup=in_field(
                "bidiGenerateContentSetup",
                read_token_setup,
                data.get("bidiGenerateContentSetup") or {},
            ),
            field_mask=in_field("fieldMask", read_mask, data.get("fieldMask", "")),
            end_user=EndUser(user["id"], user["name"]) if user else None,
        )


def in_field(name: str, read: Any, given: Any) -> Any:
    """What a reader of Google's shapes makes of a field. Raises ValidationError."""
    try:
        return read(given)
    except Unfit as error:
        raise exceptions.ValidationError({name: [str(error)]}) from None


class TokenFilterSerializer(serializers.Serializer[Any]):
    """The filters of the list."""

    agent = serializers.UUIDField(required=False, help_text="Id of an agent.")
    user = serializers.CharField(
        required=False, max_length=128, help_text="The application's own id of a user."
    )

    def lookups(self) -> dict[str, uuid.UUID | str]:
        names = {"agent": "agent_id", "user": "end_user"}
        return {names[name]: value for name, value in self.validated_data.items()}


# --- Endpoints -------------------------------------------------------------------------------


def tokens(request: Request) -> QuerySet[AccessToken]:
    """Those that the caller may know of."""
    caller = caller_of(request)
    rows = of_callers_agents(AccessToken.objects.all(), caller)
    return rows.filter(is_test=True) if caller.is_test else rows


@extend_schema_view(
    get=extend_schema(
        operation_id="tokens_list",
        summary="List tokens, newest first",
        parameters=[TokenFilterSerializer],
        responses={200: TokenSerializer(many=True)},
    ),
    post=extend_schema(
        operation_id="tokens_create",
        summary="Mint a token",
        request=NewTokenSerializer,
        responses={201: MintedTokenSerializer},
    ),
)
class TokenList(ListCreateAPIView[AccessToken]):
    permission_classes = [MINTING]
    narrowed_to_agents = True
    pagination_class = NewestFirst
    serializer_class = TokenSerializer

    def get_queryset(self) -> QuerySet[AccessToken]:
        wanted = TokenFilterSerializer(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        return tokens(self.request).filter(**wanted.lookups())

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = NewTokenSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        caller = caller_of(request)
        agent = agent_of(caller, asked.validated_data["agent"])
        make = minted_by_google if asked.validated_data["kind"] == Kind.GOOGLE else minted
        shown = make(caller, agent, asked.wanted(agent))
        return Response(
            MintedTokenSerializer(shown.token, context={"fresh": shown}).data,
            status=status.HTTP_201_CREATED,
            headers={"Cache-Control": "no-store"},
        )


def agent_of(caller: Caller, agent_id: uuid.UUID) -> Agent:
    """Raises ValidationError."""
    agent: Agent | None = Agent.objects.filter(pk=agent_id).first()
    if agent is None or not caller.reaches(agent.pk):
        raise exceptions.ValidationError({"agent": ["There is no such agent."]}, code="unknown")
    return agent


def minted(caller: Caller, agent: Agent, wanted: Wanted) -> Shown:
    """Raises ValidationError."""
    try:
        token, text = mint(caller, wanted, timezone.now())
    except InvalidToken as error:
        raise exceptions.ValidationError({error.field: [str(error)]}) from None
    return Shown(token, text, settings.PUBLIC_URL, API_VERSION, agent.slug)


def minted_by_google(caller: Caller, agent: Agent, wanted: Wanted) -> Shown:
    """Raises ValidationError, CannotMint and GoogleRefused."""
    try:
        made = mint_google(caller, agent, wanted, timezone.now())
    except InvalidToken as error:
        raise exceptions.ValidationError({error.field: [str(error)]}) from None
    except CredentialUnusable as error:
        raise CannotMint(f"{error} {error.fix}") from None
    except LiveError as error:
        # Without Google's own words: they are the tenant's admins' to see, at its credential.
        raise GoogleRefused(f"{error.diagnosis.summary} {error.fix}") from None
    return Shown(made.token, made.text, made.base_url, made.api_version, made.model)


@extend_schema_view(
    get=extend_schema(
        operation_id="tokens_retrieve",
        summary="One token",
        responses={200: TokenSerializer},
    )
)
class TokenDetail(RetrieveAPIView[AccessToken]):
    permission_classes = [MINTING]
    narrowed_to_agents = True
    serializer_class = TokenSerializer
    lookup_url_kwarg = "token_id"

    def get_queryset(self) -> QuerySet[AccessToken]:
        return tokens(self.request)


class TokenRevocation(TokenDetail):
    http_method_names = ("post", "options")

    @extend_schema(
        operation_id="tokens_revoke",
        summary="Revoke a token",
        description="It lets nobody in any more, its sockets are closed within two seconds, and"
        " what it began ends. Doing it again changes nothing.",
        request=None,
        responses={200: TokenSerializer},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        token = self.get_object()
        try:
            revoke(token, caller_of(request).actor)
        except NotRevocable:
            raise NotTakenBack from None
        token.refresh_from_db()
        return Response(self.get_serializer(token).data)
