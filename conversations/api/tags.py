"""`…/tags/`: words by which conversations are found again."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Count, QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit import record
from accounts.roles import Permission
from conversations.api.conversations import READ, READING, OfConversation
from conversations.api.permissions import allowed, caller_of
from conversations.api.schema import UNKNOWN, problems
from conversations.models import Conversation, Tag

MOST_ON_ONE: Final = 50
MOST_LISTED: Final = 500
FORM: Final = r"^[^\W_][\w .:+-]{0,39}$"


class TooManyTags(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = f"A conversation has at most {MOST_ON_ONE} tags. Take one away first."
    default_code = "too_many_tags"


class TagSerializer(serializers.ModelSerializer[Tag]):
    """A tag on a conversation. Kept in small letters."""

    name = serializers.RegexField(
        FORM,
        max_length=Tag.MOST_CHARS,
        help_text="Letters, digits, spaces and `_ . : + -`; it begins with a letter or a digit.",
    )

    class Meta:
        model = Tag
        fields = ("name", "added_by", "created_at")
        read_only_fields = ("added_by", "created_at")

    def validate_name(self, name: str) -> str:
        return name.lower()[: Tag.MOST_CHARS]


class TagUseSerializer(serializers.Serializer[Any]):
    """A tag, and on how many conversations it is."""

    name = serializers.CharField()
    conversations = serializers.IntegerField()


class TagsSerializer(serializers.Serializer[Any]):
    results = TagUseSerializer(many=True)


class TagsOfConversationSerializer(serializers.Serializer[Any]):
    results = TagSerializer(many=True)


class TagUseList(APIView):
    permission_classes = [READING]

    @extend_schema(
        operation_id="tags_list",
        summary="List the tags that are in use",
        description=f"The {MOST_LISTED} on most conversations.",
        responses={200: TagsSerializer},
        examples=[
            OpenApiExample(
                "Two tags",
                response_only=True,
                value={
                    "results": [
                        {"name": "complaint", "conversations": 12},
                        {"name": "shoes", "conversations": 3},
                    ]
                },
            )
        ],
    )
    def get(self, request: Request) -> Response:
        names = Tag.objects.order_by().values("name").annotate(conversations=Count("pk"))
        return Response({"results": list(names.order_by("-conversations", "name")[:MOST_LISTED])})


class OfTags(OfConversation):
    permission_classes = [allowed(*READ, changing=[Permission.ANNOTATE])]
    keeps_answer_with_change = True

    def tags(self, conversation: Conversation) -> QuerySet[Tag]:
        return Tag.objects.filter(conversation=conversation)


class TagList(OfTags):
    @extend_schema(
        operation_id="conversations_tags_list",
        summary="The tags of a conversation",
        responses={200: TagsOfConversationSerializer, **problems(e404=UNKNOWN)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.tags(self.conversation())
        return Response({"results": TagSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="conversations_tags_create",
        summary="Put a tag on a conversation",
        description="One that is there already stays as it is.",
        request=TagSerializer,
        responses={201: TagSerializer, **problems(e409="It has as many tags as it may.")},
        examples=[OpenApiExample("A tag", request_only=True, value={"name": "complaint"})],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        conversation, actor = self.conversation(), caller_of(request).actor
        asked = TagSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        name, rows = asked.validated_data["name"], self.tags(conversation)
        if not rows.filter(name=name).exists() and rows.count() >= MOST_ON_ONE:
            raise TooManyTags
        tag, is_new = Tag.objects.get_or_create(
            conversation=conversation, name=name, defaults={"added_by": actor}
        )
        if is_new:
            record("conversation.tagged", conversation, actor=actor, after={"tag": name})
        return Response(TagSerializer(tag).data, status=status.HTTP_201_CREATED)


class TagDetail(OfTags):
    @extend_schema(
        operation_id="conversations_tags_destroy",
        summary="Take a tag off a conversation",
        parameters=[OpenApiParameter("name", str, OpenApiParameter.PATH, description="The tag.")],
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        conversation, name = self.conversation(), self.kwargs["name"].lower()
        if "\0" in name or not self.tags(conversation).filter(name=name).delete()[0]:
            raise Http404
        actor = caller_of(request).actor
        record("conversation.untagged", conversation, actor=actor, before={"tag": name})
        return Response(status=status.HTTP_204_NO_CONTENT)
