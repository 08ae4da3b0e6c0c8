"""`manage.py import_payouts FILE --by STAFF`: enters the provider's settlement file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction

from accounts.models import User
from api.errors import TWICE, StaffRefusal
from payments import staff_acts
from payments.models import StaffRequestState
from payments.reconcile import payouts


class Command(BaseCommand):
    help = (
        "Books what the provider paid out to the bank, once per batch; a large one waits for"
        " another member of staff. CSV: " + ",".join(payouts.COLUMNS)
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", required=True, metavar="STAFF", help="who enters it")

    def handle(self, *args: Any, file: Path, by: str, **options: Any) -> None:
        actor = User.objects.filter(username=by, is_staff=True).first()
        if actor is None:
            raise CommandError(f"没有这个工作人员 / no such member of staff: {by}")
        try:
            with transaction.atomic(), file.open(encoding="utf-8-sig", newline="") as lines:
                for payout in payouts.read(lines):
                    payout.save()
                    request = staff_acts.request(
                        "book_payout", payout, actor=actor, reason=file.name
                    )
                    is_done = request.state == StaffRequestState.DONE
                    self.stdout.write(f"{payout} {'已入账' if is_done else '待复核'}")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"无法读取文件 / cannot read the file: {file}") from error
        except (StaffRefusal, IntegrityError) as error:
            reason = error.message if isinstance(error, StaffRefusal) else TWICE
            raise CommandError(f"{reason}；没有录入任何一行 / nothing was entered") from None
