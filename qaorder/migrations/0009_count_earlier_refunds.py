"""Payments learn what was refunded of them, completed orders when they were released."""

from django.db import migrations, models


def count(apps, schema_editor):
    payment, refund, order = (
        apps.get_model("qaorder", name) for name in ("Payment", "Refund", "Order")
    )
    for row in refund.objects.exclude(payment=None).iterator():
        payment.objects.filter(pk=row.payment_id).update(
            refunded_fen=models.F("refunded_fen") + row.amount_fen
        )
    order.objects.filter(status__in=(4, 5), released_at=None).update(
        released_at=models.F("status_at")
    )


class Migration(migrations.Migration):
    dependencies = [("qaorder", "0008_share_what_staff_own")]

    operations = [migrations.RunPython(count, migrations.RunPython.noop)]
