"""`/api/v1/requests/{id}/`: how a request went, by the id that its answer had."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import RetrieveAPIView

from accounts.models import ApiRequest
from accounts.roles import Permission
from conversations.api.permissions import allowed
from conversations.api.schema import problems


class ApiRequestSerializer(serializers.ModelSerializer[ApiRequest]):
    """One request to the API. What was asked for and answered is not kept."""

    id = serializers.CharField(source="request_id", read_only=True)

    class Meta:
        model = ApiRequest
        fields = ["id", "at", "actor", "method", "route", "status", "code", "duration_ms"]
        read_only_fields = fields
        extra_kwargs = {
            "actor": {"help_text": "Who made it: `key:<id>`, `user:<id>`."},
            "route": {"help_text": "Name of the endpoint; empty for an unknown address."},
            "code": {"help_text": "Of the problem it was answered with; empty without one."},
        }


@extend_schema_view(
    get=extend_schema(
        operation_id="requests_retrieve",
        summary="How a request went",
        responses={
            200: ApiRequestSerializer,
            **problems(e404="The tenant made no such request, or too long ago."),
        },
    )
)
class RequestDetail(RetrieveAPIView[ApiRequest]):
    permission_classes = [allowed(Permission.READ_REQUESTS)]
    serializer_class = ApiRequestSerializer

    def get_queryset(self) -> QuerySet[ApiRequest]:
        return ApiRequest.objects.all()

    def get_object(self) -> ApiRequest:
        """A proxy may give its id to more than one request: the last one counts."""
        rows = self.get_queryset().filter(request_id=self.kwargs["request_id"])
        found = rows.order_by("-id").first()
        if found is None:
            raise Http404
        return found
