"""`/api/v1/webhooks/`: where events are sent to, what became of them, and sending them again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import exceptions, serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.audit import record
from accounts.keyset import KeysetError
from accounts.roles import Permission
from conversations.api.conditional import IfMatch
from conversations.api.pagination import NewestFirst
from conversations.api.permissions import allowed, caller_of
from conversations.api.schema import problems
from conversations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookKind
from conversations.models.webhooks import URL_CHARS
from conversations.webhooks.endpoints import (
    BOTH_SIGN_FOR,
    MOST_BOTH_SIGN_FOR,
    AddressRefused,
    EndpointOff,
    TooManyEndpoints,
    check_address,
    check_room,
    delete_endpoint,
    give_secret,
    public_keys,
    replay,
    replay_failed,
    rotate,
    send_test,
    switch,
)

HOUR = timedelta(hours=1)
OFF = "The webhook is off: turn it on first."

# --- Problems ---------------------------------------------------------------------------------


class Off(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = str(EndpointOff())
    default_code = "webhook_off"


class TooMany(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = str(TooManyEndpoints())
    default_code = "too_many_webhooks"


class StillWaits(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "The delivery waits for its next try: it is sent by itself."
    default_code = "delivery_waits"


class CannotSeal(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "No secret can be sealed now. Tell the operator of this service."
    default_code = "secrets_locked"


# --- What is said -----------------------------------------------------------------------------


class KindField(serializers.ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=WebhookKind.choices, **kwargs)


def kinds_field(**kwargs: Any) -> Any:
    return serializers.ListField(
        child=KindField(),
        allow_empty=False,
        max_length=len(WebhookKind.choices),
        help_text="What it is told of.",
        **kwargs,
    )


class WebhookSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """An address that events are sent to."""

    url = serializers.CharField(read_only=True)
    kinds = kinds_field(read_only=True)
    signing = serializers.ChoiceField(
        choices=WebhookEndpoint.Signing.choices,
        read_only=True,
        help_text="`v1`: HMAC-SHA256 with a shared secret. `v1a`: ed25519.",
    )
    public_keys = serializers.SerializerMethodField(
        help_text="Of `v1a`: the keys that signatures are made with now, the newest first."
    )
    off_reason = serializers.ChoiceField(
        choices=WebhookEndpoint.Off.choices, read_only=True, allow_blank=True
    )
    failing_since = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="The first failure after the last success; null when the last one arrived.",
    )

    class Meta:
        model = WebhookEndpoint
        fields: Sequence[str] = [
            *("id", "name", "url", "kinds", "signing", "public_keys", "is_on", "off_reason"),
            *("off_at", "failing_since", "created_at"),
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_public_keys(self, row: WebhookEndpoint) -> list[str]:
        return public_keys(row, timezone.now())


class SecretWebhookSerializer(WebhookSerializer):
    """The same, with what its receiver needs."""

    secret = serializers.SerializerMethodField(
        help_text="The signing secret, shown this once; null for `v1a`, whose public key is in "
        "`public_keys`."
    )

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_secret(self, row: WebhookEndpoint) -> str | None:
        return None if row.public_key else self.context["shown"]


class WebhookChangeSerializer(serializers.Serializer[Any]):
    """What may be changed of one."""

    name = serializers.CharField(max_length=100, required=False)
    url = serializers.CharField(
        max_length=URL_CHARS,
        required=False,
        help_text="https://…, of one of the organisation's allowed hosts.",
    )
    kinds = kinds_field(required=False)
    is_on = serializers.BooleanField(required=False)

    def validate_url(self, url: str) -> str:
        try:
            check_address(self.context["tenant_id"], url)
        except AddressRefused as refused:
            raise serializers.ValidationError(str(refused), refused.code) from None
        return url

    def validate_kinds(self, kinds: list[str]) -> list[str]:
        return list(dict.fromkeys(kinds))


class NewWebhookSerializer(WebhookChangeSerializer):
    """What to make."""

    name = serializers.CharField(max_length=100)
    url = serializers.CharField(
        max_length=URL_CHARS, help_text="https://…, of one of the organisation's allowed hosts."
    )
    kinds = kinds_field()
    signing = serializers.ChoiceField(
        choices=WebhookEndpoint.Signing.choices, default=WebhookEndpoint.Signing.HMAC
    )
    is_on = None  # type: ignore[assignment]


class RotationSerializer(serializers.Serializer[Any]):
    """How the change-over goes."""

    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=MOST_BOTH_SIGN_FOR // HOUR,
        default=BOTH_SIGN_FOR // HOUR,
        help_text="For so long there is a signature by each of the two secrets.",
    )


class AttemptSerializer(serializers.ModelSerializer[WebhookAttempt]):
    """One try."""

    status = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The answer's; null when there was none."
    )
    fault = serializers.CharField(read_only=True, help_text="What went wrong, for programs.")

    class Meta:
        model = WebhookAttempt
        fields = ["at", "took_ms", "status", "fault", "summary"]
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """One event for one webhook, and how its tries went, the newest first."""

    kind = serializers.CharField(source="event.kind", read_only=True)
    webhook_id = serializers.CharField(
        source="event.message_id",
        read_only=True,
        help_text="What the header of this name holds, in every try.",
    )
    happened_at = serializers.DateTimeField(source="event.happened_at", read_only=True)
    next_try_at = serializers.SerializerMethodField()
    attempts = AttemptSerializer(many=True, read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            *("id", "kind", "webhook_id", "happened_at", "state", "tries", "next_try_at"),
            *("ended_at", "attempts"),
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_try_at(self, row: WebhookDelivery) -> Any:
        waits = row.state == WebhookDelivery.State.WAITING
        return serializers.DateTimeField().to_representation(row.due_at) if waits else None


class ReplaySerializer(serializers.Serializer[Any]):
    """Which ones."""

    since = serializers.DateTimeField(help_text="Of what happened from then on.")


class ReplayedSerializer(serializers.Serializer[Any]):
    """How many are sent again."""

    deliveries = serializers.IntegerField()


# --- Endpoints --------------------------------------------------------------------------------


class Webhooks(GenericAPIView[Any]):
    permission_classes = [allowed(Permission.MANAGE_WEBHOOKS)]
    serializer_class: Any = WebhookSerializer
    lookup_url_kwarg = "webhook_id"

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        return WebhookEndpoint.objects.all()

    def read(self, kind: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """What was sent, found valid."""
        tenant_id = caller_of(self.request).tenant_id
        asked = kind(data=self.request.data, context={"tenant_id": tenant_id})
        asked.is_valid(raise_exception=True)
        said: dict[str, Any] = asked.validated_data
        return said

    def with_secret(self, row: WebhookEndpoint, shown: str) -> Any:
        context = {**self.get_serializer_context(), "shown": shown}
        return SecretWebhookSerializer(row, context=context).data


class WebhookList(Webhooks):
    pagination_class = NewestFirst
    keeps_answer_with_change = True

    @extend_schema(
        operation_id="webhooks_list",
        summary="List webhooks, newest first",
        responses={200: WebhookSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="webhooks_create",
        summary="Add a webhook",
        description="Its answer holds the signing secret, this once.",
        request=NewWebhookSerializer,
        responses={
            201: SecretWebhookSerializer,
            **problems(e409="There are as many as there may be.", e503="No secret can be sealed."),
        },
    )
    def post(self, request: Request) -> Response:
        said, caller = self.read(NewWebhookSerializer), caller_of(request)
        row = WebhookEndpoint(tenant_id=caller.tenant_id, **said)
        try:
            check_room()
            shown = give_secret(row, timezone.now())
        except TooManyEndpoints:
            raise TooMany from None
        except KeysetError:
            raise CannotSeal from None
        with transaction.atomic():
            row.save(force_insert=True)
            record("webhookendpoint.created", row, actor=caller.actor, after=said)
        place = reverse("api-webhook", args=[row.pk], request=request)
        body = self.with_secret(row, shown)
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": place})


class WebhookDetail(IfMatch, Webhooks):
    @extend_schema(
        operation_id="webhooks_retrieve", summary="One webhook", responses={200: WebhookSerializer}
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        operation_id="webhooks_partial_update",
        summary="Change a webhook",
        description="`is_on` turns it off, and on again: then what waits is sent.",
        request=WebhookChangeSerializer,
        responses={200: WebhookSerializer},
    )
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        row = self.get_object()
        said = self.read(WebhookChangeSerializer)
        before = {name: getattr(row, name) for name in said}
        changed = {name: value for name, value in said.items() if value != before[name]}
        for name, value in changed.items():
            setattr(row, name, value)
        names = list(changed)
        if "is_on" in changed:
            switch(row, timezone.now())
            names += ["off_reason", "off_at", "failing_since"]
        with transaction.atomic():
            row.save(update_fields=names)
            record(
                "webhookendpoint.changed",
                row,
                actor=caller_of(request).actor,
                before={name: before[name] for name in changed},
                after=changed,
            )
        return Response(self.get_serializer(row).data)

    @extend_schema(
        operation_id="webhooks_destroy",
        summary="Delete a webhook",
        description="With all that is kept of what was sent there.",
        responses={204: None},
    )
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        delete_endpoint(self.get_object(), caller_of(request).actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookRotation(Webhooks):
    keeps_answer_with_change = True

    @extend_schema(
        operation_id="webhooks_rotate",
        summary="Make a new signing secret",
        description="For a while there are two signatures, one by each secret.",
        request=RotationSerializer,
        responses={200: SecretWebhookSerializer, **problems(e503="No secret can be sealed.")},
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        row = self.get_object()
        both_for = self.read(RotationSerializer)["overlap_hours"] * HOUR
        try:
            shown = rotate(row, caller_of(request).actor, timezone.now(), both_for)
        except KeysetError:
            raise CannotSeal from None
        return Response(self.with_secret(row, shown))


class WebhookTest(Webhooks):
    keeps_answer_with_change = True

    @extend_schema(
        operation_id="webhooks_test",
        summary="Send a test event",
        description="An event of the kind `webhook.test`, the way all go: look at its `state`.",
        request=None,
        responses={202: DeliverySerializer, **problems(e409=OFF)},
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        try:
            made = send_test(self.get_object(), caller_of(request).actor, timezone.now())
        except EndpointOff:
            raise Off from None
        return Response(DeliverySerializer(made).data, status=status.HTTP_202_ACCEPTED)


class WebhookReplay(Webhooks):
    keeps_answer_with_change = True

    @extend_schema(
        operation_id="webhooks_replay",
        summary="Send again what failed",
        description="Every delivery that failed, of what happened since then. The ids stay.",
        request=ReplaySerializer,
        responses={202: ReplayedSerializer, **problems(e409=OFF)},
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        row, since = self.get_object(), self.read(ReplaySerializer)["since"]
        try:
            count = replay_failed(row, since, caller_of(request).actor, timezone.now())
        except EndpointOff:
            raise Off from None
        return Response({"deliveries": count}, status=status.HTTP_202_ACCEPTED)


class DeliveryList(Webhooks):
    pagination_class = NewestFirst
    serializer_class = DeliverySerializer

    @extend_schema(
        operation_id="webhooks_deliveries_list",
        summary="What was sent, newest first",
        description="It is kept for 30 days.",
        parameters=[OpenApiParameter("state", str, enum=WebhookDelivery.State.values)],
        responses={200: DeliverySerializer(many=True)},
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        rows = deliveries_of(self.get_object()).prefetch_related("attempts")
        state = request.query_params.get("state")
        if state is not None:
            if state not in WebhookDelivery.State.values:
                told = {"state": ["It is waiting, delivered or failed."]}
                raise serializers.ValidationError(told, "invalid_choice")
            rows = rows.filter(state=state)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class DeliveryReplay(Webhooks):
    keeps_answer_with_change = True

    @extend_schema(
        operation_id="webhooks_deliveries_replay",
        summary="Send one delivery again",
        description="One that is over, with the `webhook-id` that it had.",
        request=None,
        responses={202: DeliverySerializer, **problems(e409=f"{OFF} Or it waits anyway.")},
    )
    def post(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        row = self.get_object()
        delivery = deliveries_of(row).filter(pk=delivery_id).first()
        if delivery is None:
            raise exceptions.NotFound
        try:
            if not replay(row, [delivery.pk], caller_of(request).actor, timezone.now()):
                raise StillWaits
        except EndpointOff:
            raise Off from None
        delivery.refresh_from_db()
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_202_ACCEPTED)


def deliveries_of(row: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    found: QuerySet[WebhookDelivery] = WebhookDelivery.objects.filter(endpoint=row)
    return found.select_related("event")
