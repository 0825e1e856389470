"""A conversation may end because its organisation is leaving."""

from django.db import migrations, models

REASONS = (
    "user-left idle-limit max-duration budget-exhausted tenant-suspended tenant-leaving "
    "credential-problem upstream-unavailable capacity-full token-expired staff-ended "
    "server-draining policy-blocked opened-elsewhere network-lost"
).split()
CHOICES = [(reason, reason.replace("-", " ").capitalize()) for reason in REASONS]


class Migration(migrations.Migration):
    dependencies = [("conversations", "0010_usage")]

    operations = [
        migrations.AlterField(
            model_name="conversation",
            name=name,
            field=models.CharField(blank=True, choices=CHOICES, max_length=24),
        )
        for name in ("end_reason", "stop_reason")
    ]
