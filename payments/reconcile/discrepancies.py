"""Keeping what a comparison found: one row per difference, however often it is found."""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.utils import timezone

from payments.models import Discrepancy, DiscrepancyKind, Payment, Resolution
from payments.models.reconciliation import MENDED_KINDS
from payments.release import release
from qaorder.models import Order
from qaorder.orders import lock_order

BY_ITSELF = (Resolution.GONE, Resolution.MENDED)
BATCH = 500


def note(
    kind: DiscrepancyKind,
    charge_id: str,
    *,
    payment: Payment | None = None,
    refund_id: str = "",
    order_no: str = "",
    ours_fen: int | None = None,
    theirs_fen: int | None = None,
) -> Discrepancy:
    """Keep a difference; one that had ended by itself is open again, one that staff ended is not.

    Units: fen; None where that side has nothing.
    """
    now = timezone.now()
    seen: dict[str, Any] = {"our_amount_fen": ours_fen, "provider_amount_fen": theirs_fen}
    seen["last_seen_at"] = now
    ending = {"resolved_at": now, "resolution": Resolution.MENDED} if kind in MENDED_KINDS else {}
    row, is_new = Discrepancy.objects.get_or_create(
        kind=kind,
        charge_id=charge_id,
        refund_id=refund_id,
        defaults={"order_no": order_no, "payment": payment, **seen, **ending},
    )
    if not is_new:
        if row.resolution in BY_ITSELF and not ending:
            seen |= {"resolved_at": None, "resolution": ""}
        Discrepancy.objects.filter(pk=row.pk).update(**seen)
        row.refresh_from_db()
    return row


@transaction.atomic
def resolve(row: Discrepancy, resolution: Resolution) -> bool:
    """End a difference, and release the order whose money it stopped; False if it had ended."""
    order = _order_of(row)
    if order is not None:
        order = lock_order(order.pk)
    rows = Discrepancy.objects.filter(pk=row.pk, resolved_at=None)
    if not rows.update(resolved_at=timezone.now(), resolution=resolution):
        return False
    if order is not None:
        release(order)
    return True


def is_open(kind: DiscrepancyKind, charge_id: str) -> bool:
    """Whether such a difference is known and not resolved."""
    return Discrepancy.objects.filter(kind=kind, charge_id=charge_id, resolved_at=None).exists()


def close_gone(charge_ids: Collection[str], found: Collection[int]) -> int:
    """Resolve the open differences of these charges that were not found again."""
    gone: list[Discrepancy] = []
    # By kind and charge, which an index serves, and not all that ever waited for staff.
    rows = Discrepancy.objects.filter(resolved_at=None, kind__in=DiscrepancyKind.values)
    ids = list(charge_ids)
    for first in range(0, len(ids), BATCH):
        gone += rows.filter(charge_id__in=ids[first : first + BATCH])
    return sum(resolve(row, Resolution.GONE) for row in gone if row.pk not in found)


def _order_of(row: Discrepancy) -> Order | None:
    return row.payment.order if row.payment is not None else None
