"""An endpoint to try what all endpoints have in common on."""

from collections.abc import Callable
from typing import Any

from django.http import StreamingHttpResponse
from django.urls import path
from rest_framework import serializers
from rest_framework.generics import RetrieveUpdateDestroyAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Permission
from config import urls
from conversations.api.conditional import IfMatch
from conversations.api.permissions import allowed
from conversations.models import Agent

ADDRESS = "/api/v1/probe/"
# What the next POST does before it answers; the tests put it here.
doing: list[Callable[[Request], Response | None]] = []
# The bodies of the POSTs that were really made.
made: list[Any] = []


class Probe(APIView):
    permission_classes = [allowed(Permission.READ_API, changing=[Permission.WRITE_API])]
    narrowed_to_agents = True

    def get(self, request: Request) -> Response:
        return Response({"made": len(made)})

    def post(self, request: Request) -> Any:
        made.append(request.data)
        answer = doing[0](request) if doing else None
        return answer or Response({"number": len(made)}, status=201, headers={"Location": "/1/"})

    put = patch = delete = post


class Together(Probe):
    keeps_answer_with_change = True


class Stream(Probe):
    def post(self, request: Request) -> Any:
        made.append(request.data)
        return StreamingHttpResponse(iter([b"one", b"two"]))


class AgentSerializer(serializers.ModelSerializer[Agent]):
    class Meta:
        model = Agent
        fields = ["id", "name"]


class OneAgent(IfMatch, RetrieveUpdateDestroyAPIView[Agent]):
    permission_classes = [allowed(Permission.READ_API, changing=[Permission.WRITE_API])]
    serializer_class = AgentSerializer

    def get_queryset(self) -> Any:
        return Agent.objects.all()

    def perform_update(self, serializer: Any) -> None:
        super().perform_update(serializer)
        if serializer.validated_data.get("name") == "wrong":
            raise serializers.ValidationError({"name": "It is wrong."})


urlpatterns = [
    path("api/v1/probe/", Probe.as_view(), name="probe"),
    path("api/v1/together/", Together.as_view(), name="together"),
    path("api/v1/stream/", Stream.as_view(), name="stream"),
    path("api/v1/agents-probe/<uuid:pk>/", OneAgent.as_view(), name="one-agent"),
    *urls.urlpatterns,
]
handler400 = urls.handler400
handler404 = urls.handler404
handler500 = urls.handler500
