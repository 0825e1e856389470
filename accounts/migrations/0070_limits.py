from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0020_admin_credential_verification"),
    ]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="limits",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name="tenant",
            name="limits",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name="tenant",
            name="member_limits",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name="tenant",
            name="plan_limits",
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
    ]
