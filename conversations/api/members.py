"""`/api/v1/members/` and `/api/v1/invitations/`: who belongs to the organisation.

Changing them is for keys: a person does it on the page, which asks her once more.
"""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import exceptions, serializers, status
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import invitations
from accounts.callers import Caller
from accounts.members import (
    LastOwner,
    MemberRefused,
    change_role,
    check_may_give,
    members,
    set_state,
)
from accounts.models import Invitation, Membership, Tenant
from accounts.roles import Permission, Role
from conversations.api.conditional import IfMatch
from conversations.api.pagination import KeysetPagination, NewestFirst
from conversations.api.permissions import allowed, caller_of
from conversations.api.schema import problems

MANAGING: Final = allowed(Permission.MANAGE_MEMBERS)


class LastOwnerStays(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "last_owner"


class ForOwnersOnly(exceptions.PermissionDenied):
    default_code = "owners_only"


class AlreadyMember(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "This person is a member already. Change the role of that member."
    default_code = "already_member"


class KeysOnly(exceptions.PermissionDenied):
    default_detail = "Members are changed with an API key. A person does it on the members' page."
    default_code = "keys_only"


def refused(error: MemberRefused) -> exceptions.APIException:
    return LastOwnerStays(str(error)) if isinstance(error, LastOwner) else ForOwnersOnly(str(error))


def program(request: Request) -> Caller:
    """Raises KeysOnly for a person."""
    caller = caller_of(request)
    if caller.user_id is not None:
        raise KeysOnly
    return caller


# --- What it says -----------------------------------------------------------------------------


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A member. One who is `disabled` may come in no more, and can be let in again."""

    user = serializers.UUIDField(source="user_id", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "user", "email", "name", "role", "state", "created_at")
        read_only_fields = fields


class MemberChangeSerializer(serializers.Serializer[Any]):
    """What is to be another."""

    role = serializers.ChoiceField(Role.choices, required=False)
    state = serializers.ChoiceField(Membership.State.choices, required=False)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An invitation that can still be accepted."""

    class Meta:
        model = Invitation
        fields = ("id", "email", "role", "created_at", "expires_at")
        read_only_fields = fields


class NewInvitationSerializer(serializers.Serializer[Any]):
    """Whom to invite. She gets a letter with a link, which is good for a week."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(Role.choices, default=Role.MEMBER)


class MadeInvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An invitation that was made just now."""

    link = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="Where there is no mail server: pass it on, it is shown this once. Else null.",
    )

    class Meta:
        model = Invitation
        fields = (*InvitationSerializer.Meta.fields, "link")
        read_only_fields = fields


# --- Endpoints --------------------------------------------------------------------------------


class OldestFirst(KeysetPagination):
    ordering = ("id",)


class Members(GenericAPIView[Membership]):
    permission_classes = [MANAGING]
    serializer_class = MemberSerializer

    def get_queryset(self) -> QuerySet[Membership]:
        return members()


@extend_schema_view(
    get=extend_schema(
        operation_id="members_list",
        summary="List members, oldest first",
        responses={200: MemberSerializer(many=True)},
    )
)
class MemberList(Members, ListAPIView[Membership]):
    pagination_class = OldestFirst


class MemberDetail(IfMatch, Members, RetrieveAPIView[Membership]):
    keeps_answer_with_change = True
    lookup_url_kwarg = "membership_id"

    @extend_schema(
        operation_id="members_retrieve", summary="One member", responses={200: MemberSerializer}
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="members_update",
        summary="Give a member another role, or let her in again",
        request=MemberChangeSerializer,
        responses={
            200: MemberSerializer,
            **problems(e409="Nobody would be left to own the organisation."),
        },
        examples=[OpenApiExample("A reviewer", request_only=True, value={"role": "reviewer"})],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        caller, member = program(request), self.get_object()
        asked = MemberChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            for name, value in asked.validated_data.items():
                if name == "role":
                    change_role(member.pk, Role(value), caller)
                elif value != member.state:
                    set_state(member.pk, Membership.State(value), caller)
        except MemberRefused as error:
            raise refused(error) from None
        return Response(MemberSerializer(members().get(pk=member.pk)).data)

    @extend_schema(
        operation_id="members_destroy",
        summary="Let a member go",
        description="She is disabled: her sessions and conversations end, and what she did stays.",
        responses={204: None, **problems(e409="Nobody would be left to own the organisation.")},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        caller, member = program(request), self.get_object()
        if member.state != Membership.State.DISABLED:
            try:
                set_state(member.pk, Membership.State.DISABLED, caller)
            except MemberRefused as error:
                raise refused(error) from None
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(
    get=extend_schema(
        operation_id="invitations_list",
        summary="List open invitations, newest first",
        responses={200: InvitationSerializer(many=True)},
    )
)
class InvitationList(ListAPIView[Invitation]):
    permission_classes = [MANAGING]
    pagination_class = NewestFirst
    serializer_class = InvitationSerializer

    def get_queryset(self) -> QuerySet[Invitation]:
        return invitations.open_invitations()

    @extend_schema(
        operation_id="invitations_create",
        summary="Invite a person",
        request=NewInvitationSerializer,
        responses={
            201: MadeInvitationSerializer,
            **problems(e409="She is a member already."),
        },
        examples=[
            OpenApiExample(
                "A reviewer",
                request_only=True,
                value={"email": "ada@example.com", "role": "reviewer"},
            )
        ],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        caller = program(request)
        asked = NewInvitationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        invitation, link = invited(caller, **asked.validated_data)
        is_sent = invitations.send(invitation, link, invitation.tenant.name)
        told = {**InvitationSerializer(invitation).data, "link": None if is_sent else link}
        return Response(told, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


def invited(caller: Caller, email: str, role: str) -> tuple[Invitation, str]:
    """Raises ForOwnersOnly and AlreadyMember."""
    tenant = Tenant.objects.get(pk=caller.tenant_id)
    try:
        check_may_give(role, caller)
        return invitations.invite(tenant, email, Role(role), actor=caller.actor)
    except MemberRefused as error:
        raise refused(error) from None
    except invitations.AlreadyMember:
        raise AlreadyMember from None


class InvitationDetail(RetrieveAPIView[Invitation]):
    permission_classes = [MANAGING]
    serializer_class = InvitationSerializer
    lookup_url_kwarg = "invitation_id"
    http_method_names = ("get", "delete", "head", "options")

    def get_queryset(self) -> QuerySet[Invitation]:
        return invitations.open_invitations()

    @extend_schema(
        operation_id="invitations_retrieve",
        summary="One open invitation",
        responses={200: InvitationSerializer},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="invitations_destroy", summary="Revoke an invitation", responses={204: None}
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        caller = program(request)
        try:
            invitations.revoke(self.get_object().pk, actor=caller.actor)
        except Invitation.DoesNotExist:
            raise Http404 from None
        return Response(status=status.HTTP_204_NO_CONTENT)
