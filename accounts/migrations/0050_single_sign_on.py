import accounts.ids
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0045_audit_of_object'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='requires_sign_on',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name='tenant',
            name='trusts_sign_on_factor',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.CreateModel(
            name='EmailDomain',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=253, unique=True)),
                ('approved_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='IdentityProvider',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('active', 'Active')], default='draft', max_length=8)),
                ('issuer', models.CharField(max_length=200)),
                ('client_id', models.CharField(max_length=200)),
                ('sealed_secret', models.BinaryField(default=b'')),
                ('domains', models.JSONField(default=list)),
                ('newcomer_role', models.CharField(choices=[('admin', 'Admin'), ('developer', 'Developer'), ('reviewer', 'Reviewer'), ('member', 'Member')], default='member', max_length=16)),
                ('admits_newcomers', models.BooleanField(default=False)),
                ('is_required', models.BooleanField(default=False)),
                ('is_second_factor', models.BooleanField(default=False)),
                ('admits_owners', models.BooleanField(default=False, editable=False)),
                ('last_test', models.JSONField(blank=True, editable=False, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'state'), name='identityprovider_one_each')],
            },
        ),
        migrations.CreateModel(
            name='ProviderIdentity',
            fields=[
                ('id', models.UUIDField(default=accounts.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('issuer', models.CharField(max_length=200)),
                ('subject', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.tenant')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'issuer', 'subject'), name='provideridentity_one_subject'), models.UniqueConstraint(fields=('tenant', 'issuer', 'user'), name='provideridentity_one_user')],
            },
        ),
    ]
