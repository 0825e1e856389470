"""Every address that answers HTTP. Sockets are in `asgi`, the API's own in `conversations.api`."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from config import health
from config.apps import discover_admin
from conversations import pages

discover_admin()
# The admin's own log-in page would know nothing of second factors and limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", pages.lobby, name="lobby"),
    path("talk/<uuid:agent_id>/", pages.new_conversation, name="conversation-new"),
    path("c/<uuid:conversation_id>/", pages.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/recording.wav", pages.recording, name="recording"),
    path("history/", pages.history, name="history"),
    path("review/", pages.review, name="review"),
    path("review/<uuid:conversation_id>/", pages.review_conversation, name="review-conversation"),
    path("review/<uuid:conversation_id>/watch/", pages.watch, name="watch-conversation"),
    path("", include("accounts.urls")),
    path("api/v1/", include("conversations.api.urls")),
    path("", include("conversations.dropin.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]

admin.site.site_header = admin.site.site_title = "Parley"

handler400 = "conversations.api.problems.bad_request"
handler404 = "conversations.api.problems.not_found"
handler500 = "conversations.api.problems.server_error"
