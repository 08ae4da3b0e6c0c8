"""How the book is compared with what the rows demand of it: reference, account, amount."""

LEGS = """SELECT t.reference, a.code, e.amount_fen FROM ledger_transaction t
    JOIN ledger_entry e ON e.transaction_id = t.id JOIN ledger_account a ON a.id = e.account_id"""


def booked(kinds: str) -> str:
    return f"{LEGS} WHERE t.kind IN ({kinds})"


def without(some: str, others: str) -> str:
    return f"""SELECT reference, code, amount_fen FROM ({some}) one
        EXCEPT SELECT reference, code, amount_fen FROM ({others}) other"""  # noqa: S608 ours


STOOD_FOR = booked("'dispute'")
