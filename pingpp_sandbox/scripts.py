"""Outcomes that a test decides for coming refunds."""

from dataclasses import dataclass

from pingpp_sandbox.errors import ApiError, channel_refused

# What becomes of a refund: `succeed` as its channel does; `succeed_then_fail` too, and its
# money comes back later; `pending` stays so; `fail` is pending and fails later; `refuse`
# answers 200 with status failed; `wait` is pending until somebody opens a URL; `reject` and
# `account_closed` answer an error, and there is no refund.
OUTCOMES = (
    "succeed",
    "succeed_then_fail",
    "pending",
    "fail",
    "refuse",
    "wait",
    "reject",
    "account_closed",
)
REJECT_STATUS = 402
REJECT_CODE = "refund_refused"

_CHANNEL_STATUS = 402


@dataclass
class Script:
    """An outcome for coming refunds: the next `times` (None: all), of a channel or a charge.

    `status` (an HTTP status from 400 to 499) and `code` are those of `reject`'s answer.
    """

    outcome: str
    times: int | None = 1
    channel: str | None = None
    charge: str | None = None
    status: int = REJECT_STATUS
    code: str = REJECT_CODE

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome: one of {', '.join(OUTCOMES)}")
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise ValueError("times: a positive integer or null")
        if type(self.status) is not int or not 400 <= self.status <= 499:
            raise ValueError("status: an HTTP status from 400 to 499")

    def is_for(self, channel: str, charge_id: str) -> bool:
        """Whether it decides about a refund of the charge."""
        return self.channel in (None, channel) and self.charge in (None, charge_id)

    def refusal(self, channel: str) -> ApiError | None:
        """The error that the outcome answers, if it is one."""
        if self.outcome == "account_closed":
            return channel_refused(channel, "原支付账户已注销", code="channel_response_code_fail")
        if self.outcome != "reject":
            return None
        if self.status == _CHANNEL_STATUS:
            return channel_refused(channel, "不能退款", code=self.code)
        return ApiError("该 charge 不能退款。", status=self.status, code=self.code)


def take(scripts: list[Script], channel: str, charge_id: str) -> Script | None:
    """The first script for a refund of the charge, used up if this was its last time."""
    for script in scripts:
        if not script.is_for(channel, charge_id):
            continue
        if script.times is not None:
            script.times -= 1
            if not script.times:
                scripts.remove(script)
        return script
    return None
