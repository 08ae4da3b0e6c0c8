"""What a sandbox is set to."""

from dataclasses import dataclass, field


@dataclass
class Options:
    """Account data and switches; all but the first two may change while it runs.

    Units: `refund_seconds` (per channel, until a refund settles; 0 = at once) and the
    webhook delays are multiplied by `time_scale`; `webhook_timeout` is real seconds.
    """

    api_key: str
    app_id: str
    webhook_url: str | None = None
    time_scale: float = 1.0
    webhook_timeout: float = 5.0
    check_signatures: bool = True
    emit_reversed: bool = True
    refund_seconds: dict[str, float] = field(default_factory=lambda: {"alipay": 0.0, "wx": 5.0})

    @property
    def livemode(self) -> bool:
        """True with an `sk_live_` key."""
        return self.api_key.startswith("sk_live_")
