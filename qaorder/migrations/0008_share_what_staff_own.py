"""What was shared because its owner is staff is marked as shared."""

from django.db import migrations


def mark(apps, schema_editor):
    for name in ("DiagnosisTag", "Drug"):
        rows = apps.get_model("qaorder", name).objects.filter(owner__is_staff=True)
        rows.update(is_shared=True)


class Migration(migrations.Migration):
    dependencies = [("qaorder", "0007_shared_catalogue_entries")]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
