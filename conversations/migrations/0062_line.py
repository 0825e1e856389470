"""Conversations stand in line for a worker with room, and workers say whether they have any."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0060_tools")]

    operations = [
        migrations.AddField(
            model_name="lease",
            name="asked_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="lease",
            name="wanted_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="workerprocess",
            name="has_room",
            field=models.BooleanField(default=True, null=True),
        ),
        migrations.AddField(
            model_name="workerprocess",
            name="lag_ms",
            field=models.PositiveIntegerField(default=0, verbose_name="lag in ms"),
        ),
        migrations.AddIndex(
            model_name="lease",
            index=models.Index(
                condition=models.Q(wanted_at__isnull=False),
                fields=["wanted_at"],
                name="lease_in_line",
            ),
        ),
    ]
