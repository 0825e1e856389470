"""Tokens for an integrator's own users, and whom a conversation was held by."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import accounts.ids


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0110_recording_policy"),
        ("conversations", "0151_is_test"),
    ]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="end_user",
            field=models.CharField(blank=True, editable=False, max_length=128),
        ),
        migrations.AddField(
            model_name="conversation",
            name="end_user_name",
            field=models.CharField(blank=True, editable=False, max_length=150),
        ),
        migrations.AlterField(
            model_name="budgetnotice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("sessions", "Sessions"),
                    ("day-minutes", "Day minutes"),
                    ("month-minutes", "Month minutes"),
                    ("day-spend", "Day spend"),
                    ("month-spend", "Month spend"),
                    ("total-spend", "Total spend"),
                    ("length", "Length"),
                    ("idle", "Idle"),
                ],
                max_length=24,
            ),
        ),
        migrations.AlterField(
            model_name="usageday",
            name="whose",
            field=models.CharField(
                choices=[
                    ("tenant", "Organisation"),
                    ("agent", "Agent"),
                    ("user", "Person"),
                    ("token", "Token"),
                ],
                max_length=6,
            ),
        ),
        migrations.CreateModel(
            name="AccessToken",
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
                (
                    "kind",
                    models.CharField(
                        choices=[("parley", "Parley"), ("google", "Google")],
                        default="parley",
                        max_length=6,
                    ),
                ),
                ("prefix", models.CharField(blank=True, editable=False, max_length=12)),
                ("hash", models.CharField(blank=True, editable=False, max_length=64)),
                ("last_four", models.CharField(blank=True, editable=False, max_length=4)),
                ("uses", models.PositiveIntegerField(default=1)),
                ("used", models.PositiveIntegerField(default=0)),
                ("expires_at", models.DateTimeField()),
                ("new_session_expires_at", models.DateTimeField()),
                ("origins", models.JSONField(blank=True, default=list)),
                ("modalities", models.JSONField(blank=True, default=list)),
                ("limits", models.JSONField(blank=True, default=dict)),
                ("setup", models.JSONField(blank=True, default=dict)),
                ("field_mask", models.JSONField(blank=True, default=list)),
                ("end_user", models.CharField(blank=True, max_length=128)),
                ("end_user_name", models.CharField(blank=True, max_length=150)),
                ("is_test", models.BooleanField(default=False)),
                ("minted_by", models.CharField(max_length=80)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="access_tokens",
                        to="conversations.agent",
                    ),
                ),
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
                "verbose_name": "token",
                "ordering": ["-id"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="conversation",
            name="access_token",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="conversations",
                to="conversations.accesstoken",
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("end_user", ""), _negated=True),
                fields=["tenant", "end_user", "-id"],
                name="conversation_of_end_user",
            ),
        ),
        migrations.AddIndex(
            model_name="accesstoken",
            index=models.Index(fields=["tenant", "-id"], name="access_token_of_tenant"),
        ),
        migrations.AddIndex(
            model_name="accesstoken",
            index=models.Index(fields=["tenant", "end_user", "-id"], name="access_token_of_person"),
        ),
        migrations.AddIndex(
            model_name="accesstoken",
            index=models.Index(fields=["expires_at"], name="access_token_by_expiry"),
        ),
        migrations.AddConstraint(
            model_name="accesstoken",
            constraint=models.UniqueConstraint(
                condition=models.Q(("prefix", ""), _negated=True),
                fields=("prefix",),
                name="access_token_prefix_once",
            ),
        ),
    ]
