"""Many rows at once, made by SQL on PostgreSQL: a practice of some years, and a backlog."""

from django.db import connection, transaction

from ledger import services as ledger
from tests.support.people import make_doctor, make_patient

DOCTORS = 8
AMOUNT_FEN = 1500

_PLAN = """
CREATE TEMP TABLE plan ON COMMIT DROP AS SELECT n, %(patient)s AS patient,
    (%(doctors)s)[n %% cardinality(%(doctors)s) + 1] AS doctor, now() - interval '3 days'
    - n * interval '1 minute' AS made, {status} AS status, {is_monthly} AS is_monthly
FROM generate_series(1, %(rows)s) n
"""
_ORDERS = """
INSERT INTO qaorder_order (id, order_number, patient_id, doctor_id, order_type, amount_fen, status,
    platform_share_percent, status_at, channel, paid_at, pay_deadline, created_at, released_at)
SELECT 1000000 + n, '1' || lpad(n::text, 25, '0'), patient, doctor, CASE WHEN is_monthly
    THEN 'monthly' ELSE 'online' END, %(amount)s, status, 0, {status_at}, 'wx',
    CASE WHEN status NOT IN (0, 6) THEN made END, now() + interval '3 days', made,
    CASE WHEN status IN (4, 5) THEN made END FROM plan
"""
_PAYMENTS = """
INSERT INTO payments_payment (id, order_id, opened_order_id, payer_id, channel, order_no,
    amount_fen, refunded_fen, state, charge_id, charge, sent_at, inquired_at, paid_at, created_at)
SELECT 1000000 + n, 1000000 + n, CASE WHEN status NOT IN (0, 6) THEN 1000000 + n END,
    (SELECT user_id FROM accounts_patient WHERE id = patient), 'wx',
    '1' || lpad(n::text, 25, '0'), %(amount)s, CASE status WHEN 6 THEN %(amount)s ELSE 0 END,
    CASE status WHEN 0 THEN 'pending' WHEN 6
    THEN 'expired' ELSE 'paid' END, 'ch_' || n, repeat('x', 500), made, now(),
    CASE WHEN status NOT IN (0, 6) THEN made END, made FROM plan
"""
_HISTORY = (
    """INSERT INTO qaorder_period (order_id, patient_id, doctor_id, start_at, end_at,
        closed_at) SELECT 1000000 + n, patient, doctor, made, made + interval '30 days',
        CASE WHEN status <> 1 THEN now() END FROM plan WHERE is_monthly""",
    """INSERT INTO payments_refund (payment_id, origin, bearer, means, attempt, amount_fen, status,
        reason, role, failure_code, failure_msg, tries, next_try_at, created_at)
        SELECT 1000000 + n, 'service', 'order', 'channel', 1, %(amount)s, 1, '', '', '', '', 1,
        made, made FROM plan WHERE status = 6""",
    """INSERT INTO knox_authtoken (digest, token_key, user_id, created, expiry)
        SELECT md5(n::text), '', (SELECT user_id FROM accounts_patient WHERE id = patient), made,
        now() + n * interval '1 minute' FROM plan""",
    """INSERT INTO api_idempotencykey (user_id, key, fingerprint, request_id, claim,
        body, locked_until, created_at)
        SELECT (SELECT user_id FROM accounts_patient WHERE id = patient), n::text, '',
        gen_random_uuid(), gen_random_uuid(), '', now(), now() FROM plan""",
    """INSERT INTO payments_discrepancy (kind, charge_id, refund_id, order_no, first_seen_at,
        last_seen_at, resolved_at, resolution) SELECT 'missed', n::text, '', '', made, made, made,
        'mended' FROM plan""",
    """INSERT INTO ledger_transaction (id, kind, reference, order_number, created_at)
        SELECT 1000000 + n, 'adjustment', n::text, '', made FROM plan""",
    """INSERT INTO ledger_entry (transaction_id, account_id, amount_fen)
        SELECT 1000000 + n, account, amount FROM plan, (VALUES (%(in_transit)s, 1), (%(wx)s, -1))
        legs (account, amount)""",
)


def _run(*statements: str, rows: int) -> None:
    values = {
        "rows": rows,
        "patient": make_patient().pk,
        "doctors": [make_doctor().pk for _ in range(DOCTORS)],
        "amount": AMOUNT_FEN,
        "in_transit": ledger.in_transit().pk,
        "wx": ledger.clearing("wx").pk,
    }
    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                cursor.execute(statement, values)
        cursor.execute("ANALYZE")


def make_history(rows: int) -> None:
    """A practice in which nothing is due: orders in all statuses, a third of them months."""
    plan = _PLAN.format(
        status="(ARRAY[0, 1, 1, 1, 2, 3, 4, 4, 5, 6])[n %% 10 + 1]",
        is_monthly="n %% 10 IN (2, 3, 8)",
    )
    # Running months were paid before any order that waits for its question.
    orders = _ORDERS.format(
        status_at="CASE WHEN is_monthly AND status = 1 THEN now() - interval '20 days'"
        " WHEN status IN (4, 5, 6) THEN made ELSE now() END"
    )
    _run(plan, orders, _PAYMENTS, *_HISTORY, rows=rows)


def make_answered(rows: int) -> None:
    """Orders that the clock should have finished."""
    plan = _PLAN.format(status="3", is_monthly="false")
    _run(plan, _ORDERS.format(status_at="made - interval '30 days'"), _PAYMENTS, rows=rows)
