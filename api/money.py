"""Money: integer fen inside, yuan text with two decimals in JSON. Never a float."""

import re

MAX_FEN = 5_000_000
"""The largest price or recharge: CNY 50000.00 (contract, section 2)."""

_PLAIN_YUAN = re.compile(r"(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,2}))?", re.ASCII)


def to_yuan(fen: int) -> str:
    """Return fen as yuan text: 1500 -> "15.00", -5 -> "-0.05"."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def to_fen(yuan: str) -> int:
    """Return plain yuan text as fen: "15" and "15.0" -> 1500.

    Raises: ValueError for anything else (signs, exponents, a third decimal, full-width digits);
    input is never rounded.
    """
    match = _PLAIN_YUAN.fullmatch(yuan)
    if match is None:
        raise ValueError("not a plain amount in yuan")
    whole, decimals = match.groups()
    return int(whole) * 100 + int((decimals or "").ljust(2, "0"))


def split(amount_fen: int, percent: int) -> tuple[int, int]:
    """Return (share, rest) where share is `percent` of the amount rounded down; they sum to it."""
    share = amount_fen * percent // 100
    return share, amount_fen - share
