from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0030_rotation")]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["object_type", "object_id", "-id"], name="audit_of_object"),
        ),
    ]
