from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0050_single_sign_on")]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="position",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text=(
                    "When the primary one fails, the working one with the lowest number steps in."
                ),
                verbose_name="standby order",
            ),
        ),
        migrations.AddField(
            model_name="credential",
            name="failed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="credential",
            name="failure_code",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="credential",
            name="failure",
            field=models.CharField(
                blank=True,
                default="",
                editable=False,
                max_length=400,
                verbose_name="what is wrong",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="credential",
            name="rests_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="credential",
            name="failures_in_row",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="credential",
            name="paced_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="credential",
            name="last_used_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="last used"
            ),
        ),
    ]
