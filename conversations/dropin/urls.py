"""Google's addresses that answer HTTP. The sockets' are in `config.asgi`."""

from django.urls import re_path

from conversations.dropin import auth_tokens, rest
from conversations.dropin.paths import VERSIONS

VERSION = rf"^(?P<version>{VERSIONS})"

urlpatterns = [
    re_path(rf"{VERSION}/auth_tokens$", auth_tokens.auth_tokens, name="google-auth-tokens"),
    re_path(rf"{VERSION}/models$", rest.models, name="google-models"),
    re_path(rf"{VERSION}/models/(?P<name>[^/]+)$", rest.model, name="google-model"),
]
