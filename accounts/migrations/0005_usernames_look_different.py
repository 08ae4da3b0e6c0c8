from django.db import migrations

import accounts.models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_fill_username_skeletons")]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="skeleton",
            field=accounts.models.SkeletonField(editable=False, max_length=1000, unique=True),
        ),
        migrations.AlterField(
            model_name="user",
            name="typed_skeleton",
            field=accounts.models.TypedSkeletonField(editable=False, max_length=1000, unique=True),
        ),
        # Case is one of the things that skeletons leave out.
        migrations.RemoveConstraint(model_name="user", name="user_username_unique_whatever_case"),
        migrations.AlterModelManagers(name="user", managers=[]),
    ]
