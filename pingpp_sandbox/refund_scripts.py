"""Outcomes that a test decides for coming refunds."""

from dataclasses import dataclass

from pingpp_sandbox.errors import ApiError, channel_refused

# What becomes of a refund: `pending` stays so; `refuse` answers 200 with status failed;
# `wait` is pending until somebody opens a URL; `reject` answers an error, and there is none.
OUTCOMES = ("pending", "refuse", "wait", "reject")

_CHANNEL_STATUS = 402


@dataclass
class Script:
    """An outcome for coming refunds: the next `times` (None: all), or those of one charge.

    `status` (an HTTP status from 400 to 499) and `code` are those of `reject`'s answer.
    """

    outcome: str
    times: int | None = 1
    charge: str | None = None
    status: int = _CHANNEL_STATUS
    code: str = "refund_refused"

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome: one of {', '.join(OUTCOMES)}")
        if not 400 <= self.status <= 499:
            raise ValueError("status: an HTTP status from 400 to 499")

    def refusal(self, channel: str) -> ApiError:
        """The error that `reject` answers."""
        if self.status == _CHANNEL_STATUS:
            return channel_refused(channel, "不能退款", code=self.code)
        return ApiError("该 charge 不能退款。", status=self.status, code=self.code)


def take(scripts: list[Script], charge_id: str) -> Script | None:
    """The first script for a refund of the charge, used up if this was its last time."""
    for script in scripts:
        if script.charge not in (None, charge_id):
            continue
        if script.times is not None:
            script.times -= 1
            if script.times <= 0:
                scripts.remove(script)
        return script
    return None
