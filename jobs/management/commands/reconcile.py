"""`manage.py reconcile`: compares the provider's book with ours; exit code 1 if staff must act."""

from datetime import datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date

import pingpp_client
from api.money import to_yuan
from jobs.payments import compared_to, inquire_about_silent, is_behind
from payments.models import Discrepancy
from payments.reconcile import comparison

DEFAULT_HOURS = 48


class Command(BaseCommand):
    help = (
        "Compares the provider's charges and refunds with ours, mends what can be, lists the rest."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        stretch = parser.add_mutually_exclusive_group()
        stretch.add_argument("--day", help="charges made on this day (Asia/Shanghai), YYYY-MM-DD")
        stretch.add_argument(
            "--hours", type=int, default=DEFAULT_HOURS, help="charges of the last N hours (48)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        start, end = _stretch(options["day"], options["hours"])
        try:
            report = comparison.compare(start, end)
        except pingpp_client.ProviderError as error:
            raise CommandError(f"渠道不可用 / the provider did not answer: {error}") from error
        asked = 0
        while more := inquire_about_silent():
            asked += more
        open_rows = list(Discrepancy.objects.filter(resolved_at=None).order_by("first_seen_at"))
        listed = {row.pk for row in report.found}
        self._show([*report.found, *(row for row in open_rows if row.pk not in listed)])
        self.stdout.write(
            f"{len(report.charges)} compared, {len(report.found)} different,"
            f" {report.gone} gone, {asked} asked about, {len(open_rows)} unresolved"
        )
        problems = []
        if open_rows:
            problems.append(f"{len(open_rows)} 项差异待人工处理 / differences need staff")
        if is_behind():
            problems.append(f"run_jobs 只对账到 / is behind: {compared_to():%Y-%m-%d %H:%M %Z}")
        if problems:
            raise CommandError("; ".join(problems))

    def _show(self, rows: list[Discrepancy]) -> None:
        lines = [("kind", "charge", "refund", "order_no", "ours", "provider", "state", "")]
        for row in rows:
            lines.append(
                (
                    row.kind,
                    row.charge_id,
                    row.refund_id or "-",
                    row.order_no or "-",
                    _yuan(row.our_amount_fen),
                    _yuan(row.provider_amount_fen),
                    row.resolution or "open",
                    row.get_kind_display(),
                )
            )
        widths = [max(len(line[column]) for line in lines) for column in range(7)] + [0]
        for line in lines if rows else ():
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def _yuan(fen: int | None) -> str:
    return "-" if fen is None else to_yuan(fen)


def _stretch(day: str | None, hours: int) -> tuple[datetime, datetime]:
    now = timezone.now()
    if day is None:
        if hours < 1:
            raise CommandError("--hours must be 1 or more")
        return now - timedelta(hours=hours), now
    try:
        date = parse_date(day)
    except ValueError:
        date = None
    if date is None:
        raise CommandError("--day must be a date, YYYY-MM-DD")
    start = timezone.make_aware(datetime.combine(date, time.min))
    return start, start + timedelta(days=1)
