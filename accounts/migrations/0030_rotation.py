import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import accounts.ids
import accounts.rotation.models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0060_leaving")]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="rotate_every_days",
            field=models.PositiveSmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="credential",
            name="rotates_by_itself",
            field=models.BooleanField(default=True, editable=False),
        ),
        migrations.AddField(
            model_name="credential",
            name="rotation_due_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="credential",
            name="rotation_reminded_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.CreateModel(
            name="CredentialRotation",
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
                ("name", models.CharField(max_length=100)),
                ("client_email", models.CharField(max_length=254)),
                ("old_version", models.PositiveIntegerField()),
                ("was_primary", models.BooleanField(default=False)),
                ("certificate", models.TextField(blank=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("prepared", "Key pair made"),
                            ("created", "New key at Google"),
                            ("verified", "New key verified"),
                            ("retiring", "New key in use, the old one retires"),
                            ("disabled", "Old key disabled"),
                            ("deleting", "Old key is being deleted"),
                            ("done", "Done"),
                            ("rolling-back", "Rolling back"),
                            ("rolled-back", "Rolled back"),
                        ],
                        default="requested",
                        max_length=16,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("by_itself", models.BooleanField(default=True)),
                ("old_key", models.CharField(max_length=100)),
                ("new_key", models.CharField(blank=True, max_length=100)),
                ("known_keys", models.JSONField(default=list)),
                ("attempted_at", models.DateTimeField(null=True)),
                ("verified_at", models.DateTimeField(null=True)),
                ("retire_by", models.DateTimeField(null=True)),
                ("delete_at", models.DateTimeField(null=True)),
                ("doomed", models.JSONField(default=list)),
                ("old_disabled", models.BooleanField(default=False)),
                ("problem", models.JSONField(null=True)),
                ("cause", models.JSONField(null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("not_before", models.DateTimeField(null=True)),
                ("steps", models.JSONField(default=list)),
                (
                    "demand",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("promote", "Promote now"),
                            ("retire", "Retire now"),
                            ("roll-back", "Roll back"),
                            ("try-again", "Try again now"),
                        ],
                        max_length=16,
                    ),
                ),
                ("demanded_by", models.CharField(blank=True, max_length=64)),
                ("requested_by", models.CharField(max_length=64)),
                ("epoch", models.PositiveIntegerField(default=0)),
                ("claimed_until", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "new",
                    models.ForeignKey(
                        null=True,
                        on_delete=accounts.rotation.models.keep_while_open,
                        related_name="+",
                        to="accounts.credential",
                    ),
                ),
                (
                    "old",
                    models.ForeignKey(
                        null=True,
                        on_delete=accounts.rotation.models.keep_while_open,
                        related_name="+",
                        to="accounts.credential",
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
                "verbose_name": "key rotation",
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["due_at"],
                        name="rotation_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("old",),
                        name="rotation_one_of_credential",
                    )
                ],
            },
        ),
    ]
