"""Invariants of the double-entry book by itself."""

from audit.invariant import Invariant
from ledger.models import TransactionKind

_KINDS = ", ".join(f"'{kind}'" for kind in TransactionKind.values)

INVARIANTS = (
    Invariant(
        "I01",
        "每笔交易的分录合计为零",
        "the entries of a transaction sum to zero; as none is zero, there are two or more",
        """
        SELECT transaction_id, SUM(amount_fen) AS sum_fen
        FROM ledger_entry GROUP BY transaction_id HAVING SUM(amount_fen) <> 0
        """,
    ),
    Invariant(
        "I02",
        "没有空的交易",
        "no transaction without entries",
        """
        SELECT t.id AS transaction_id FROM ledger_transaction t
        LEFT JOIN ledger_entry e ON e.transaction_id = t.id WHERE e.id IS NULL
        """,
    ),
    Invariant(
        "I03",
        "账户余额等于其分录之和",
        "a cached balance equals the sum of its entries",
        """
        SELECT a.id AS account_id, a.balance_fen, COALESCE(SUM(e.amount_fen), 0) AS entries_fen
        FROM ledger_account a LEFT JOIN ledger_entry e ON e.account_id = a.id
        WHERE a.owner_id IS NOT NULL GROUP BY a.id, a.balance_fen
        HAVING a.balance_fen <> COALESCE(SUM(e.amount_fen), 0)
        """,
    ),
    Invariant(
        "I04",
        "用户余额在任何时刻都不为负",
        "a wallet is not negative, now or after any entry",
        """
        SELECT id AS account_id, balance_fen FROM ledger_account
        WHERE kind = 'wallet' AND balance_fen < 0
        UNION ALL SELECT account_id, running_fen FROM (
            SELECT e.account_id,
                SUM(e.amount_fen) OVER (PARTITION BY e.account_id ORDER BY e.id) AS running_fen
            FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
            WHERE a.kind = 'wallet') history WHERE running_fen < 0
        """,
    ),
    Invariant(
        "I19",
        "全账合计为零",
        "the whole book sums to zero",
        """
        SELECT total_fen FROM (SELECT SUM(amount_fen) AS total_fen FROM ledger_entry) book
        WHERE total_fen <> 0
        """,
    ),
    Invariant(
        "I23",
        "每条分录的余额等于此前分录之和；公共账户不记余额",
        "balance_after is the running sum of an owned account, and empty for a shared one",
        """
        SELECT entry_id, account_id, balance_after_fen, running_fen FROM (
            SELECT e.id AS entry_id, e.account_id, e.balance_after_fen,
                SUM(e.amount_fen) OVER (PARTITION BY e.account_id ORDER BY e.id) AS running_fen
            FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
            WHERE a.owner_id IS NOT NULL) history
        WHERE balance_after_fen IS NULL OR balance_after_fen <> running_fen
        UNION ALL SELECT e.id, e.account_id, e.balance_after_fen, NULL
        FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id
        WHERE a.owner_id IS NULL AND e.balance_after_fen IS NOT NULL
        """,
    ),
    Invariant(
        "I47",
        "余额快照等于截至该分录之和，且只为公共账户而设",
        "a snapshot is the sum of a shared account's entries up to its last",
        """
        SELECT s.account_id, s.last_entry, s.balance_fen, COALESCE(SUM(e.amount_fen), 0) AS entries
        FROM ledger_balancesnapshot s JOIN ledger_account a ON a.id = s.account_id
        LEFT JOIN ledger_entry e ON e.account_id = a.id AND e.id <= s.last_entry
        GROUP BY s.account_id, s.last_entry, s.balance_fen, a.owner_id
        HAVING s.balance_fen <> COALESCE(SUM(e.amount_fen), 0) OR a.owner_id IS NOT NULL
        """,
    ),
    Invariant(
        "I24",
        "账户的类型、编号、所有者相符",
        "an account's kind, code and owner agree",
        """
        SELECT id AS account_id, kind, code, owner_id FROM ledger_account
        WHERE NOT (
            (kind IN ('wallet', 'earnings') AND owner_id IS NOT NULL
                AND balance_fen IS NOT NULL AND code = kind || ':' || owner_id)
            OR (kind = 'clearing' AND owner_id IS NULL AND balance_fen IS NULL
                AND substr(code, 1, 9) = 'clearing:')
            OR (kind IN ('in_transit', 'platform', 'suspense', 'bank') AND owner_id IS NULL
                AND balance_fen IS NULL AND code = kind))
        """,
    ),
    Invariant(
        "I25",
        "交易的类型与凭证相符",
        "a transaction's kind and reference agree",
        f"""
        SELECT id AS transaction_id, kind, reference FROM ledger_transaction
        WHERE kind NOT IN ({_KINDS})
            OR (kind IN ('payment', 'recharge')) <> (substr(reference, 1, 8) = 'capture:')
            OR (kind = 'refund') <> (substr(reference, 1, 7) = 'refund:')
            OR (kind = 'completion') <> (substr(reference, 1, 11) = 'completion:')
            OR (kind = 'suspense') <> (substr(reference, 1, 9) = 'suspense:')
            OR (kind = 'assigned') <> (substr(reference, 1, 9) = 'assigned:')
            OR (kind = 'reversal') <> (substr(reference, 1, 9) = 'reversal:')
            OR (kind = 'undone') <> (substr(reference, 1, 7) = 'undone:')
            OR (kind = 'dispute') <> (substr(reference, 1, 8) = 'dispute:')
            OR (kind = 'payout') <> (substr(reference, 1, 7) = 'payout:')
        """,  # noqa: S608 the kinds are the ledger's own
    ),
    Invariant(
        "I26",
        "交易写明其订单；充值与支付不混",
        "a transaction names the order it belongs to; a recharge is one without",
        """
        SELECT t.id AS transaction_id, t.reference FROM payments_payment p
        JOIN ledger_transaction t ON t.reference = 'capture:' || p.id
        LEFT JOIN qaorder_order o ON o.id = p.order_id
        WHERE t.order_number <> COALESCE(o.order_number, '')
            OR (t.kind = 'recharge') <> (p.order_id IS NULL)
        UNION ALL SELECT t.id, t.reference FROM payments_refund r
        JOIN ledger_transaction t ON t.reference = 'refund:' || r.id || ':' || r.attempt
        JOIN payments_payment p ON p.id = r.payment_id
        LEFT JOIN qaorder_order o ON o.id = p.order_id
        WHERE t.order_number <> COALESCE(o.order_number, '')
        UNION ALL SELECT t.id, t.reference FROM qaorder_order o
        JOIN ledger_transaction t ON t.reference = 'completion:' || o.id
        WHERE t.order_number <> o.order_number
        """,
    ),
)
