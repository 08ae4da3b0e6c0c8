"""How long `money_audit` takes: 100,000 orders in a scratch PostgreSQL database.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres python bench/money_audit.py

The rows are sound (the audit must find nothing) and made by SQL, one order in twenty of each kind:
unpaid, cancelled, in service, finished, evaluated, refunded, paid too late; through three channels.
The scratch database is dropped at the end. Options: --orders 100000, --limit 10 (seconds; exit 1
beyond), --rounds 3.
"""

import argparse
import os
import secrets
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PATIENTS, DOCTORS, AMOUNT, SHARE = 5000, 200, 1500, 150

# One row per order: who, what became of it, and through which channel.
PLAN = """
CREATE TEMP TABLE plan AS SELECT n, n % {patients} + 1 AS patient, n % {doctors} + 1 AS doctor,
    (ARRAY[0,0,6,1,2,3,6,6,6,4,4,4,4,4,5,5,5,5,5,5])[n % 20 + 1] AS status,
    n % 20 AS kind, n % 100 = 9 AS is_monthly,
    CASE WHEN n % 20 IN (1, 8) THEN 'wx'
        ELSE (ARRAY['wx', 'alipay', 'balance'])[n / 20 % 3 + 1] END AS channel,
    '1' || lpad(n::text, 21, '0') || lpad((n % {patients} + 1)::text, 4, '0') AS number,
    now() - interval '1 day' + n * interval '1 millisecond' AS made
FROM generate_series(1, {orders}) n
"""
ROWS = [
    """INSERT INTO accounts_user (id, password, is_superuser, username, is_staff, is_active,
        date_joined, email, name, avatar, invitation_code)
    SELECT n, '!', false, 'bench' || n, false, true, now(), '', '', '', ''
    FROM generate_series(1, {patients} + {doctors}) n""",
    """INSERT INTO accounts_patient (id, user_id, created_at)
    SELECT n, n, now() FROM generate_series(1, {patients}) n""",
    """INSERT INTO accounts_doctor (id, user_id, licence_number, hospital, department, title,
        introduction, online_price_fen, monthly_price_fen, is_accepting, is_verified, created_at)
    SELECT n, {patients} + n, 'L' || n, '', '', '', '', {amount}, {amount}, true, true, now()
    FROM generate_series(1, {doctors}) n""",
    """INSERT INTO qaorder_order (id, order_number, patient_id, doctor_id, order_type, amount_fen,
        status, status_at, channel, paid_with_id, pay_deadline, created_at)
    SELECT n, number, patient, doctor, CASE WHEN is_monthly THEN 'monthly' ELSE 'online' END,
        {amount}, status, made, channel, CASE WHEN kind IN (0, 1, 2, 8) THEN NULL ELSE n END,
        made + interval '3 days', made FROM plan""",
    """INSERT INTO payments_payment (id, order_id, payer_id, channel, order_no, amount_fen, state,
        charge_id, charge, sent_at, inquired_at, paid_at, created_at)
    SELECT n, n, patient, channel, number || CASE WHEN channel = 'balance' THEN '00' ELSE '' END,
        {amount}, CASE WHEN kind = 1 THEN 'pending' ELSE 'paid' END,
        CASE WHEN channel <> 'balance' THEN 'ch_' || n END, repeat('x', 1500), made, now(),
        CASE WHEN kind <> 1 THEN made END, made FROM plan WHERE kind NOT IN (0, 2)
    UNION ALL SELECT {orders} + n, NULL, patient, 'wx', '7' || lpad(n::text, 25, '0'), {amount},
        'paid', 'ch_r' || n, '', made, made, made, made FROM plan WHERE channel = 'balance'
        AND kind NOT IN (0, 2)""",
    """INSERT INTO payments_refund (id, payment_id, amount_fen, status, reason, role, refund_id,
        failure_code, failure_msg, tries, sent_at, next_try_at, created_at, finished_at)
    SELECT n, n, {amount}, 1, '', 'patient', CASE WHEN channel <> 'balance' THEN 're_' || n END,
        '', '', 1, made, made, made, made FROM plan WHERE kind IN (6, 7, 8)""",
    """INSERT INTO qaorder_orderevent (order_id, event, from_status, to_status, role, created_at)
    SELECT n, event, source, target, role, made FROM plan JOIN (VALUES
        (1, 'pay', 0, 1, 'provider', ARRAY[3,4,5,6,7,9,10,11,12,13,14,15,16,17,18,19]),
        (2, 'cancel', 0, 6, 'clock', ARRAY[2, 8]), (3, 'refund', 1, 6, 'patient', ARRAY[6, 7]),
        (4, 'ask', 1, 2, 'patient', ARRAY[4,5,9,10,11,12,13,14,15,16,17,18,19]),
        (5, 'answer', 2, 3, 'doctor', ARRAY[5,9,10,11,12,13,14,15,16,17,18,19]),
        (6, 'finish', 3, 4, 'clock', ARRAY[9,10,11,12,13,14,15,16,17,18,19]),
        (7, 'evaluate', 4, 5, 'patient', ARRAY[14,15,16,17,18,19])
        ) moves (step, event, source, target, role, kinds) ON kind = ANY (kinds)
    ORDER BY n, step""",
    """INSERT INTO qaorder_question (id, order_id, allergy_history, smoke_history,
        condition_description, desc_files, created_at)
    SELECT n, n, '', '', repeat('x', 200), '', made FROM plan WHERE status IN (2, 3, 4, 5)""",
    """INSERT INTO qaorder_answer (id, question_id, diagnosis_tags, drugs, diagnosis_result,
        extra_suggestion, created_at)
    SELECT n, n, '[]', '[]', repeat('x', 200), '', made FROM plan WHERE status IN (3, 4, 5)""",
    """INSERT INTO qaorder_evaluation (id, order_id, doctor_id, evaluate_type, scores, content,
        created_at) SELECT n, n, doctor, 'online', 5, 'x', made FROM plan WHERE status = 5""",
    """INSERT INTO qaorder_period (order_id, patient_id, doctor_id, start_at, end_at)
    SELECT n, patient, doctor, made - n * interval '1 day', made - n * interval '1 day'
        + interval '30 days' FROM plan WHERE is_monthly""",
    """INSERT INTO payments_notice (event_id, type, object_id, order_no, outcome, digest,
        received_at) SELECT 'evt_' || id, 'charge.succeeded', charge_id, order_no, 'applied', '',
        paid_at FROM payments_payment WHERE state = 'paid' AND charge_id IS NOT NULL""",
]
BOOK = [
    """CREATE TEMP TABLE leg AS SELECT row_number() OVER (ORDER BY n, step, code) AS seq, *
    FROM (
        SELECT n, 1 AS step, 'capture:' || {orders} + n AS reference, 'recharge' AS kind,
            '' AS number, code, amount FROM plan, LATERAL (VALUES ('clearing:wx', -{amount}),
            ('wallet:' || patient, {amount})) legs (code, amount)
        WHERE channel = 'balance' AND kind NOT IN (0, 2)
        UNION ALL SELECT n, 2, 'capture:' || n, 'payment', number, code, amount FROM plan,
            LATERAL (VALUES (CASE WHEN channel = 'balance' THEN 'wallet:' || patient
                ELSE 'clearing:' || channel END, -{amount}), ('in_transit', {amount})) legs (code, amount)
        WHERE kind NOT IN (0, 1, 2)
        UNION ALL SELECT n, 3, 'refund:' || n, 'refund', number, code, amount FROM plan,
            LATERAL (VALUES (CASE WHEN channel = 'balance' THEN 'wallet:' || patient
                ELSE 'clearing:' || channel END, {amount}), ('in_transit', -{amount})) legs (code, amount)
        WHERE kind IN (6, 7, 8)
        UNION ALL SELECT n, 4, 'completion:' || n, 'completion', number, code, amount FROM plan,
            LATERAL (VALUES ('in_transit', -{amount}), ('platform', {share}),
                ('earnings:' || {patients} + doctor, {amount} - {share})) legs (code, amount)
        WHERE status IN (4, 5)) legs""",
    """INSERT INTO ledger_account (code, kind, owner_id, balance_fen)
    SELECT code, split_part(code, ':', 1), CASE WHEN code ~ '^(wallet|earnings)'
        THEN split_part(code, ':', 2)::bigint END,
        CASE WHEN code ~ '^(wallet|earnings)' THEN SUM(amount) END FROM leg GROUP BY code""",
    """INSERT INTO ledger_transaction (kind, reference, order_number, created_at)
    SELECT kind, reference, number, now() FROM leg
    GROUP BY kind, reference, number ORDER BY MIN(seq)""",
    """INSERT INTO ledger_entry (id, transaction_id, account_id, amount_fen, balance_after_fen)
    SELECT seq, t.id, a.id, amount, CASE WHEN a.owner_id IS NOT NULL
        THEN SUM(amount) OVER (PARTITION BY a.id ORDER BY seq) END
    FROM leg JOIN ledger_transaction t USING (reference) JOIN ledger_account a USING (code)""",
]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--limit", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    url = urlsplit(os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres"))
    name = f"money_audit_{secrets.token_hex(4)}"
    _run(urlunsplit(url), f"CREATE DATABASE {name}")
    os.environ["DATABASE_URL"] = urlunsplit(url._replace(path=f"/{name}"))
    os.environ["FEIQINGSONG_ENV"] = "development"
    os.environ["DJANGO_SETTINGS_MODULE"] = "feiqingsong.settings"
    try:
        return _measure(options)
    finally:
        _run(urlunsplit(url), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _measure(options: argparse.Namespace) -> int:
    import django

    django.setup()
    from django.core.management import call_command

    from audit.runner import audit

    call_command("migrate", verbosity=0)
    started = time.monotonic()
    _load(os.environ["DATABASE_URL"], options.orders)
    print(f"{options.orders} orders loaded in {time.monotonic() - started:.1f} s")
    worst = 0.0
    for _ in range(options.rounds):
        started = time.monotonic()
        findings = audit()
        worst = max(worst, time.monotonic() - started)
        broken = [str(finding.invariant) for finding in findings if finding.rows]
        slowest = sorted(findings, key=lambda finding: -finding.seconds)[:5]
        shown = ", ".join(f"{one.invariant.code} {one.seconds:.2f}" for one in slowest)
        total = time.monotonic() - started
        print(f"{len(findings)} invariants in {total:.2f} s; slowest: {shown}; broken: {broken}")
    return 1 if broken or worst > options.limit else 0


def _load(url: str, orders: int) -> None:
    values = {
        "orders": orders,
        "patients": PATIENTS,
        "doctors": DOCTORS,
        "amount": AMOUNT,
        "share": SHARE,
    }
    with closing(psycopg2.connect(url)) as connection:
        with connection, connection.cursor() as cursor:
            # Neither triggers nor foreign keys: a bulk load that would only be slower with them.
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("SET TIME ZONE 'UTC'")
            for statement in (PLAN, *ROWS, *BOOK):
                cursor.execute(statement.format(**values))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            for table in ("qaorder_order", "qaorder_orderevent", "ledger_entry"):
                cursor.execute(f"SELECT COUNT(*) FROM {table}")
                print(f"{table}: {cursor.fetchone()[0]} rows")


def _run(url: str, statement: str) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


if __name__ == "__main__":
    sys.exit(main())
