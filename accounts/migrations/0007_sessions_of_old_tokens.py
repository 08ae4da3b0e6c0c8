"""Tokens from before sessions were kept get one; a renewal is the last use that is known."""

from django.conf import settings
from django.db import migrations

BATCH = 1000


def add_sessions(apps, schema_editor):
    AuthToken, Session = apps.get_model("knox", "AuthToken"), apps.get_model("accounts", "Session")
    sessions = (
        Session(token=token, last_used_at=max(token.created, token.expiry - settings.TOKEN_TTL))
        for token in AuthToken.objects.exclude(expiry=None).iterator(BATCH)
    )
    Session.objects.bulk_create(sessions, batch_size=BATCH)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_sessions_resets_applications")]

    operations = [migrations.RunPython(add_sessions, migrations.RunPython.noop)]
