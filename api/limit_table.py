"""The limits as data: what is counted, for whom, how many in how long, and the words at the end.

Source: contract, section 1, "Counts". Nothing of Django here, since the settings read it.
"""

import re
from typing import NamedTuple

PREFIX = "LIMIT_"
_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})")
_COUNT = re.compile(r"([1-9][0-9]{0,8})")

LOGIN_DETAIL = "登录失败次数过多，请稍后重试"


class Limit(NamedTuple):
    """At most `many` in `seconds`, from the first one on; without `seconds`, open at once."""

    name: str
    many: int
    seconds: int | None
    detail: str

    @property
    def variable(self) -> str:
        """The environment variable that says otherwise: `60/3600`, or `20` without a time."""
        return PREFIX + self.name

    @property
    def rate(self) -> tuple[int, int | None]:
        return self.many, self.seconds

    def parse(self, text: str) -> tuple[int, int | None]:
        """Return (how many, seconds).  Raises: ValueError, whose words follow the variable."""
        match = (_COUNT if self.seconds is None else _RATE).fullmatch(text)
        if match is None:
            example = self.many if self.seconds is None else f"{self.many}/{self.seconds}"
            meaning = "a count" if self.seconds is None else "a count and seconds"
            raise ValueError(f"must be {meaning}, like {example}")
        return int(match[1]), int(match[2]) if self.seconds is not None else None


FAILED_LOGINS_HERE = Limit("FAILED_LOGINS_HERE", 5, 15 * 60, LOGIN_DETAIL)
"""Per account and network."""
FAILED_LOGINS_ELSEWHERE = Limit("FAILED_LOGINS_ELSEWHERE", 100, 3600, LOGIN_DETAIL)
"""Per account, from networks it never signed in from: nobody locks out somebody at home."""
FAILED_LOGINS_ADDRESS = Limit("FAILED_LOGINS_ADDRESS", 50, 15 * 60, LOGIN_DETAIL)
"""Per network, whatever the account."""
REGISTRATIONS = Limit("REGISTRATIONS", 20, 3600, "注册过于频繁，请稍后重试")
"""Per network."""
ORDERS = Limit("ORDERS", 60, 3600, "下单过于频繁，请稍后重试")
"""Orders created, per patient."""
UNPAID_ORDERS = Limit("UNPAID_ORDERS", 20, None, "未支付的订单过多，请先支付或取消")
"""Per patient; counted from the orders themselves."""
CHARGES = Limit("CHARGES", 30, 60, "支付过于频繁，请稍后重试")
"""Charges asked of the provider, recharges too, per user."""
UPLOADS = Limit("UPLOADS", 60, 3600, "上传过于频繁，请稍后重试")
"""Per user."""

LOGIN_LIMITS = (FAILED_LOGINS_HERE, FAILED_LOGINS_ELSEWHERE, FAILED_LOGINS_ADDRESS)
TABLE = (*LOGIN_LIMITS, REGISTRATIONS, ORDERS, UNPAID_ORDERS, CHARGES, UPLOADS)
