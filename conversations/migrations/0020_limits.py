import accounts.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0070_limits"),
        ("conversations", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="agent",
            name="limits",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.CreateModel(
            name="BudgetNotice",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=accounts.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("subject", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("sessions", "Sessions"),
                            ("day-minutes", "Day minutes"),
                            ("month-minutes", "Month minutes"),
                            ("day-spend", "Day spend"),
                            ("month-spend", "Month spend"),
                            ("length", "Length"),
                            ("idle", "Idle"),
                        ],
                        max_length=24,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("is_hard", models.BooleanField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "subject", "kind", "since", "is_hard"),
                        name="budget_notice_once",
                    )
                ],
            },
        ),
    ]
