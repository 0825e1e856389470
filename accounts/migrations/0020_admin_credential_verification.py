from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_signin_invitation"),
    ]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="verified_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="last verified"
            ),
        ),
        migrations.AddField(
            model_name="credential",
            name="verification",
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
    ]
