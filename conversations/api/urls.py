"""Addresses under `/api/v1/`."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from conversations.api import (
    agents,
    conversations,
    event_stream,
    events,
    export_schedules,
    exports,
    members,
    notes,
    pages,
    posting,
    recordings,
    requests,
    saying,
    tags,
    tokens,
    turns,
    usage,
    webhooks,
)

ONE = "conversations/<uuid:conversation_id>"
WEBHOOK = "webhooks/<uuid:webhook_id>"

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    # The split view needs no inline script, our own template no inline style.
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(
            url_name="api-schema", template_name="conversations/api_docs.html"
        ),
        name="api-docs",
    ),
    path("redoc/", pages.Redoc.as_view(), name="api-redoc"),
    path("errors/", pages.errors, name="api-errors"),
    path("requests/<str:request_id>/", requests.RequestDetail.as_view(), name="api-request"),
    path("tokens/", tokens.TokenList.as_view(), name="api-tokens"),
    path("tokens/<uuid:token_id>/", tokens.TokenDetail.as_view(), name="api-token"),
    path(
        "tokens/<uuid:token_id>/revoke/",
        tokens.TokenRevocation.as_view(),
        name="api-token-revocation",
    ),
    path("agents/", agents.AgentList.as_view(), name="api-agents"),
    path("agents/<uuid:agent_id>/", agents.AgentDetail.as_view(), name="api-agent"),
    path(
        "agents/<uuid:agent_id>/versions/",
        agents.AgentVersionList.as_view(),
        name="api-agent-versions",
    ),
    path(
        "agents/<uuid:agent_id>/publish/",
        agents.AgentPublication.as_view(),
        name="api-agent-publication",
    ),
    path("agents/<uuid:agent_id>/draft/", agents.AgentDraft.as_view(), name="api-agent-draft"),
    path("members/", members.MemberList.as_view(), name="api-members"),
    path("members/<uuid:membership_id>/", members.MemberDetail.as_view(), name="api-member"),
    path("invitations/", members.InvitationList.as_view(), name="api-invitations"),
    path(
        "invitations/<uuid:invitation_id>/",
        members.InvitationDetail.as_view(),
        name="api-invitation",
    ),
    path("usage/", usage.UsageReport.as_view(), name="api-usage"),
    path("tags/", tags.TagUseList.as_view(), name="api-tags"),
    path(
        "tokens/<uuid:token_id>/transcripts/",
        posting.TranscriptPosting.as_view(),
        name="api-token-transcripts",
    ),
    path("conversations/", conversations.ConversationList.as_view(), name="api-conversations"),
    path(
        f"{ONE}/",
        conversations.ConversationDetail.as_view(),
        name="api-conversation",
    ),
    path(f"{ONE}/end/", conversations.ConversationEnd.as_view(), name="api-conversation-end"),
    path(f"{ONE}/turns/", turns.TurnList.as_view(), name="api-turns"),
    path(f"{ONE}/events/", events.EventList.as_view(), name="api-events"),
    path(f"{ONE}/recordings/", recordings.RecordingList.as_view(), name="api-recordings"),
    path(f"{ONE}/recording/", recordings.RecordingSound.as_view(), name="api-recording"),
    path(f"{ONE}/notes/", notes.NoteList.as_view(), name="api-notes"),
    path("notes/<uuid:note_id>/", notes.NoteDetail.as_view(), name="api-note"),
    path(f"{ONE}/tags/", tags.TagList.as_view(), name="api-conversation-tags"),
    path(f"{ONE}/tags/<str:name>/", tags.TagDetail.as_view(), name="api-conversation-tag"),
    path(
        "conversations/<uuid:conversation_id>/messages/",
        saying.MessageList.as_view(),
        name="api-messages",
    ),
    path(
        "conversations/<uuid:conversation_id>/stream/",
        event_stream.EventStream.as_view(),
        name="api-stream",
    ),
    path("exports/", exports.ExportList.as_view(), name="api-exports"),
    path("exports/<uuid:export_id>/", exports.ExportDetail.as_view(), name="api-export"),
    path("exports/<uuid:export_id>/link/", exports.ExportLink.as_view(), name="api-export-link"),
    path("exports/<uuid:export_id>/file/", exports.ExportFile.as_view(), name="api-export-file"),
    path(
        "export-schedules/",
        export_schedules.ExportScheduleList.as_view(),
        name="api-export-schedules",
    ),
    path(
        "export-schedules/<uuid:export_schedule_id>/",
        export_schedules.ExportScheduleDetail.as_view(),
        name="api-export-schedule",
    ),
    path("webhooks/", webhooks.WebhookList.as_view(), name="api-webhooks"),
    path(f"{WEBHOOK}/", webhooks.WebhookDetail.as_view(), name="api-webhook"),
    path(f"{WEBHOOK}/rotate/", webhooks.WebhookRotation.as_view(), name="api-webhook-rotation"),
    path(f"{WEBHOOK}/test/", webhooks.WebhookTest.as_view(), name="api-webhook-test"),
    path(f"{WEBHOOK}/replay/", webhooks.WebhookReplay.as_view(), name="api-webhook-replay"),
    path(f"{WEBHOOK}/deliveries/", webhooks.DeliveryList.as_view(), name="api-webhook-deliveries"),
    path(
        f"{WEBHOOK}/deliveries/<uuid:delivery_id>/replay/",
        webhooks.DeliveryReplay.as_view(),
        name="api-webhook-delivery-replay",
    ),
]
