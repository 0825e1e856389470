"""`POST /api/v1/tokens/{id}/transcripts/`: what was said to Google directly, kept with the rest."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from conversations import protocol as p
from conversations.api.permissions import caller_of
from conversations.api.serializers import ConversationSerializer
from conversations.api.tokens import MINTING, tokens
from conversations.models import AccessToken
from conversations.states import Speaker
from conversations.transcripts.posted import NotPostable, Told, keep_transcript

MOST_TURNS: Final = 2000
# An answer may be longer than what people type.
TURN_CHARS: Final = 4 * p.TEXT_CHARS
# A token lives for less than a day.
DAY_MS: Final = 24 * 3600 * 1000


class TranscriptNotPostable(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "This transcript cannot be kept."
    default_code = "transcript_not_postable"


class ToldTurnSerializer(serializers.Serializer[Any]):
    speaker = serializers.ChoiceField([str(Speaker.USER), str(Speaker.AGENT)])
    text = serializers.CharField(max_length=TURN_CHARS, trim_whitespace=False)
    start_ms = serializers.IntegerField(
        min_value=0, max_value=DAY_MS, help_text="Milliseconds since the conversation began."
    )
    end_ms = serializers.IntegerField(min_value=0, max_value=DAY_MS)
    interrupted = serializers.BooleanField(default=False)


class TranscriptSerializer(serializers.Serializer[Any]):
    """One conversation, in the order in which it was spoken."""

    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    turns = ToldTurnSerializer(many=True)

    def validate_turns(self, turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not turns or len(turns) > MOST_TURNS:
            raise exceptions.ValidationError(f"Send 1 to {MOST_TURNS} turns.", code="too_many")
        starts = [turn["start_ms"] for turn in turns]
        if starts != sorted(starts) or any(turn["end_ms"] < turn["start_ms"] for turn in turns):
            raise exceptions.ValidationError("Turns are in order and end after they begin.")
        return turns

    def told(self) -> list[Told]:
        return [
            Told(**{**turn, "speaker": Speaker(turn["speaker"])})
            for turn in self.validated_data["turns"]
        ]


class TranscriptPosting(GenericAPIView[AccessToken]):
    permission_classes = [MINTING]
    narrowed_to_agents = True
    serializer_class = TranscriptSerializer
    lookup_url_kwarg = "token_id"

    def get_queryset(self) -> QuerySet[AccessToken]:
        return tokens(self.request)

    @extend_schema(
        operation_id="tokens_transcripts_create",
        summary="Post what was said to Google directly",
        description="For a conversation that was held with a token of kind `google`. Send it with"
        " an `Idempotency-Key`: each counts as one of the token's uses.",
        responses={201: ConversationSerializer},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        token = self.get_object()
        posted = TranscriptSerializer(data=request.data)
        posted.is_valid(raise_exception=True)
        try:
            row = keep_transcript(
                token,
                posted.told(),
                posted.validated_data["started_at"],
                posted.validated_data["ended_at"],
                actor=caller_of(request).actor,
                now=timezone.now(),
            )
        except NotPostable as error:
            raise TranscriptNotPostable(str(error)) from None
        return Response(ConversationSerializer(row).data, status=status.HTTP_201_CREATED)
