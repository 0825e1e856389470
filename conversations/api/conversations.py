"""`/api/v1/conversations/`: found, begun, ended."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import exceptions, serializers, status
from rest_framework.generics import ListCreateAPIView, RetrieveDestroyAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.roles import Permission
from conversations import protocol as p
from conversations.api.pagination import NewestFirst
from conversations.api.permissions import allowed, caller_of, of_callers_agents
from conversations.api.reaching import let_in
from conversations.api.schema import INVALID, UNKNOWN, problems
from conversations.api.serializers import ConversationSerializer, EndUserSerializer
from conversations.ending import end_for_staff
from conversations.models import Conversation, Tag
from conversations.retention import ErasureRefused, erase_conversation
from conversations.search import MOST_CHARS, with_words
from conversations.states import ConversationState, EndReason

READ: Final = (Permission.READ_API, Permission.REVIEW_CONVERSATIONS)
READING: Final = allowed(*READ)

EXAMPLE: Final = OpenApiExample(
    "One that has ended",
    response_only=True,
    value={
        "id": "019ab2f4-6c51-7c03-9a6e-5d1c7f7be0a1",
        "agent": {"id": "019ab2e0-1d3f-7b52-8f3e-0d2a4b6c8e01", "name": "Shop assistant"},
        "user": None,
        "end_user": {"id": "customer-4711", "name": "Ada"},
        "state": "ended",
        "started_at": "2026-11-23T10:00:00Z",
        "ended_at": "2026-11-23T10:04:10Z",
        "duration_ms": 250000,
        "end_reason": "user-left",
        "first_words": "Do you have size 42?",
        "is_test": False,
        "tags": ["shoes"],
    },
)


def conversations(request: Request) -> QuerySet[Conversation]:
    """Those that the caller may see, with what an answer names."""
    rows = Conversation.objects.select_related("agent", "user").prefetch_related("tags")
    return of_callers_agents(rows, caller_of(request))


class OfConversation(APIView):
    """A view of what belongs to the conversation in its address."""

    permission_classes = [READING]
    narrowed_to_agents = True

    def conversation(self) -> Conversation:
        """Raises Http404 for one that the caller may not know of."""
        rows = of_callers_agents(Conversation.objects.all(), caller_of(self.request))
        return get_object_or_404(rows, pk=self.kwargs["conversation_id"])


class NotErasable(exceptions.APIException):
    """Its code says why; see `conversations.retention.holds`."""

    status_code = status.HTTP_409_CONFLICT


# --- What is sent -----------------------------------------------------------------------------


class ConversationFilterSerializer(serializers.Serializer[Any]):
    """The filters of the list; all of them have to hold."""

    agent = serializers.UUIDField(required=False, help_text="Id of an agent.")
    user = serializers.UUIDField(required=False, help_text="Id of the member who talked.")
    end_user = serializers.CharField(
        required=False, max_length=128, help_text="The application's own id of its user."
    )
    state = serializers.ChoiceField(
        choices=[str(state) for state in ConversationState], required=False
    )
    end_reason = serializers.ChoiceField(
        choices=[str(reason) for reason in EndReason], required=False
    )
    since = serializers.DateTimeField(required=False, help_text="Began at this time or later.")
    until = serializers.DateTimeField(required=False, help_text="Began before this time.")
    tag = serializers.CharField(
        required=False, max_length=Tag.MOST_CHARS, help_text="Has this tag."
    )
    text = serializers.CharField(
        required=False,
        max_length=MOST_CHARS,
        help_text='In one turn of it this was said: whole words, all of them; `"two words"` beside'
        " each other, `or`, and `-word` for one that is not there.",
    )

    def validate_tag(self, name: str) -> str:
        return name.lower()

    def rows(self, rows: QuerySet[Conversation]) -> QuerySet[Conversation]:
        """Those of the rows that are wanted."""
        said: dict[str, Any] = dict(self.validated_data)
        text, tag = said.pop("text", None), said.pop("tag", None)
        rows = rows.filter(**{LOOKUPS.get(name, name): value for name, value in said.items()})
        if tag is not None:
            rows = rows.filter(pk__in=Tag.objects.filter(name=tag).values("conversation"))
        return rows if text is None else with_words(rows, text)


LOOKUPS: Final = {
    "agent": "agent_id",
    "user": "user_id",
    "since": "started_at__gte",
    "until": "started_at__lt",
}


class NewConversationSerializer(serializers.Serializer[Any]):
    """What to begin."""

    agent = serializers.UUIDField(help_text="Id of the agent to talk with.")
    end_user = EndUserSerializer(required=False, help_text="For whom of the application's users.")
    consent = serializers.CharField(
        required=False,
        max_length=64,
        help_text="The version of the text by which that user agreed to be recorded.",
    )
    draft = serializers.BooleanField(
        default=False, help_text="Try what the agent's editors have not published."
    )

    def first_message(self) -> p.Start:
        """As a socket would ask for it. Its sender stands in no line."""
        said = self.validated_data
        return p.Start(
            agent=str(said["agent"]),
            wait=False,
            draft=said["draft"],
            consent=said.get("consent"),
        )


# --- Endpoints --------------------------------------------------------------------------------


@extend_schema_view(
    get=extend_schema(
        operation_id="conversations_list",
        summary="List conversations, newest first",
        parameters=[ConversationFilterSerializer],
        responses={200: ConversationSerializer(many=True), **problems(e400=INVALID)},
        examples=[EXAMPLE],
    ),
    post=extend_schema(
        operation_id="conversations_create",
        summary="Begin a conversation",
        description="It waits until something is said in it: by `POST …/messages/`, on `…/stream/`,"
        " or by a page that resumes it on a socket. What is answered stands in `…/turns/`.",
        request=NewConversationSerializer,
        responses={201: ConversationSerializer, **problems(e503="There is no room at the moment.")},
        examples=[
            OpenApiExample(
                "For a user of the application",
                request_only=True,
                value={
                    "agent": "019ab2e0-1d3f-7b52-8f3e-0d2a4b6c8e01",
                    "end_user": {"id": "customer-4711", "name": "Ada"},
                },
            )
        ],
    ),
)
class ConversationList(ListCreateAPIView[Conversation]):
    permission_classes = [allowed(*READ, changing=[Permission.TALK])]
    narrowed_to_agents = True
    keeps_answer_with_change = True
    pagination_class = NewestFirst
    serializer_class = ConversationSerializer

    def get_queryset(self) -> QuerySet[Conversation]:
        wanted = ConversationFilterSerializer(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        return wanted.rows(conversations(self.request))

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = NewConversationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user = asked.validated_data.get("end_user")
        if user and not caller_of(request).may(Permission.WRITE_API):
            raise exceptions.PermissionDenied  # who only talks does so for themselves
        with transaction.atomic():
            admitted = let_in(request, asked.first_message())
            begun = Conversation.objects.filter(pk=admitted.conversation_id)
            if user:
                begun.update(end_user=user["id"], end_user_name=user["name"])
        body = self.get_serializer(begun.select_related("agent", "user").get()).data
        place = reverse("api-conversation", args=[admitted.conversation_id], request=request)
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": place})


@extend_schema_view(
    get=extend_schema(
        operation_id="conversations_retrieve",
        summary="One conversation",
        responses={200: ConversationSerializer, **problems(e404=UNKNOWN)},
        examples=[EXAMPLE],
    ),
    delete=extend_schema(
        operation_id="conversations_erase",
        summary="Erase a conversation",
        description="With all that is kept of it: turns, sound, events, notes, tags. It does not "
        "come back. What was used on its day stays as a number.",
        responses={204: None, **problems(e404=UNKNOWN, e409="It runs, or a legal hold covers it.")},
    ),
)
class ConversationDetail(RetrieveDestroyAPIView[Conversation]):
    permission_classes = [allowed(*READ, changing=[Permission.ERASE])]
    narrowed_to_agents = True
    serializer_class = ConversationSerializer
    lookup_url_kwarg = "conversation_id"

    def get_queryset(self) -> QuerySet[Conversation]:
        return conversations(self.request)

    def perform_destroy(self, instance: Conversation) -> None:
        try:
            erase_conversation(instance, actor=caller_of(self.request).actor)
        except ErasureRefused as error:
            raise NotErasable(str(error), error.code) from None


class ConversationEnd(OfConversation):
    permission_classes = [allowed(Permission.WRITE_API)]

    @extend_schema(
        operation_id="conversations_end",
        summary="End a conversation",
        description="Its `end_reason` becomes `staff-ended`: at once if nobody hosts it, otherwise"
        " within two seconds. Asking again, and of one that has ended, changes nothing.",
        request=None,
        responses={202: None, **problems(e404=UNKNOWN)},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # No body: who may end a conversation may not yet read it.
        end_for_staff(self.conversation(), caller_of(request).actor)
        return Response(status=status.HTTP_202_ACCEPTED)
