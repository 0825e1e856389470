from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0050_single_sign_on"),
        ("conversations", "0045_worker_process"),
    ]

    operations = [
        migrations.AddField(
            model_name="lease",
            name="credential",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=models.SET_NULL,
                related_name="+",
                to="accounts.credential",
            ),
        ),
    ]
