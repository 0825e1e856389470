"""`/api/v1/agents/`: whom people talk to. What they say, and how, is changed in a draft, and holds
for new conversations once that is published; all else holds at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import exceptions, serializers, status
from rest_framework.generics import (
    GenericAPIView,
    ListAPIView,
    ListCreateAPIView,
    RetrieveUpdateAPIView,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import User
from accounts.roles import Permission
from conversations.api.conditional import IfMatch
from conversations.api.pagination import KeysetPagination, NewestFirst
from conversations.api.permissions import AgentsOnly, allowed, caller_of, of_callers_agents
from conversations.api.schema import problems
from conversations.models import Agent, AgentVersion
from conversations.versions import (
    VERSIONED,
    content_of,
    draft_of,
    drop_draft,
    publish,
    save_draft,
)
from conversations.wishes import LABELS

State = AgentVersion.State
MOST_PROMPT_CHARS: Final = 100_000
SLUG_TAKEN: Final = "Another agent has it."


class NoDraft(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "Nothing waits to be published. Change the agent first, or name a version."
    default_code = "no_draft"


# --- What it says -----------------------------------------------------------------------------


class ContentSerializer(serializers.ModelSerializer[Agent]):
    """What a version has."""

    class Meta:
        model = Agent
        fields: tuple[str, ...] = VERSIONED
        extra_kwargs: dict[str, dict[str, Any]] = {
            "prompt": {"max_length": MOST_PROMPT_CHARS, "trim_whitespace": False},
            "model": {"help_text": "Name of a Gemini Live model."},
            "voice": {"help_text": "Name of one of its voices."},
        }


class DraftSerializer(ContentSerializer):
    """What is not published yet."""

    number = serializers.IntegerField()

    class Meta(ContentSerializer.Meta):
        fields = ("number", *VERSIONED)


class AgentSerializer(ContentSerializer):
    """An agent, as new conversations have it; `draft` is what its editors work on."""

    open_to_callers = serializers.MultipleChoiceField(
        choices=list(LABELS), required=False, help_text="What programs may set over the Live API."
    )
    version = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Number of what is published."
    )
    draft = serializers.SerializerMethodField()

    class Meta(ContentSerializer.Meta):
        fields = (
            *("id", "slug", "name", "description", *VERSIONED, "recording", "open_to_callers"),
            *("version", "draft", "created_at"),
        )
        read_only_fields = ("id", "version", "draft", "created_at")

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        # The constraint names the tenant too, which is nothing that is sent.
        fields["slug"].validators = [
            each for each in fields["slug"].validators if not hasattr(each, "queryset")
        ]
        return fields

    def get_validators(self) -> list[Any]:
        return []

    def validate_slug(self, slug: str) -> str:
        others = Agent.objects.filter(slug=slug)
        if self.instance is not None:
            others = others.exclude(pk=self.instance.pk)
        if others.exists():
            raise serializers.ValidationError(SLUG_TAKEN, "unique")
        return slug

    def validate_open_to_callers(self, parts: set[str]) -> list[str]:
        return [part for part in LABELS if part in parts]

    def to_representation(self, instance: Agent) -> dict[str, Any]:
        told: dict[str, Any] = super().to_representation(instance)
        # A set has no order, and an ETag needs one.
        return {**told, "open_to_callers": list(instance.open_to_callers)}

    @extend_schema_field(DraftSerializer(allow_null=True))
    def get_draft(self, agent: Agent) -> dict[str, Any] | None:
        draft = next(iter(agent.drafts), None) if hasattr(agent, "drafts") else draft_of(agent)
        if draft is None:
            return None
        return {"number": draft.number, **{name: draft.content.get(name, "") for name in VERSIONED}}


class VersionSerializer(serializers.ModelSerializer[AgentVersion]):
    """What an agent was told and how it spoke. Versions never change, but for their `state`."""

    # Not from the column: databases have other bounds for it.
    number = serializers.IntegerField(read_only=True)

    class Meta:
        model = AgentVersion
        fields = ("number", "state", *VERSIONED, "created_at", "published_at")

    prompt = serializers.CharField(source="content.prompt", default="")
    model = serializers.CharField(source="content.model", default="")
    voice = serializers.CharField(source="content.voice", default="")
    modality = serializers.ChoiceField(
        Agent.Modality.choices, source="content.modality", default=Agent.Modality.AUDIO
    )


class PublishSerializer(serializers.Serializer[Any]):
    """What to publish."""

    version = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="Number of an older version, to go back to it. Left out: the draft.",
    )


def split(data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What holds at once, and what a version has."""
    content = {name: str(data.pop(name)) for name in VERSIONED if name in data}
    return data, content


EXAMPLE: Final = OpenApiExample(
    "A shop's assistant",
    request_only=True,
    value={
        "slug": "shop",
        "name": "Shop assistant",
        "prompt": "You help customers of a shoe shop. Be brief.",
        "voice": "Kore",
    },
)
CHANGE: Final = OpenApiExample(
    "Another voice", request_only=True, value={"voice": "Puck", "description": "Sells shoes."}
)


# --- Endpoints --------------------------------------------------------------------------------


class NewestVersionFirst(KeysetPagination):
    ordering = ("-number",)


class Agents(GenericAPIView[Agent]):
    permission_classes = [
        allowed(Permission.READ_API, changing=[Permission.WRITE_API, Permission.MANAGE_AGENTS])
    ]
    narrowed_to_agents = True
    keeps_answer_with_change = True
    serializer_class = AgentSerializer
    lookup_url_kwarg = "agent_id"

    def get_queryset(self) -> QuerySet[Agent]:
        return of_callers_agents(agents(), caller_of(self.request), "pk")

    def answer(self, agent: Agent, **said: Any) -> Response:
        told = agents().get(pk=agent.pk)
        return Response(AgentSerializer(told).data, **said)


def agents() -> QuerySet[Agent]:
    versions = AgentVersion.objects.filter(agent=OuterRef("pk"), state=State.PUBLISHED)
    newest = versions.order_by("-number").values("number")[:1]
    drafts = Prefetch("versions", AgentVersion.objects.filter(state=State.DRAFT), "drafts")
    rows: QuerySet[Agent] = Agent.objects.annotate(version=Subquery(newest))
    return rows.prefetch_related(drafts)


def check_changes(caller: Caller, *, all_agents: bool = False) -> None:
    """A key for tests changes nothing that people talk to. Raises AgentsOnly."""
    if caller.is_test or (all_agents and caller.agents is not None):
        raise AgentsOnly


def editor_of(caller: Caller) -> User | None:
    """Whom a version names; programs are in the audit."""
    return User.objects.filter(pk=caller.user_id).first() if caller.user_id else None


@extend_schema_view(
    get=extend_schema(
        operation_id="agents_list",
        summary="List agents, newest first",
        responses={200: AgentSerializer(many=True)},
    ),
    post=extend_schema(
        operation_id="agents_create",
        summary="Add an agent",
        description="It is published as it is.",
        responses={201: AgentSerializer},
        examples=[EXAMPLE],
    ),
)
class AgentList(Agents, ListCreateAPIView[Agent]):
    pagination_class = NewestFirst

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        caller = caller_of(request)
        check_changes(caller, all_agents=True)
        asked = AgentSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        with one_slug(), transaction.atomic():
            agent = asked.save()
            publish(agent, content_of(agent), editor_of(caller), timezone.now())
            record("agent.created", agent, actor=caller.actor, after={"slug": agent.slug})
        place = reverse("api-agent", args=[agent.pk], request=request)
        return self.answer(agent, status=status.HTTP_201_CREATED, headers={"Location": place})


@extend_schema_view(
    get=extend_schema(
        operation_id="agents_retrieve", summary="One agent", responses={200: AgentSerializer}
    ),
    patch=extend_schema(
        operation_id="agents_update",
        summary="Change an agent",
        description=f"`{'`, `'.join(VERSIONED)}` go into the draft, which nobody talks to until it"
        " is published; the other fields hold at once. With `If-Match` nobody's change is lost.",
        responses={200: AgentSerializer},
        examples=[CHANGE],
    ),
)
class AgentDetail(IfMatch, Agents, RetrieveUpdateAPIView[Agent]):
    http_method_names = ("get", "patch", "head", "options")

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        caller = caller_of(request)
        check_changes(caller)
        agent = self.get_object()
        asked = AgentSerializer(agent, data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        at_once, content = split(dict(asked.validated_data))
        with one_slug(), transaction.atomic():
            if at_once:
                change(agent, at_once, caller)
            if content:
                change_draft(agent, content, caller)
        return self.answer(agent)


@contextmanager
def one_slug() -> Iterator[None]:
    """Somebody may have taken the slug since it was looked at. Raises ValidationError."""
    try:
        yield
    except IntegrityError as error:
        if "slug" not in str(error):
            raise
        raise serializers.ValidationError({"slug": [SLUG_TAKEN]}, "unique") from None


def change(agent: Agent, values: dict[str, Any], caller: Caller) -> None:
    """Set columns that no version has."""
    before = {name: getattr(agent, name) for name in values}
    for name, value in values.items():
        setattr(agent, name, value)
    agent.save(update_fields=list(values))
    record("agent.changed", agent, actor=caller.actor, before=before, after=values)


def change_draft(agent: Agent, content: dict[str, str], caller: Caller) -> None:
    draft = draft_of(agent)
    before = draft.content if draft is not None else content_of(Agent.objects.get(pk=agent.pk))
    wanted = {**before, **content}
    if wanted == before:
        return
    version = save_draft(agent, wanted, editor_of(caller), timezone.now())
    record("agent.draft-saved", agent, actor=caller.actor, after={"number": version.number})


class AgentPublication(IfMatch, Agents):
    @extend_schema(
        operation_id="agents_publish",
        summary="Publish the draft, or go back to an older version",
        description="New conversations run with it; those that run keep theirs.",
        request=PublishSerializer,
        responses={200: AgentSerializer, **problems(e409="There is no draft.")},
        examples=[
            OpenApiExample("The draft", request_only=True, value={}),
            OpenApiExample("Back to version 3", request_only=True, value={"version": 3}),
        ],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        caller, agent = caller_of(request), self.get_object()
        check_changes(caller)
        asked = PublishSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        version = chosen_version(agent, asked.validated_data.get("version"))
        published = publish(agent, version.content, editor_of(caller), timezone.now())
        after = {"number": published.number, "as": version.number}
        record("agent.published", agent, actor=caller.actor, after=after)
        return self.answer(agent)


class AgentDraft(IfMatch, Agents):
    @extend_schema(
        operation_id="agents_draft_drop",
        summary="Let go of the draft",
        responses={204: None, **problems(e409="There is no draft.")},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        caller, agent = caller_of(request), self.get_object()
        check_changes(caller)
        if not drop_draft(agent):
            raise NoDraft
        record("agent.draft-dropped", agent, actor=caller.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


def chosen_version(agent: Agent, number: int | None) -> AgentVersion:
    """The draft, or the version of a number. Raises NoDraft and ValidationError."""
    if number is None:
        draft = draft_of(agent)
        if draft is None:
            raise NoDraft
        return draft
    found: AgentVersion | None = agent.versions.filter(number=number).first()
    if found is None:
        text = "The agent has no such version."
        raise serializers.ValidationError({"version": [text]}, "does_not_exist")
    return found


@extend_schema_view(
    get=extend_schema(
        operation_id="agents_versions_list",
        summary="List an agent's versions, newest first",
        responses={200: VersionSerializer(many=True)},
    )
)
class AgentVersionList(ListAPIView[AgentVersion]):
    permission_classes = [allowed(Permission.READ_API)]
    narrowed_to_agents = True
    pagination_class = NewestVersionFirst
    serializer_class = VersionSerializer

    def get_queryset(self) -> QuerySet[AgentVersion]:
        rows = of_callers_agents(Agent.objects.all(), caller_of(self.request), "pk")
        agent = get_object_or_404(rows, pk=self.kwargs["agent_id"])
        return AgentVersion.objects.filter(agent=agent)
