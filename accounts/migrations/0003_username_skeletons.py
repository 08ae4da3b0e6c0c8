from django.db import migrations

import accounts.models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_limits")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="skeleton",
            field=accounts.models.SkeletonField(editable=False, max_length=1000, null=True),
        ),
        migrations.AddField(
            model_name="user",
            name="typed_skeleton",
            field=accounts.models.TypedSkeletonField(editable=False, max_length=1000, null=True),
        ),
    ]
