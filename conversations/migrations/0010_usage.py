"""What is used, by report and by day, and the prices that it is counted at."""

from datetime import date
from typing import Any

import accounts.ids
import django.db.models.deletion
from django.db import migrations, models

VALID_FROM = date(2026, 1, 1)
SEEN = "Seen in October 2026, not in a contract: compare it with Google's price page."
BY_DEAREST = "The service did not say of what these tokens are: counted at the dearest price."
UNKNOWN = "No published price is known here. Enter it as soon as it is: until then the cost is not."

# Micro-units of US dollars for a million tokens.
LIVE = {
    "text_in": 750_000,
    "audio_in": 3_000_000,
    "image_in": 1_000_000,
    "video_in": 1_000_000,
    "text_out": 4_500_000,
    "audio_out": 12_000_000,
}
NATIVE_AUDIO = {
    "text_in": 500_000,
    "audio_in": 3_000_000,
    "image_in": 3_000_000,
    "video_in": 3_000_000,
    "text_out": 2_000_000,
    "audio_out": 12_000_000,
}
KNOWN = {
    "gemini-3.8-live": LIVE,
    "gemini-3.1-flash-live*": LIVE,
    "gemini-2.5-flash-native-audio*": NATIVE_AUDIO,
    "gemini-live-2.5-flash-native-audio*": NATIVE_AUDIO,
}
NOT_KNOWN = (
    "gemini-3.8-live-extended-thinking",
    "gemini-3.5-live-translate-preview",
    "gemini-3.5-transcribe-live",
)


def seed_prices(apps: Any, schema_editor: Any) -> None:
    """Google's prices as far as they are known; the operator edits them in the admin."""
    price = apps.get_model("conversations", "Price")
    rows: list[tuple[str, str, int | None, str]] = [
        (model, *each, SEEN) for model, prices in KNOWN.items() for each in prices.items()
    ]
    for model, prices in KNOWN.items():
        rows.append((model, "other_in", prices["audio_in"], BY_DEAREST))
        rows.append((model, "other_out", prices["audio_out"], BY_DEAREST))
    rows += [(model, kind, None, UNKNOWN) for model in NOT_KNOWN for kind in LIVE]
    price.objects.using(schema_editor.connection.alias).bulk_create(
        price(model=model, kind=kind, micros_per_million=micros, valid_from=VALID_FROM, note=note)
        for model, kind, micros, note in rows
    )


def amounts() -> list[tuple[str, Any]]:
    names = (
        "text_in",
        "audio_in",
        "image_in",
        "video_in",
        "other_in",
        "text_out",
        "audio_out",
        "other_out",
        "unpriced_tokens",
        "cost_micros",
        "talked_ms",
    )
    return [
        *((name, models.BigIntegerField(default=0)) for name in names),
        ("currency", models.CharField(blank=True, max_length=3)),
    ]


def owned() -> list[tuple[str, Any]]:
    return [
        (
            "id",
            models.UUIDField(
                default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False
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
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0020_limits"),
    ]

    operations = [
        migrations.CreateModel(
            name="Price",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("model", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("text_in", "Text in"),
                            ("audio_in", "Audio in"),
                            ("image_in", "Image in"),
                            ("video_in", "Video in"),
                            ("other_in", "Other in"),
                            ("text_out", "Text out"),
                            ("audio_out", "Audio out"),
                            ("other_out", "Other out"),
                        ],
                        max_length=10,
                    ),
                ),
                ("micros_per_million", models.BigIntegerField(blank=True, null=True)),
                ("currency", models.CharField(default="USD", max_length=3)),
                ("valid_from", models.DateField()),
                ("note", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "ordering": ["model", "kind", "-valid_from"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("model", "kind", "valid_from"), name="price_once_from_a_day"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Usage",
            fields=[
                *owned(),
                *amounts(),
                ("epoch", models.PositiveIntegerField()),
                ("number", models.PositiveIntegerField()),
                ("day", models.DateField()),
                ("model", models.CharField(max_length=120)),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="usage",
                        to="conversations.conversation",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("conversation", "epoch", "number"),
                        name="usage_once_in_conversation",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                *owned(),
                *amounts(),
                (
                    "whose",
                    models.CharField(
                        choices=[
                            ("tenant", "Organisation"),
                            ("agent", "Agent"),
                            ("user", "Person"),
                        ],
                        max_length=6,
                    ),
                ),
                ("subject", models.UUIDField()),
                ("day", models.DateField()),
            ],
            options={
                "verbose_name": "usage",
                "verbose_name_plural": "usage",
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant", "whose", "day"], name="usage_days_of_tenant"),
                    models.Index(fields=["whose", "day"], name="usage_days_of_all"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "subject", "day"), name="usage_day_once"
                    )
                ],
            },
        ),
        migrations.RunPython(seed_prices, migrations.RunPython.noop),
    ]
