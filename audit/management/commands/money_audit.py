"""`manage.py money_audit`: checks that rows and book agree; exit code 1 if anything does not."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.attention import waiting_for_staff
from audit.runner import INVARIANTS, ROWS_SHOWN, Finding, audit


class Command(BaseCommand):
    help = "Checks every money invariant against one snapshot of the database; changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", nargs="+", metavar="CODE", help="these invariants only: I05")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = _chosen(options["only"])
        findings = audit(chosen)
        for finding in findings:
            self._show(finding)
        broken = [finding.invariant.code for finding in findings if finding.rows]
        seconds = sum(finding.seconds for finding in findings)
        self.stdout.write(f"{len(findings) - len(broken)} of {len(findings)} hold, {seconds:.2f} s")
        for waiting in waiting_for_staff():
            self.stdout.write(f"waits  {waiting}: {waiting.count}, since {waiting.since:%F %T}")
        if broken:
            raise CommandError(f"不成立 / broken: {', '.join(broken)}")

    def _show(self, finding: Finding) -> None:
        word = "BREACH" if finding.rows else "ok    "
        self.stdout.write(f"{word} {finding.invariant} ({finding.seconds * 1000:.0f} ms)")
        for row in finding.rows:
            self.stdout.write("       " + " ".join(f"{name}={row[name]}" for name in row))
        if finding.has_more:
            self.stdout.write(f"       … {ROWS_SHOWN} shown")


def _chosen(codes: list[str] | None) -> list[Any]:
    if codes is None:
        return list(INVARIANTS)
    unknown = set(codes) - {invariant.code for invariant in INVARIANTS}
    if unknown:
        raise CommandError(f"no such invariant: {', '.join(sorted(unknown))}")
    return [invariant for invariant in INVARIANTS if invariant.code in codes]
