"""What callers of the Live drop-in may set, and what one of them asked for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0090_tool_calls")]

    operations = [
        migrations.AddField(
            model_name="agent",
            name="open_to_callers",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Over the Live API, for their own conversations. "
                "All else is as it is here.",
                verbose_name="programs may set",
            ),
        ),
        migrations.AddField(
            model_name="conversation",
            name="wishes",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
    ]
