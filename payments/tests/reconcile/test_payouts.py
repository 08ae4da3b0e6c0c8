"""The provider's settlement file: entered whole or not at all, each batch once."""

import pytest
from django.core.management import CommandError, call_command

from payments.models import Payout, StaffRequest
from tests.support import books
from tests.support.people import make_user

pytestmark = pytest.mark.django_db(transaction=True)

HEADING = "channel,reference,paid_on,amount,fee\n"
FILE = HEADING + "wx,b1,2026-01-02,14.90,0.10\nalipay,b2,2026-01-02,0.00,1.00\n"


def enter(tmp_path, text, by="boss"):
    path = tmp_path / "settlement.csv"
    path.write_text(text, "utf-8")
    call_command("import_payouts", path, by=by, verbosity=0)


def test_each_batch_is_booked_once_however_often_its_file_is_entered(tmp_path, boss):
    for _ in range(2):
        enter(tmp_path, FILE)

    assert Payout.objects.exclude(booked_at=None).count() == 2
    assert books.balances() == {
        "clearing:wx": 1500,
        "clearing:alipay": 100,
        "bank": -1490,
        "platform": -110,
    }
    books.assert_whole()


def test_a_large_batch_waits_for_another_member_of_staff(tmp_path, boss, settings):
    settings.STAFF_DOUBLE_CHECK_FEN = 1499

    enter(tmp_path, FILE)

    assert StaffRequest.objects.get(state="waiting").amount_fen == 1500
    assert "clearing:wx" not in books.balances()


@pytest.mark.parametrize(
    "line",
    [
        "wx,b3,2026-01-02,1e3,0",
        "wx,b3,2026-01-02,-1,0",
        "wx,b3,2026-13-02,1,0",
        "wx,b3,,1,0",
        "cash,b3,2026-01-02,1,0",
        "wx,,2026-01-02,1,0",
        "wx,b3,2026-01-02,1",
        f"wx,{'b' * 65},2026-01-02,1,0",
        "wx,b3,2026-01-02,0,0",
        "wx,b1,2026-01-02,14.91,0.09",
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_nothing_is_entered(tmp_path, boss, line):
    with pytest.raises(CommandError, match="第 4 行"):
        enter(tmp_path, f"{FILE}{line}\n")

    assert not Payout.objects.exists()
    assert books.balances() == {}


@pytest.mark.parametrize("text", ["", "a,b\n", FILE.replace("fee", "费用")])
def test_another_heading_is_refused(tmp_path, boss, text):
    with pytest.raises(CommandError, match="第一行"):
        enter(tmp_path, text)


def test_only_staff_enter_it(tmp_path):
    make_user("somebody")

    with pytest.raises(CommandError, match="没有这个工作人员"):
        enter(tmp_path, FILE, by="somebody")
