from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "conversations"
    verbose_name = "Conversations"

    def ready(self) -> None:
        from conversations import access, leaving, running_on  # noqa: F401, PLC0415 - what they register
        from conversations.exports import sweeping  # noqa: F401, PLC0415 - as well
        from conversations.recordings import deleting  # noqa: F401, PLC0415 - as well
        from conversations.retention import holds  # noqa: F401, PLC0415 - as well
        from conversations.webhooks import telling  # noqa: F401, PLC0415 - as well
