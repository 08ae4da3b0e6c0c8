"""Keeping what a comparison found: one row per difference, however often it is found."""

from collections.abc import Collection
from typing import Any

from django.utils import timezone

from qaorder.models import Discrepancy, DiscrepancyKind, Resolution
from qaorder.models.reconciliation import MENDED_KINDS


def note(
    kind: DiscrepancyKind,
    charge_id: str,
    *,
    refund_id: str = "",
    order_no: str = "",
    ours_fen: int | None = None,
    theirs_fen: int | None = None,
) -> Discrepancy:
    """Keep a difference; one that had gone is open again, one that staff resolved stays resolved.

    Units: fen; None where that side has nothing.
    """
    now = timezone.now()
    seen: dict[str, Any] = {
        "our_amount_fen": ours_fen,
        "provider_amount_fen": theirs_fen,
        "last_seen_at": now,
    }
    ending = {"resolved_at": now, "resolution": Resolution.MENDED} if kind in MENDED_KINDS else {}
    row, is_new = Discrepancy.objects.get_or_create(
        kind=kind,
        charge_id=charge_id,
        refund_id=refund_id,
        defaults={"order_no": order_no, **seen, **ending},
    )
    if not is_new:
        if row.resolution == Resolution.GONE:
            seen |= {"resolved_at": None, "resolution": ""}
        Discrepancy.objects.filter(pk=row.pk).update(**seen)
        row.refresh_from_db()
    return row


def is_open(kind: DiscrepancyKind, charge_id: str) -> bool:
    """Whether such a difference is known and not resolved."""
    return Discrepancy.objects.filter(kind=kind, charge_id=charge_id, resolved_at=None).exists()


def close_gone(charge_ids: Collection[str], found: Collection[int]) -> int:
    """Resolve the open differences of these charges that were not found again."""
    gone = [
        row.pk
        for row in Discrepancy.objects.filter(resolved_at=None)
        if row.charge_id in charge_ids and row.pk not in found
    ]
    return Discrepancy.objects.filter(pk__in=gone, resolved_at=None).update(
        resolved_at=timezone.now(), resolution=Resolution.GONE
    )
