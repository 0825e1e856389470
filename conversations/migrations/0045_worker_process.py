from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("conversations", "0050_tenant_leaving")]

    operations = [
        migrations.CreateModel(
            name="WorkerProcess",
            fields=[
                ("name", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("address", models.CharField(max_length=120, verbose_name="link address")),
                ("capacity", models.PositiveIntegerField()),
                ("started_at", models.DateTimeField(db_default=Now())),
                ("seen_at", models.DateTimeField(db_default=Now(), verbose_name="last seen")),
                ("drain_asked_at", models.DateTimeField(blank=True, null=True)),
                ("is_drained", models.BooleanField(default=False)),
            ],
            options={"verbose_name": "worker"},
        ),
    ]
