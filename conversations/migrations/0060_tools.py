"""Tools: what the model of an agent may call, and the hosts that such calls may go to."""

import accounts.ids
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0070_limits"),
        ("conversations", "0030_lease_credential"),
    ]

    operations = [
        migrations.CreateModel(
            name="AgentTool",
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
                ("is_on", models.BooleanField(default=True, verbose_name="in use")),
                (
                    "behavior",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "As the model does by itself"),
                            ("BLOCKING", "The model waits"),
                            ("NON_BLOCKING", "The model goes on talking"),
                        ],
                        default="",
                        max_length=12,
                        verbose_name="while it runs",
                    ),
                ),
                (
                    "scheduling",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "As the model does by itself"),
                            ("WHEN_IDLE", "Is taken up when nobody speaks"),
                            ("INTERRUPT", "Is taken up at once, also in the middle of a sentence"),
                            ("SILENT", "Is known from then on, and not spoken of"),
                        ],
                        default="",
                        max_length=9,
                        verbose_name="its answer",
                    ),
                ),
                (
                    "timeout_ms",
                    models.PositiveIntegerField(
                        default=10000,
                        editable=False,
                        validators=[
                            django.core.validators.MinValueValidator(1000),
                            django.core.validators.MaxValueValidator(120000),
                        ],
                    ),
                ),
                ("url", models.CharField(blank=True, max_length=500, verbose_name="address")),
                ("header_names", models.JSONField(blank=True, default=list, editable=False)),
                ("sealed_headers", models.BinaryField(default=b"")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("http", "A server of yours, over HTTP"),
                            ("client", "The page, or your program"),
                        ],
                        default="http",
                        max_length=6,
                        verbose_name="answered by",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=64,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z_][A-Za-z0-9_]{0,63}\\Z",
                                "At most 64 letters, digits and _, beginning with a letter or _.",
                            )
                        ],
                    ),
                ),
                ("description", models.TextField(max_length=1000)),
                ("parameters", models.JSONField(blank=True, default=dict)),
                (
                    "method",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("GET", "GET"),
                            ("POST", "POST"),
                            ("PUT", "PUT"),
                            ("PATCH", "PATCH"),
                            ("DELETE", "DELETE"),
                        ],
                        default="POST",
                        max_length=6,
                    ),
                ),
                ("sealed_secret", models.BinaryField(default=b"")),
                ("sealed_old_secret", models.BinaryField(default=b"")),
                ("old_secret_until", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tools",
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
                "verbose_name": "tool",
                "ordering": ["name"],
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "agent", "name"), name="tool_name_of_agent"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AllowedHost",
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
                ("name", models.CharField(max_length=253, verbose_name="host")),
                ("note", models.CharField(blank=True, max_length=200)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
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
                "ordering": ["name"],
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "name"), name="allowedhost_once_in_tenant"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ToolServer",
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
                ("is_on", models.BooleanField(default=True, verbose_name="in use")),
                (
                    "behavior",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "As the model does by itself"),
                            ("BLOCKING", "The model waits"),
                            ("NON_BLOCKING", "The model goes on talking"),
                        ],
                        default="",
                        max_length=12,
                        verbose_name="while it runs",
                    ),
                ),
                (
                    "scheduling",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "As the model does by itself"),
                            ("WHEN_IDLE", "Is taken up when nobody speaks"),
                            ("INTERRUPT", "Is taken up at once, also in the middle of a sentence"),
                            ("SILENT", "Is known from then on, and not spoken of"),
                        ],
                        default="",
                        max_length=9,
                        verbose_name="its answer",
                    ),
                ),
                (
                    "timeout_ms",
                    models.PositiveIntegerField(
                        default=10000,
                        editable=False,
                        validators=[
                            django.core.validators.MinValueValidator(1000),
                            django.core.validators.MaxValueValidator(120000),
                        ],
                    ),
                ),
                ("url", models.CharField(blank=True, max_length=500, verbose_name="address")),
                ("header_names", models.JSONField(blank=True, default=list, editable=False)),
                ("sealed_headers", models.BinaryField(default=b"")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=32,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z_][A-Za-z0-9_]{0,63}\\Z",
                                "At most 64 letters, digits and _, beginning with a letter or _.",
                            )
                        ],
                    ),
                ),
                ("only", models.JSONField(blank=True, default=list, verbose_name="tools")),
                ("listed", models.JSONField(blank=True, default=list, editable=False)),
                ("listed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("asked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("list_fault", models.CharField(blank=True, editable=False, max_length=300)),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tool_servers",
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
                "verbose_name": "MCP server",
                "ordering": ["name"],
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "agent", "name"), name="toolserver_name_of_agent"
                    )
                ],
            },
        ),
    ]
